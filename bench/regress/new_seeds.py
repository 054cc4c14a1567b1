"""Gate B: new seeds against the baseline's, by two tests with known false-alarm rates."""

import itertools

import numpy as np

from bench.experiment.grid import Cell
from bench.metrics import ALL_METRICS
from bench.regress.baseline import DIGITS, Baseline
from bench.regress.gate_report import Cause, Change, GateReport, incomparable, wide_notes
from bench.regress.measured import Measured, missing_values, told
from bench.regress.t_tests import (
    CATEGORY_LEVEL,
    MEAN_LEVEL,
    Tested,
    smallest_visible,
    t_categories,
    t_mean,
)
from bench.stats import Scores, holm

FLOOR = 0.005
"""Change of one category that is worth a word, however sure it is."""

LEAST_SEEDS = 3
"""New seeds below which nothing is decided."""

_Tests = list[tuple[tuple[str, str, str, str], Tested]]
"""Each with its metric, method, variant and category, which is empty for the mean over all."""


def compare_new_seeds(
    baseline: Baseline, now: Measured, cause: Cause, *, floor: float = FLOOR
) -> GateReport:
    """Test whether a run with new seeds is as good as the baseline.

    Holm's method spans every number of a run, so that the rates, 5 % by category and 1 % on the
    means, are those of the run and not of each number. Of one category, only changes above the
    floor are told. With fewer than `LEAST_SEEDS` new seeds the report is incomplete, and has the
    smallest drop that the seeds at hand could have shown.
    """
    missing, seeds = _missing(baseline.measured, now)
    reasons = incomparable(baseline, now)
    changes: tuple[Change, ...] = ()
    notes: tuple[str, ...] = ()
    compared = 0
    if not missing and not reasons and len(seeds[0]) > 1 and seeds[1]:
        changes, notes, compared = _tests(baseline.measured, now, floor)
    if len(seeds[0]) < 2:
        missing.append("cannot decide: the baseline needs two seeds at least")
    if len(seeds[1]) < LEAST_SEEDS:
        # What so few seeds seem to show is not told as a change.
        changes = ()
        missing.append(f"cannot decide: {len(seeds[1])} new seeds, {LEAST_SEEDS} are needed")
    return GateReport(
        experiment=baseline.experiment,
        compared=compared,
        cells=tuple(sorted(now.cells)),
        changes=changes,
        missing=tuple(missing),
        incomparable=reasons,
        notes=(*wide_notes(dict.fromkeys(now.metrics, floor)), *notes),
        cause=cause,
    )


def _missing(then: Measured, now: Measured) -> tuple[list[str], tuple[list[int], list[int]]]:
    """List the holes of either side, and their seeds."""
    lines = []
    seeds = []
    rows = sorted({(c.method, c.variant, c.category) for c in (*then.cells, *now.cells)})
    metrics = tuple(dict.fromkeys((*then.metrics, *now.metrics)))
    for side, measured in (("baseline", then), ("run", now)):
        found = sorted({cell.seed for cell in measured.cells})
        seeds.append(found)
        grid = (Cell(*row, seed) for row, seed in itertools.product(rows, found))
        lines += [f"{told(cell)}: not in the {side}" for cell in grid if cell not in measured.cells]
        lines += missing_values(measured, metrics, side)
    shared = sorted(set(seeds[0]) & set(seeds[1]))
    if shared:
        lines.append(f"seed {shared[0]} is in both: new seeds must be new")
    return lines, (seeds[0], seeds[1])


def _matrix(measured: Measured, row: tuple[str, str], metric: str) -> Scores:
    chosen = sorted(cell for cell in measured.cells if (cell.method, cell.variant) == row)
    values = [measured.cells[cell][metric] for cell in chosen]
    categories = {cell.category for cell in chosen}
    # As a baseline keeps them: of what has no seed the rest would be a change beyond all chance.
    return np.array(values, dtype=np.float64).round(DIGITS).reshape(len(categories), -1)


def _tests(
    then: Measured, now: Measured, floor: float
) -> tuple[tuple[Change, ...], tuple[str, ...], int]:
    rows = sorted({(cell.method, cell.variant) for cell in now.cells})
    categories = sorted({cell.category for cell in now.cells})
    singles: _Tests = []
    means: _Tests = []
    for metric, row in itertools.product(now.metrics, rows):
        pair = _matrix(then, row, metric), _matrix(now, row, metric)
        tested = zip(categories, t_categories(*pair), strict=True)
        singles += [((metric, *row, category), test) for category, test in tested]
        means.append(((metric, *row, ""), t_mean(*pair)))
    changes = [change for change in _told(singles, CATEGORY_LEVEL) if abs(change.change) > floor]
    changes += _told(means, MEAN_LEVEL)
    changes.sort(key=lambda change: (bool(change.category), change.p))
    notes = (
        _visible("the mean over categories", means, MEAN_LEVEL),
        _visible("a single category", singles, CATEGORY_LEVEL),
    )
    return tuple(changes), notes, len(singles) + len(means)


def _told(tests: _Tests, level: float) -> list[Change]:
    adjusted = holm([test.p for _, test in tests])
    return [
        Change(
            *names,
            None,
            test.old,
            test.new,
            test.error,
            worse=(test.new < test.old) == ALL_METRICS[names[0]].higher_is_better,
            p=p,
        )
        for (names, test), p in zip(tests, adjusted, strict=True)
        if p <= level
    ]


def _visible(what: str, tests: _Tests, level: float) -> str:
    """Say which drop would have been seen: the median over tests, and the worst of them."""
    drops = [smallest_visible(test.error, test.df, level / len(tests)) for _, test in tests]
    return (
        f"smallest drop of {what} that is seen with 80 % power: {np.median(drops):.4f} in the "
        f"median test, {max(drops):.4f} in the noisiest"
    )
