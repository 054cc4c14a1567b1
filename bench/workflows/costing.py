"""What methods cost: measured on one finished cell of each, in a process that does nothing else."""

from __future__ import annotations

import contextlib
import math
import time
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch.utils.flop_counter import FlopCounterMode

from bench.common.provenance import device_name, peak_memory
from bench.data.kinds import DatasetKind, find_kind
from bench.methods import methods
from bench.results.costs import Cost
from bench.running.execution import result_of
from bench.running.isolation import alone
from bench.running.site import Images, StageSite
from bench.store.runs import DamagedArtifact, RunStore
from destseg.application.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bench.experiment.grid import Cell
    from bench.planning.experiment_plan import ExperimentPlan
    from bench.planning.inputs import Inputs
    from bench.planning.stages import Stage

UPDATES = 64
"""Updates of a training that are counted. The others have as many multiply-accumulates."""

REPEATS = 3
"""Predictions of which the quickest is meant."""

_DATA = {"images", "rotation", "textures"}
"""What steps read that is no backbone."""


def costs_of(
    laid: ExperimentPlan,
    variants: Mapping[str, str],
    store: RunStore,
    known: Mapping[str, Cost],
    device: str,
) -> dict[str, Cost]:
    """Measure what methods cost that are finished.

    Parameters
    ----------
    laid : ExperimentPlan
        Whose cells are looked at, of each method the first.
    variants : mapping
        Method -> the variant that stands for it.
    store : RunStore
        Where the results of their stages are.
    known : mapping
        Costs that were measured before: of the same cell on the same device they are kept.
    device : str
        Torch device.

    Returns
    -------
    dict
        By the methods' names; without those that lack a stage's record or result.
    """
    found: dict[str, Cost] = {}
    wanted = [row for row in variants.items() if row[1] in laid.grid.methods.get(row[0], ())]
    with Progress("costs", len(wanted), unit="method") as shown:
        for method, variant in wanted:
            lineages = _lineages(laid, method, variant)
            first = next(iter(lineages))
            last, cell = lineages[first][-1], laid.plan.evaluations[first].key
            before = known.get(method)
            if before and (before.key, before.device) == (last.key, device_name(device)):
                found[method] = replace(before, cell=cell)
            elif (seconds := _training_seconds(lineages, store)) is not None:
                looked_at = _looked_at(method, lineages[first])
                shown.say(f"measuring what {method} costs: {looked_at}, alone")
                place = _Place(laid.inputs, find_kind(laid.experiment.dataset.kind), store, device)
                with contextlib.suppress(DamagedArtifact):
                    counted = alone(_counted, last, place)
                    sharers = _sharers(lineages)
                    found[method] = _cost(cell, last, seconds, counted, sharers, device)
            shown.advance()
    return found


def _looked_at(method: str, stages: Sequence[Stage]) -> str:
    """Say what is measured of a method that has these stages for a cell."""
    if methods()[method].scaled is not None:
        return "some updates and predictions"
    return "a fit and predictions" if len(stages) > 1 else "predictions"


def _cost(
    cell: str,
    last: Stage,
    seconds: float,
    counted: _Counted,
    sharers: Mapping[str, int],
    device: str,
) -> Cost:
    """Put together what was counted of a cell and what its trainings took."""
    training = counted.training
    return Cost(
        key=last.key,
        cell=cell,
        device=device_name(device),
        numbers=counted.numbers,
        pretrained=counted.pretrained,
        training_macs=sum(macs / sharers[key] for key, macs in training.items()),
        training_seconds=seconds,
        shared_macs=sum(macs for key, macs in training.items() if sharers[key] > 1),
        prediction_macs=counted.prediction_macs,
        prediction_seconds=counted.prediction_seconds,
        peak_memory=counted.peak_memory,
    )


def _lineages(laid: ExperimentPlan, method: str, variant: str) -> dict[Cell, tuple[Stage, ...]]:
    """Return of each cell of a row the stages up to its maps, each once."""
    return {
        cell: tuple(dict.fromkeys(evaluation.parents[0].lineage()))
        for cell, evaluation in laid.plan.evaluations.items()
        if (cell.method, cell.variant) == (method, variant)
    }


def _sharers(lineages: Mapping[Cell, Sequence[Stage]]) -> Counter[str]:
    """Count the cells that a stage serves."""
    return Counter(stage.key for stages in lineages.values() for stage in stages)


