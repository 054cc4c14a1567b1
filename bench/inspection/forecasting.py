"""What a run would do, and how long it would take."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from bench.inspection.census import LACKING, Census
from bench.inspection.durations import Basis, DurationEstimator
from bench.planning.schedule import Forecast, simulate


@dataclass(frozen=True)
class Workload:
    """What a run would do of one kind of stage.

    That is how many stages are planned, have a record, and would run; what is neither is not
    needed. The seconds are those of all that would run, None when none of the kind has run before
    or, ``short``, only for too few updates to tell; the bases how many of the estimates rest on
    what.
    """

    kind: str
    planned: int
    there: int
    pending: int
    seconds: float | None
    bases: Mapping[Basis, int]
    short: bool


def workloads(census: Census, estimator: DurationEstimator) -> tuple[Workload, ...]:
    """Count the stages of each kind, in the order they depend on each other."""
    found = []
    groups = census.counts(lambda stage: stage.kind)
    for kind in census.plan.kinds:
        counts = groups.get(kind, Counter())
        pending = [stage for stage in census.in_state(*LACKING) if stage.kind == kind]
        estimates = [estimator(stage) for stage in pending]
        known = [estimate for estimate in estimates if estimate is not None]
        found.append(
            Workload(
                kind=kind,
                planned=counts.total(),
                there=counts["done"],
                pending=len(pending),
                seconds=sum(estimate.seconds for estimate in known)
                if len(known) == len(estimates)
                else None,
                bases=Counter(estimate.basis for estimate in known),
                short=kind in estimator.short,
            )
        )
    return tuple(found)


def forecast(
    census: Census, estimator: DurationEstimator, workers: int, beside: int = 0
) -> Forecast | None:
    """Play the run through; None when a stage has no estimate.

    For ``beside`` see `bench.planning.schedule.Schedule`.
    """
    seconds: dict[str, float] = {}
    for stage in census.in_state(*LACKING):
        estimate = estimator(stage)
        if estimate is None:
            return None
        seconds[stage.key] = estimate.seconds
    return simulate(
        census.plan,
        lambda stage: seconds[stage.key],
        workers,
        done=census.catalogue.records.keys(),
        beside=beside,
    )
