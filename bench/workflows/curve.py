"""Quality by length of training, on the images that settings are chosen on."""

import dataclasses
from collections.abc import Callable

import pandas as pd

from bench.data.kinds import find_kind
from bench.experiment.experiment import Experiment
from bench.methods import method
from bench.planning.experiment_plan import lay_out
from bench.planning.inputs import Sources
from bench.results.lookup import finished_of
from bench.running.runner import FailedCell, run
from bench.running.workers import Workers
from bench.store.runs import RunStore
from destseg.errors import InputError

FACTORS = (0.25, 0.5, 1.0, 2.0)
"""How many times the updates of the experiment's setting."""

CATEGORIES = ("capsule", "grid", "hazelnut", "tile", "zipper")
"""Of the miniature's development draws, where none are asked for; its settings are chosen on them
too."""


def development_of(experiment: Experiment) -> Experiment:
    """Return the experiment on the images that settings are chosen on, each method's full variant.

    Raises
    ------
    InputError
        When its dataset has none.
    """
    kind = find_kind(experiment.dataset.kind)
    if not kind.development:
        raise InputError(
            f"{experiment.name}: {kind.title} has no development images, and its test images are "
            "not for choosing settings; take an experiment on the miniature."
        )
    variants = {name: (method(name).full,) for name in experiment.grid.variants}
    return dataclasses.replace(
        experiment,
        dataset=dataclasses.replace(experiment.dataset, kind=kind.development),
        grid=dataclasses.replace(experiment.grid, variants=variants),
        tables=(),
        include=(),
    )


def at_length(experiment: Experiment, factor: float) -> Experiment:
    """Return it with so many times the updates; at other than one without what has none."""
    names = [name for name in experiment.configs if factor == 1 or method(name).scaled is not None]
    configs = {name: _scaled(name, experiment.configs[name], factor) for name in names}
    variants = {name: experiment.grid.variants[name] for name in names}
    grid = dataclasses.replace(experiment.grid, variants=variants)
    return dataclasses.replace(experiment, configs=configs, grid=grid)


def _scaled(name: str, config: object, factor: float) -> object:
    change = method(name).scaled
    return config if change is None or factor == 1 else change(config, factor)


def measure_curve(
    experiment: Experiment,
    sources: Sources,
    store: RunStore,
    open_workers: Callable[[], Workers],
    *,
    jobs: int,
    command: str,
) -> tuple[pd.DataFrame, tuple[FailedCell, ...], str | None]:
    """Run what is missing of an experiment at each of `FACTORS`.

    Returns
    -------
    pandas.DataFrame
        The finished cells, with the column ``factor``.
    tuple of FailedCell
        Those that could not be computed.
    str or None
        Why it ended early.
    """
    frames: list[pd.DataFrame] = []
    failures: list[FailedCell] = []
    for factor in FACTORS:
        part = at_length(experiment, factor)
        if not part.configs:
            continue
        laid = lay_out(part, sources, jobs)
        with open_workers() as opened:
            summary = run(laid.plan, part, laid.inputs, store, opened, command=command)
        frames.append(finished_of(laid, store).results.cells.assign(factor=factor))
        failures += summary.failures
        if summary.stopped is not None:
            break
    return pd.concat(frames, ignore_index=True), tuple(failures), summary.stopped