def _training_seconds(lineages: Mapping[Cell, Sequence[Stage]], store: RunStore) -> float | None:
    """Average over cells what their trainings took; None where a record is missing."""
    keys = {stage.key for stages in lineages.values() for stage in stages[:-1]}
    records = [store.get(key) for key in keys]
    seconds = [record.seconds for record in records if record is not None]
    return sum(seconds) / len(lineages) if len(seconds) == len(records) else None


@dataclass(frozen=True)
class _Place:
    """Where stages are looked at."""

    inputs: Inputs
    kind: DatasetKind
    store: RunStore
    device: str

    def results(self, stages: Sequence[Stage]) -> tuple[Any, ...]:
        return tuple(result_of(self.store, stage) for stage in stages)


class _Counted(NamedTuple):
    """What the process finds."""

    numbers: int
    pretrained: int
    training: Mapping[str, float]
    """Key of a stage -> its multiply-accumulates."""
    prediction_macs: float
    prediction_seconds: float
    peak_memory: int


def _counted(last: Stage, place: _Place) -> _Counted:
    """Train a little of each of the stages before a method's last, then predict."""
    if place.device == "cpu":
        torch.set_num_threads(1)
    stages = tuple(dict.fromkeys(last.lineage()))[:-1]
    training = {stage.key: _training_macs(stage, place) for stage in stages}
    parents = place.results(last.parents)
    assert last.step is not None
    site = StageSite(last, place.inputs, place.kind, place.device)
    backbones = [site[name] for name in last.step.reads if name not in _DATA]
    macs, seconds = _prediction(last, parents, place)
    return _Counted(
        numbers=sum(math.prod(each.shape) for state in parents for each in state.values()),
        pretrained=sum(each.numel() for one in backbones for each in one.parameters()),
        training=training,
        prediction_macs=macs,
        prediction_seconds=seconds,
        peak_memory=peak_memory(),
    )


class _Enough(Exception):
    """A training was seen for long enough."""


class _Observed(StageSite):
    """A site that counts the updates of a training, and ends it after some."""

    def __init__(self, stage: Stage, place: _Place, macs: Callable[[], float]) -> None:
        super().__init__(stage, place.inputs, place.kind, place.device)
        self._macs = macs
        self.updates = 0
        self.seen: list[tuple[int, float]] = []

    def beat(self, steps: int) -> Callable[[int, float], None]:
        """Note updates and multiply-accumulates so far."""
        self.updates = steps

        def note(done: int, _: float) -> None:
            self.seen.append((done, self._macs()))
            if done - self.seen[0][0] >= UPDATES:
                raise _Enough

        return note


def _training_macs(stage: Stage, place: _Place) -> float:
    """Count a training's multiply-accumulates; all that it does where it makes no updates.

    The first update does not count, which may be preceded by looks at later batches.
    """
    assert stage.step is not None
    with FlopCounterMode(display=False) as counter:
        site = _Observed(stage, place, lambda: counter.get_total_flops() / 2)
        with contextlib.suppress(_Enough):
            stage.step.run(site, *place.results(stage.parents))
    if len(site.seen) < 2:
        return float(counter.get_total_flops() / 2)
    (first, before), (last, after) = site.seen[0], site.seen[-1]
    return (after - before) / (last - first) * site.updates


class _Glimpse(StageSite):
    """A site at which there are but some test images."""

    def __init__(self, stage: Stage, place: _Place, count: int) -> None:
        super().__init__(stage, place.inputs, place.kind, place.device)
        self._count = count

    def __getitem__(self, name: str) -> Any:
        """Return what the step declares to read."""
        found = super().__getitem__(name)
        return Images(found.train, found.test[: self._count]) if name == "images" else found


def _prediction(last: Stage, parents: Sequence[Any], place: _Place) -> tuple[float, float]:
    """Return multiply-accumulates and seconds of an image.

    Of what the first image takes more than others, such as putting networks together, nothing
    counts.
    """
    assert last.step is not None
    step = last.step

    def macs_and_seconds(count: int) -> tuple[float, float]:
        site = _Glimpse(last, place, count)
        with FlopCounterMode(display=False) as counter:
            step.run(site, *parents)
        times = []
        for _ in range(REPEATS):
            start = time.perf_counter()
            step.run(site, *parents)
            times.append(time.perf_counter() - start)
        return counter.get_total_flops() / 2, min(times)

    count = place.inputs.categories[last.category].test
    (some, quick), (one, first) = macs_and_seconds(count), macs_and_seconds(1)
    if count == 1:
        return some, quick
    return (some - one) / (count - 1), (quick - first) / (count - 1)
