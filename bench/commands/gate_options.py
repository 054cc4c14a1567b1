"""What ``regress`` and ``baseline`` have in common: which experiment, and a run of it."""

import argparse
import dataclasses
from pathlib import Path
from typing import Any

from bench.experiment.library import find_experiment
from bench.experiment.reading import load_experiment
from bench.regress.fresh_run import measure
from bench.regress.measured import Measured, read_measured

PASSED_ON = ("data", "textures", "teacher", "device", "jobs")


def add_run_options(command: argparse.ArgumentParser) -> None:
    """Add the options that choose and run an experiment."""
    command.add_argument(
        "--experiment",
        type=Path,
        default=Path("smoke"),
        metavar="EXPERIMENT",
        help="a TOML file, or the name of one in experiments/; default: smoke",
    )
    command.add_argument(
        "--cells",
        type=Path,
        metavar="CSV",
        help="cells.csv of a finished run; default: run the experiment from nothing",
    )
    run = command.add_argument_group("run", "passed on to `python -m bench reproduce`")
    run.add_argument("--method", action="append", metavar="M", default=[])
    run.add_argument("--variant", action="append", metavar="V", default=[])
    run.add_argument("--data", metavar="DIR")
    run.add_argument("--textures", metavar="DIR")
    run.add_argument("--teacher", metavar="NAME|PATH")
    run.add_argument("--device", metavar="DEVICE")
    run.add_argument("--jobs", metavar="N")


def settings_of(options: argparse.Namespace) -> dict[str, Any]:
    """Return the experiment's settings as a baseline keeps them: all but grid and words."""
    settings = dataclasses.asdict(load_experiment(find_experiment(options.experiment)))
    for name in ("name", "title", "tables", "include", "grid"):
        del settings[name]
    if options.teacher:
        settings["teacher"] = Path(options.teacher).stem
    return settings


def measured(options: argparse.Namespace, seeds: list[int] | None = None) -> Measured:
    """Read the cells that were named, or run the experiment."""
    if options.cells is not None:
        return read_measured(options.cells)
    passed = [
        part
        for name in PASSED_ON
        if (value := getattr(options, name)) is not None
        for part in (f"--{name}", value)
    ]
    passed += [part for name in options.method for part in ("--method", name)]
    passed += [part for name in options.variant for part in ("--variant", name)]
    passed += [part for seed in seeds or [] for part in ("--seed", str(seed))]
    return measure(find_experiment(options.experiment), passed)
