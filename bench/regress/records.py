"""Gate A: same seeds, record by record; what may differ is arithmetic alone."""

from collections.abc import Mapping
from typing import Any

from bench.metrics import METRICS
from bench.regress.baseline import Baseline, Measured
from bench.regress.report import (
    Change,
    Report,
    cause_of,
    incomparable,
    missing_metrics,
    verdict_of,
)


def compare_records(
    baseline: Baseline, now: Measured, settings: Mapping[str, Any], sources: Mapping[str, str]
) -> Report:
    """Compare every cell and metric of a run with the baseline's.

    Parameters
    ----------
    baseline : Baseline
        What was declared right.
    now : Measured
        The run.
    settings, sources : mapping
        The run's, to say what may be the cause.

    Returns
    -------
    Report
        Its changes are those beyond the tolerance.
    """
    then = baseline.measured
    both = sorted(then.cells.keys() & now.cells.keys())
    missing = [f"{cell}: not in the run" for cell in sorted(then.cells.keys() - now.cells.keys())]
    missing += [
        f"{cell}: not in the baseline" for cell in sorted(now.cells.keys() - then.cells.keys())
    ]
    changes: list[Change] = []
    compared = 0
    for cell in both:
        missing += missing_metrics(then.cells[cell], now.cells[cell], str(cell))
        for metric in METRICS:
            old, new = then.cells[cell].get(metric.key), now.cells[cell].get(metric.key)
            if old is None or new is None:
                continue
            compared += 1
            allowed = baseline.tolerance.allowed(metric.key)
            if abs(new - old) > allowed:
                worse = (new < old) == metric.higher_is_better
                changes.append(
                    Change(
                        metric.key,
                        cell.variant,
                        cell.category,
                        cell.seed,
                        old,
                        new,
                        allowed,
                        worse=worse,
                    )
                )
    changes.sort(key=lambda change: -abs(change.change) / change.noise)
    reasons = incomparable(baseline, now)
    return Report(
        verdict=verdict_of(
            compared=compared, changes=changes, missing=missing, incomparable=reasons
        ),
        experiment=baseline.experiment,
        compared=compared,
        cells=tuple(both),
        changes=tuple(changes),
        missing=tuple(missing),
        incomparable=reasons,
        cause=cause_of(baseline, now, settings, sources),
    )
