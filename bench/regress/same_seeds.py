"""Gate A: same seeds, record by record; what may differ is arithmetic alone."""

import itertools

from bench.metrics import ALL_METRICS
from bench.regress.baseline import Baseline
from bench.regress.gate_report import Cause, Change, GateReport, incomparable, wide_notes
from bench.regress.measured import Measured, missing_values, told


def compare_same_seeds(baseline: Baseline, now: Measured, cause: Cause) -> GateReport:
    """Compare every cell and metric of a run with the baseline's.

    The report's changes are those beyond the tolerance; the cause is what else differs.
    """
    then = baseline.measured
    both = sorted(then.cells.keys() & now.cells.keys())
    metrics = tuple(dict.fromkeys((*then.metrics, *now.metrics)))
    missing = []
    for side, measured, other in (("run", now, then), ("baseline", then, now)):
        lost = sorted(other.cells.keys() - measured.cells.keys())
        missing += [f"{told(cell)}: not in the {side}" for cell in lost]
        missing += missing_values(measured, metrics, side)
    changes: list[Change] = []
    compared = 0
    for cell, metric in itertools.product(both, metrics):
        old, new = then.cells[cell].get(metric), now.cells[cell].get(metric)
        if old is None or new is None:
            continue
        compared += 1
        allowed = baseline.tolerance.allowed(metric)
        if abs(new - old) > allowed:
            worse = (new < old) == ALL_METRICS[metric].higher_is_better
            names = (cell.method, cell.variant, cell.category, cell.seed)
            changes.append(Change(metric, *names, old, new, allowed, worse=worse))
    changes.sort(key=lambda change: -abs(change.change) / change.noise)
    return GateReport(
        experiment=baseline.experiment,
        compared=compared,
        cells=tuple(both),
        changes=tuple(changes),
        missing=tuple(missing),
        incomparable=incomparable(baseline, now),
        notes=wide_notes({m: baseline.tolerance.allowed(m) for m in metrics}),
        cause=cause,
    )
