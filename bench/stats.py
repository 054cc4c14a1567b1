"""Statistics over seeds and categories, each interval under its own name.

All functions work on a *score matrix*, shape (categories, seeds): one metric of one variant, or a
paired contrast of variants, NaN where a cell is missing or undefined.

**Missing cells.** A seed counts only when every category has a value for it; other seeds are left
out of the mean, the std and the interval alike, and `Estimate.n` beside `Estimate.expected` says
how many remain. Averaging whatever happens to be there would compare means over different
categories, which differ by far more than methods do. With no complete seed the mean is NaN.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from bench.grid import ABLATION, FACTORS, METHOD

Scores = NDArray[np.float64]

LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """A two-sided confidence interval at `LEVEL`, with the degrees of freedom of its t value."""

    low: float
    high: float
    df: float

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval lies wholly on one side of zero."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class Estimate:
    """A mean over categories, and its spread over seeds.

    Attributes
    ----------
    mean
        Mean over the complete seeds of the mean over categories; NaN if no seed is complete.
    std
        Sample standard deviation (ddof 1) over the complete seeds of the mean over categories;
        NaN below two seeds.
    n, expected
        Complete seeds, and seeds asked for.
    interval
        `new_seeds_interval` of the complete seeds; None below two seeds.
    """

    mean: float
    std: float
    n: int
    expected: int
    interval: Interval | None

    @property
    def complete(self) -> bool:
        """Whether no seed is missing."""
        return self.n == self.expected


@dataclass(frozen=True)
class Effect:
    """The main effect of one factor on one metric.

    Attributes
    ----------
    estimate
        Of the paired contrast: mean of the variants with the factor minus mean of those without.
    improved
        Categories whose own effect, the mean over complete seeds, is above zero.
    categories
        Categories in all.
    """

    estimate: Estimate
    improved: int
    categories: int


def score_matrix(
    cells: pd.DataFrame,
    metric: str,
    *,
    categories: Sequence[str],
    seeds: Sequence[int],
    variant: str | None,
    method: str = METHOD,
) -> Scores:
    """Lay out one metric of one variant as a matrix over the expected grid.

    Parameters
    ----------
    cells
        One row per (method, category, variant, seed), metrics as fractions.
    metric
        Column of `cells`.
    categories, seeds
        The expected grid; rows of `cells` outside it are ignored.
    variant
        The variant, or None for a method that has only one.
    method
        The method.

    Returns
    -------
    Scores
        Shape (categories, seeds), in the order asked for; NaN where there is no cell.

    Raises
    ------
    ValueError
        If a cell occurs twice.
    """
    # Tables ask for hundreds of matrices, and rows are picked far faster without pandas.
    chosen = cells["method"].to_numpy() == method
    if variant is not None:
        chosen &= cells["variant"].to_numpy() == variant
    rows = pd.Index(categories).get_indexer(pd.Index(cells["category"].to_numpy()[chosen]))
    columns = pd.Index(seeds).get_indexer(pd.Index(cells["seed"].to_numpy()[chosen]))
    expected = (rows >= 0) & (columns >= 0)
    places = rows[expected], columns[expected]
    counts = np.zeros((len(categories), len(seeds)), dtype=int)
    np.add.at(counts, places, 1)
    if counts.max(initial=0) > 1:
        row, column = np.argwhere(counts > 1)[0]
        raise ValueError(
            f"the cell of {method}, {variant}, {categories[row]}, seed {seeds[column]} "
            f"occurs {counts[row, column]} times: keep one"
        )
    scores = np.full(counts.shape, np.nan)
    scores[places] = cells[metric].to_numpy(dtype=np.float64)[chosen][expected]
    return scores


def complete_seeds(scores: Scores) -> Scores:
    """Return the columns of `scores` that have a value for every category."""
    return scores[:, ~np.isnan(scores).any(axis=0)]


def new_seeds_interval(scores: Scores) -> Interval | None:
    """Compute the interval for the mean over *these categories* under *new seeds*.

    Says how much the mean over categories would move if the same categories were trained again;
    it says nothing of other categories. A t interval: the variance of the mean over C categories
    of n seeds each is the sum of the within-category variances over n C^2, with Satterthwaite's
    degrees of freedom. Categories are independent given the seed, because the random streams
    derive from the category as well. Its coverage is verified by simulation in the tests.

    Parameters
    ----------
    scores
        Shape (categories, seeds); incomplete seeds are left out.

    Returns
    -------
    Interval or None
        None below two complete seeds: one seed carries no spread, so no interval exists.

    References
    ----------
    F. E. Satterthwaite, "An approximate distribution of estimates of variance components",
    Biometrics Bulletin 2(6), 1946.
    """
    scores = complete_seeds(scores)
    categories, n = scores.shape
    if n < 2 or categories == 0:
        return None
    mean = float(scores.mean())
    variances = scores.var(axis=1, ddof=1)
    # Relative to the largest, so that squares of small variances do not underflow.
    largest = float(variances.max())
    if largest == 0.0:  # the seeds agree to the last digit: a width of zero at any df
        return Interval(mean, mean, float(categories * (n - 1)))
    shares = variances / largest
    df = float((n - 1) * shares.sum() ** 2 / (shares**2).sum())
    standard_error = float(np.sqrt(variances.sum() / n) / categories)
    half = float(stats.t.ppf((1 + LEVEL) / 2, df)) * standard_error
    return Interval(mean - half, mean + half, df)


def estimate(scores: Scores) -> Estimate:
    """Compute mean ± sample std over seeds of the category mean, and `new_seeds_interval`.

    Parameters
    ----------
    scores
        Shape (categories, seeds); incomplete seeds are left out and counted.
    """
    complete = complete_seeds(scores)
    n = complete.shape[1]
    per_seed = complete.mean(axis=0)
    return Estimate(
        mean=float(per_seed.mean()) if n else float("nan"),
        std=float(per_seed.std(ddof=1)) if n > 1 else float("nan"),
        n=n,
        expected=scores.shape[1],
        interval=new_seeds_interval(complete),
    )


def factorial_contrast(
    cells: pd.DataFrame,
    metric: str,
    factor: str,
    *,
    categories: Sequence[str],
    seeds: Sequence[int],
) -> Scores:
    """Compute the paired main-effect contrast of one factor for each category and seed.

    The mean of the four variants with `factor` minus the mean of the four without. Variants of
    one (category, seed) share their data order, synthetic anomalies and, across seg, the student,
    so the contrast is far less noisy than the variants.

    Returns
    -------
    Scores
        Shape (categories, seeds); NaN unless all eight variants are there.

    Raises
    ------
    ValueError
        If `factor` is not one of den, ed, seg, or a cell occurs twice.
    """
    if factor not in FACTORS:
        raise ValueError(f"unknown factor {factor!r}: use one of {', '.join(FACTORS)}")
    contrast = np.zeros((len(categories), len(seeds)))
    for variant, switches in ABLATION.items():
        scores = score_matrix(cells, metric, categories=categories, seeds=seeds, variant=variant)
        contrast += scores / 4 if getattr(switches, factor) else -scores / 4
    return contrast


def main_effect(
    cells: pd.DataFrame,
    metric: str,
    factor: str,
    *,
    categories: Sequence[str],
    seeds: Sequence[int],
) -> Effect:
    """Estimate the main effect of one factor from its `factorial_contrast`.

    Raises
    ------
    ValueError
        If `factor` is not one of den, ed, seg, or a cell occurs twice.
    """
    contrast = factorial_contrast(cells, metric, factor, categories=categories, seeds=seeds)
    complete = complete_seeds(contrast)
    improved = int((complete.mean(axis=1) > 0).sum()) if complete.shape[1] else 0
    return Effect(estimate(contrast), improved, len(categories))
