"""How long stages will take, judged by those that have run."""

import statistics
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from bench.experiment.experiment import flat_settings
from bench.experiment.lengths import hardly_trains
from bench.planning.stages import Stage, canonical, step_types
from bench.store.records import Record

Basis = Literal["alike", "scaled", "elsewhere"]


@dataclass(frozen=True)
class Duration:
    """The expected duration of a stage in seconds of wall time, and what it rests on.

    ``alike`` is the median of stages alike on the same device; ``scaled`` that of all stages of
    the kind, each scaled by its amount of work, which is no more than an order of magnitude, and
    ``elsewhere`` the same of other devices, where this one has none of the kind. Trainings of a few
    updates are nearly all start-up, and none is scaled from them.
    """

    seconds: float
    basis: Basis


class DurationEstimator:
    """Durations by what past stages took.

    They are of the device that will compute, by its name; of others where it has none. To stages
    that compute on no device its name is nothing.

    Attributes
    ----------
    short
        Kinds of stages of which there are only trainings too short to scale others from.
    """

    def __init__(self, records: Iterable[Record], device: str) -> None:
        alike: dict[Hashable, list[float]] = {}
        paces: dict[tuple[str, bool], list[float]] = {}
        short = set()
        for record in records:
            # Other people's maps are read and not computed; their evaluation is another work.
            if "maps" in record.parameters or record.kind not in step_types():
                continue
            on_device = step_types()[record.kind].on_device
            same = not on_device or record.provenance.get("device") == device
            if same:
                key = _signature(record.kind, record.parameters)
                alike.setdefault(key, []).append(record.seconds)
            if _is_start_up(record.parameters):
                short.add(record.kind)
                continue
            pace = record.seconds / work(record.kind, record.parameters)
            paces.setdefault((record.kind, same), []).append(pace)
        self._alike = {key: statistics.median(values) for key, values in alike.items()}
        self._paces = {key: statistics.median(values) for key, values in paces.items()}
        self.short = short - {kind for kind, _ in paces}

    def __call__(self, stage: Stage) -> Duration | None:
        """Estimate a stage; None when none of its kind has run, or trained for long enough."""
        kind, parameters = stage.kind, stage.parameters
        median = self._alike.get(_signature(kind, parameters))
        if median is not None:
            return Duration(median, "alike")
        bases: dict[bool, Basis] = {True: "scaled", False: "elsewhere"}
        for same, basis in bases.items():
            if (pace := self._paces.get((kind, same))) is not None:
                return Duration(pace * work(kind, parameters), basis)
        return None


def work(kind: str, parameters: Mapping[str, Any]) -> float:
    """Return what a stage's duration is about proportional to; `bench.methods.steps.Step`."""
    return step_types()[kind].work(parameters)


def duration(seconds: float) -> str:
    """Write a time for people: ``0.4 s``, ``3 min 20 s``, ``5 h 12 min``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 1:
        return f"{rest} s"
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    return f"{minutes // 60} h {minutes % 60:02} min"


def _is_start_up(parameters: Mapping[str, Any]) -> bool:
    """Tell whether a stage trains for so few updates that most of its time is something else."""
    counts = {name.rpartition(".")[2]: value for name, value in flat_settings(parameters).items()}
    return any(
        unit.endswith(("steps", "epochs")) and isinstance(count, int) and hardly_trains(unit, count)
        for unit, count in counts.items()
    )


def _signature(kind: str, parameters: Mapping[str, Any]) -> Hashable:
    """Return what stages must have in common to take about the same time.

    The amount of work, and all settings but rates and groups such as a protocol.
    """
    other = {"category", "seed", "images", *step_types()[kind].reads}
    settings = {
        name: value
        for name, value in parameters.items()
        if name not in other and not isinstance(value, float | Mapping)
    }
    return kind, work(kind, parameters), canonical(settings)
