"""Gate B: new seeds against the baseline's, by two tests with known false-alarm rates."""

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np

from bench.metrics import METRICS
from bench.regress.baseline import Baseline, CellId, Measured
from bench.regress.report import (
    Change,
    Report,
    cause_of,
    incomparable,
    missing_metrics,
    verdict_of,
)
from bench.regress.t_tests import (
    CATEGORY_LEVEL,
    MEAN_LEVEL,
    Scores,
    Tested,
    holm,
    smallest_visible,
    t_categories,
    t_mean,
)

FLOOR = 0.005
"""Change of one category that is worth a word, however sure it is."""

LEAST_SEEDS = 3
"""New seeds below which nothing is decided."""

HIGHER = {metric.key: metric.higher_is_better for metric in METRICS}


def compare_seeds(
    baseline: Baseline,
    now: Measured,
    settings: Mapping[str, Any],
    sources: Mapping[str, str],
    *,
    floor: float = FLOOR,
) -> Report:
    """Test whether a run with new seeds is as good as the baseline.

    Holm's method spans every metric, variant and category of a run, so that the rates, 5 % by
    category and 1 % on the means, are those of the run and not of each number.

    Parameters
    ----------
    baseline, now, settings, sources
        As for `bench.regress.records.compare_records`.
    floor : float
        Least change of one category that is told.

    Returns
    -------
    Report
        Incomplete with fewer than `LEAST_SEEDS` new seeds, with the smallest drop that the
        seeds at hand could have shown.
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
    return Report(
        verdict=verdict_of(
            compared=compared, changes=changes, missing=missing, incomparable=reasons
        ),
        experiment=baseline.experiment,
        compared=compared,
        cells=tuple(sorted(now.cells)),
        changes=changes,
        missing=tuple(missing),
        incomparable=reasons,
        notes=notes,
        cause=cause_of(baseline, now, settings, sources),
    )


def _missing(then: Measured, now: Measured) -> tuple[list[str], tuple[list[int], list[int]]]:
    """List the holes of either side, and their seeds."""
    lines = []
    seeds = []
    pairs = {(cell.category, cell.variant) for cell in (*then.cells, *now.cells)}
    for side, measured in (("baseline", then), ("run", now)):
        found = sorted({cell.seed for cell in measured.cells})
        seeds.append(found)
        grid = (CellId(*pair, seed) for pair, seed in itertools.product(sorted(pairs), found))
        lines += [f"{cell}: not in the {side}" for cell in grid if cell not in measured.cells]
    shared = sorted(set(seeds[0]) & set(seeds[1]))
    if shared:
        lines.append(f"seed {shared[0]} is in both: new seeds must be new")
    for cell in sorted(then.cells):
        lines += missing_metrics(then.cells[cell], dict.fromkeys(HIGHER, 0.0), str(cell))
    for cell in sorted(now.cells):
        lines += missing_metrics(dict.fromkeys(HIGHER, 0.0), now.cells[cell], str(cell))
    return lines, (seeds[0], seeds[1])


def _matrix(measured: Measured, variant: str, metric: str) -> Scores:
    chosen = sorted(cell for cell in measured.cells if cell.variant == variant)
    values = [measured.cells[cell][metric] for cell in chosen]
    categories = {cell.category for cell in chosen}
    return np.array(values, dtype=np.float64).reshape(len(categories), -1)


def _tests(
    then: Measured, now: Measured, floor: float
) -> tuple[tuple[Change, ...], tuple[str, ...], int]:
    variants = sorted({cell.variant for cell in now.cells})
    categories = sorted({cell.category for cell in now.cells})
    singles: list[tuple[tuple[str, str, str], Tested]] = []
    means: list[tuple[tuple[str, str, str], Tested]] = []
    for metric, variant in itertools.product(HIGHER, variants):
        pair = _matrix(then, variant, metric), _matrix(now, variant, metric)
        tested = zip(categories, t_categories(*pair), strict=True)
        singles += [((metric, variant, category), test) for category, test in tested]
        means.append(((metric, variant, ""), t_mean(*pair)))
    changes = [change for change in _told(singles, CATEGORY_LEVEL) if abs(change.change) > floor]
    changes += _told(means, MEAN_LEVEL)
    changes.sort(key=lambda change: (bool(change.category), change.p))
    notes = (
        _visible("the mean over categories", means, MEAN_LEVEL),
        _visible("a single category", singles, CATEGORY_LEVEL),
    )
    return tuple(changes), notes, len(singles) + len(means)


def _told(tests: list[tuple[tuple[str, str, str], Tested]], level: float) -> list[Change]:
    adjusted = holm([test.p for _, test in tests])
    return [
        Change(
            metric,
            variant,
            category,
            None,
            test.old,
            test.new,
            test.error,
            worse=(test.new < test.old) == HIGHER[metric],
            p=p,
        )
        for ((metric, variant, category), test), p in zip(tests, adjusted, strict=True)
        if p <= level
    ]


def _visible(what: str, tests: list[tuple[tuple[str, str, str], Tested]], level: float) -> str:
    """Say which drop would have been seen: the median over tests, and the worst of them."""
    drops = [smallest_visible(test.error, test.df, level / len(tests)) for _, test in tests]
    return (
        f"smallest drop of {what} that is seen with 80 % power: {np.median(drops):.4f} in the "
        f"median test, {max(drops):.4f} in the noisiest"
    )
