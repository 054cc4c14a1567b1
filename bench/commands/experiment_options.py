"""The options by which every command chooses an experiment, its data and a part of its grid."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bench.commands.parsers import add_results
from bench.data.cache import cache_root
from bench.experiment.library import experiment_names, find_experiment
from bench.store.runs import RunStore
from destseg.application.options import offer
from destseg.config import PRECISIONS
from destseg.errors import InputError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Sequence

    from bench.experiment.experiment import Experiment
    from bench.planning.experiment_plan import ExperimentPlan
    from bench.planning.inputs import Sources

NAMED = 3
"""Inputs named in one sentence; the others are counted."""


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the options."""
    from bench.data.kinds import all_kinds

    experiment = command.add_argument(
        "experiment",
        nargs="?",
        type=Path,
        metavar="EXPERIMENT",
        help=f"a TOML file, or one of {', '.join(experiment_names())}; "
        "default: ablation, or mvtec with --dataset mvtec",
    )
    offer(experiment, experiment_names())
    grid = command.add_argument_group("grid", "each may be given several times")
    grid.add_argument("--category", action="append", metavar="C", help="only this category")
    grid.add_argument(
        "--method",
        action="append",
        metavar="M",
        help="only this method, and the floors unless one of them is named",
    )
    grid.add_argument("--variant", action="append", metavar="V", help="only this variant")
    grid.add_argument("--seed", action="append", type=int, metavar="S", help="only this seed")
    data = command.add_argument_group("data")
    data.add_argument("--dataset", choices=sorted(all_kinds()), help="default: the experiment's")
    data.add_argument("--data", type=Path, metavar="DIR", help="folder in MVTec AD layout")
    data.add_argument(
        "--textures",
        type=Path,
        metavar="DIR",
        help="anomaly source images, such as DTD; default: the embedded set",
    )
    data.add_argument(
        "--teacher",
        metavar="NAME|PATH",
        help="distilled, procedural, untrained, imagenet or a weight file",
    )
    add_results(command)
    command.add_argument(
        "--precision",
        choices=PRECISIONS,
        help="in what DeSTSeg, STFPM, DRAEM and DSR are trained; default: the experiment's, "
        "float32",
    )
    command.add_argument("--device", default="auto", help="auto, cpu or cuda; default: auto")


def add_protocol(command: argparse.ArgumentParser) -> None:
    """Add the option that `bench.experiment.protocols.load_protocol` reads."""
    from bench.metrics import PROTOCOLS

    command.add_argument(
        "--protocol",
        default="paper",
        metavar="NAME|TOML",
        help=f"one of {', '.join(PROTOCOLS)}, or an experiment's file; default: paper",
    )


def chosen_experiment(options: argparse.Namespace) -> tuple[Experiment, str]:
    """Return the experiment with the options applied, and the name of its folder of results."""
    from bench.data.kinds import find_kind
    from bench.experiment.reading import load_experiment

    default = find_kind(options.dataset or "miniature").default_experiment
    path = find_experiment(options.experiment or Path(default))
    stated = load_experiment(path)
    experiment = _with_options(load_experiment(path, options.dataset), options)
    kind = experiment.dataset.kind
    parts = [stated.name]
    if kind != stated.dataset.kind:
        parts.append(kind)
    before = {k: v for k, v in stated.precisions.items() if k in experiment.configs}
    if options.precision is not None and experiment.precisions != before:
        parts.append(options.precision)
        # Beside the experiment as it is stated it must be told from that.
        experiment = dataclasses.replace(experiment, name="-".join(parts))
    return experiment, "-".join(parts)


def chosen_device(options: argparse.Namespace, experiment: Experiment) -> str:
    """Return the device asked for, which must have the precisions that are trained in.

    Raises
    ------
    InputError
        When it is not there, or has not.
    """
    from destseg.application.devices import choose_device
    from destseg.precision import require_precision

    device = choose_device(options.device)
    for precision in experiment.precisions.values():
        require_precision(precision, device)
    return device


def chosen_sources(options: argparse.Namespace) -> Sources:
    """Return where this machine keeps its data."""
    from bench.planning.inputs import Sources

    return Sources(options.data, options.textures, cache_root())


def look_up_chosen(options: argparse.Namespace, *, assume: bool = False) -> ExperimentPlan:
    """Lay out the experiment that the options choose, and tell what is not prepared of it."""
    from bench.planning.experiment_plan import look_up

    experiment, _ = chosen_experiment(options)
    laid = look_up(experiment, chosen_sources(options), assume=assume)
    tell_unprepared(laid.unprepared)
    return laid


def heading_of(experiment: Experiment) -> str:
    """Name an experiment and its dataset, for the head of an answer."""
    from bench.data.kinds import find_kind

    return f"{experiment.name} on {find_kind(experiment.dataset.kind).title}"


def tell_unprepared(names: Iterable[str]) -> None:
    """Say on stderr which inputs are not prepared, which decides how an answer is to be read."""
    if all_names := tuple(names):
        listed = ", ".join(all_names[:NAMED])
        if all_names[NAMED:]:
            listed += f" and {len(all_names) - NAMED} more"
        print(
            f"inputs not prepared yet: {listed}; finished stages cannot be matched until "
            "`python -m bench reproduce` has run.",
            file=sys.stderr,
        )


def chosen_store(options: argparse.Namespace) -> RunStore:
    """Return the run store in the folder of results, which need not exist."""
    return RunStore(options.results / "runs")


def _with_options(experiment: Experiment, options: argparse.Namespace) -> Experiment:
    """Apply the command line's changes to an experiment."""
    from bench.data.kinds import find_kind

    kind = options.dataset or experiment.dataset.kind
    if options.data is not None and not find_kind(kind).needs_data:
        raise InputError(f"--data {options.data}: the {kind} reads none; add --dataset mvtec.")
    part = experiment.narrowed(
        methods=_with_floors(options.method or (), experiment),
        variants=options.variant or (),
        categories=options.category or (),
        seeds=options.seed or (),
    )
    if options.precision is not None:
        part = part.in_precision(options.precision)
    return dataclasses.replace(
        part,
        dataset=dataclasses.replace(part.dataset, kind=kind),
        teacher=options.teacher or part.teacher,
    )


def _with_floors(methods: Sequence[str], experiment: Experiment) -> tuple[str, ...]:
    """Add the experiment's floors to chosen methods of which none is one: nothing stands alone."""
    from bench.methods import FLOORS

    if not methods or set(methods) & set(FLOORS):
        return tuple(methods)
    return (*methods, *(floor for floor in FLOORS if floor in experiment.grid.variants))
