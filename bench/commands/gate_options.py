"""What ``regress`` and ``baseline`` have in common: which experiment, and a run of it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.commands.parsers import typed
from bench.experiment.library import baseline_of, experiment_names, find_experiment
from destseg.application.options import offer
from destseg.errors import InputError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from bench.regress.measured import Measured

PASSED_ON = {
    "method": "M",
    "variant": "V",
    "data": "DIR",
    "textures": "DIR",
    "teacher": "NAME|PATH",
    "device": "DEVICE",
    "jobs": "N",
}
"""Options of `python -m bench reproduce`, with what their values are called."""


def add_run_options(command: argparse.ArgumentParser) -> None:
    """Add the options that choose and run an experiment."""
    experiment = command.add_argument(
        "--experiment",
        type=Path,
        metavar="EXPERIMENT",
        help="a TOML file, or the name of one in experiments/; default: smoke; with --cells none",
    )
    offer(experiment, experiment_names())
    command.add_argument(
        "--cells",
        type=Path,
        metavar="CSV",
        help="cells.csv of a finished run or of anybody's scores; default: run the experiment",
    )
    run = command.add_argument_group("run", "passed on to `python -m bench reproduce`")
    for name, value in PASSED_ON.items():
        run.add_argument(f"--{name}", action="append", metavar=value, default=[])


def add_baseline(command: argparse.ArgumentParser, option: str) -> None:
    """Add the option that names the baseline's file, for `baseline_file`."""
    command.add_argument(
        option,
        dest="baseline",
        type=Path,
        metavar="JSON",
        help="default: experiments/baselines/<name>.json",
    )


def baseline_file(options: argparse.Namespace, remedy: str) -> Path:
    """Return the baseline's file: the one that is named, or the experiment's.

    Raises
    ------
    InputError
        When cells are of no experiment, so that the file must be named; with the remedy.
    """
    if options.baseline is not None:
        return Path(options.baseline)
    experiment = experiment_of(options)
    if experiment is None:
        raise InputError(f"--cells without --experiment: {remedy}")
    return baseline_of(experiment)


def typed_baseline(options: argparse.Namespace) -> str:
    """Return the command that adopts what `regress` was given: the same run, the same file."""
    words: list[object] = ["baseline", "--reason", "why"]
    for name in ("experiment", "cells"):
        if (value := getattr(options, name)) is not None:
            words += [f"--{name}", value]
    for name in PASSED_ON:
        for value in getattr(options, name):
            words += [f"--{name}", value]
    if options.baseline is not None:
        words += ["--to", options.baseline]
    return typed(*words)


def experiment_of(options: argparse.Namespace) -> Path | None:
    """Return the experiment's file; None where cells are given that need not be of one."""
    if options.experiment is None and options.cells is not None:
        return None
    return find_experiment(options.experiment or Path("smoke"))


def settings_of(options: argparse.Namespace) -> dict[str, Any]:
    """Return the experiment's settings as a baseline keeps them: all but grid and words.

    They are empty where there is no experiment.
    """
    from bench.experiment.reading import load_experiment

    path = experiment_of(options)
    if path is None:
        return {}
    experiment = load_experiment(path)
    if options.teacher:
        experiment = dataclasses.replace(experiment, teacher=options.teacher[-1])
    return experiment.settings


def measured(options: argparse.Namespace, seeds: Sequence[int] = ()) -> Measured:
    """Read the cells that were named, or run the experiment."""
    from bench.regress.fresh_run import measure
    from bench.regress.measured import read_measured

    passed = [f"--{name}={value}" for name in PASSED_ON for value in getattr(options, name)]
    if options.cells is not None:
        if passed:
            raise InputError(f"{passed[0]}: --cells is of a run that is finished; leave one out.")
        return read_measured(options.cells)
    passed += [f"--seed={seed}" for seed in seeds]
    return measure(find_experiment(options.experiment or Path("smoke")), passed)
