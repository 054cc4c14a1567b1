"""The two tests of gate B, on score matrices of shape (categories, seeds), and their power.

*By category*: a two-sample t test in each, of which the smallest p values are adjusted by Holm's
method over all that are tested in a run. It sees one category fall.

*On the mean*: a t test on the mean over categories, whose standard error is put together from the
variances within categories, with Satterthwaite's degrees of freedom. It sees all fall a little.
"""

import functools
from dataclasses import dataclass

import numpy as np
from scipy import optimize, stats

from bench.stats import Scores, satterthwaite_factor

CATEGORY_LEVEL = 0.05
MEAN_LEVEL = 0.01
POWER = 0.8


@dataclass(frozen=True)
class Tested:
    """A change with its standard error, degrees of freedom and two-sided p value."""

    old: float
    new: float
    error: float
    df: float
    p: float


def t_categories(old: Scores, new: Scores) -> list[Tested]:
    """Test each category: old seeds (two or more) and new are independent, of one variance."""
    df = float(old.shape[1] + new.shape[1] - 2)
    errors = np.sqrt(_variances(old, new) * (1 / old.shape[1] + 1 / new.shape[1]))
    sides = zip(old.mean(axis=1), new.mean(axis=1), errors, strict=True)
    return [_tested(float(a), float(b), float(error), df) for a, b, error in sides]


def t_mean(old: Scores, new: Scores) -> Tested:
    """Test the mean over categories; see `t_categories`."""
    variances = _variances(old, new)
    df = (old.shape[1] + new.shape[1] - 2) * satterthwaite_factor(variances)
    factor = 1 / old.shape[1] + 1 / new.shape[1]
    error = float(np.sqrt(variances.sum() * factor)) / len(variances)
    return _tested(float(old.mean()), float(new.mean()), error, df)


def smallest_visible(error: float, df: float, level: float, power: float = POWER) -> float:
    """Return the true change that a two-sided t test finds with a probability of ``power``.

    Where there are many tests, the level is that of each, as Holm's method begins.
    """
    return error * _visible_shift(df, level, power)


@functools.cache
def _visible_shift(df: float, level: float, power: float) -> float:
    """Return `smallest_visible` in standard errors; the tests of a run share a few of them."""
    threshold = stats.t.ppf(1 - level / 2, df)

    def lacking(shift: float) -> float:
        return float(stats.nct.sf(threshold, df, shift)) - power

    return float(optimize.brentq(lacking, 0.0, 4 * threshold + 10))


def _variances(old: Scores, new: Scores) -> Scores:
    squares = sum(
        np.square(side - side.mean(axis=1, keepdims=True)).sum(axis=1) for side in (old, new)
    )
    pooled: Scores = np.asarray(squares / (old.shape[1] + new.shape[1] - 2), dtype=np.float64)
    return pooled


def _tested(old: float, new: float, error: float, df: float) -> Tested:
    # The mean of equal numbers may differ from them by its rounding, which is no change.
    change = 0.0 if np.isclose(old, new, rtol=0, atol=1e-12) else new - old
    if error == 0:
        return Tested(old, new, error, df, 1.0 if change == 0 else 0.0)
    return Tested(old, new, error, df, 2 * float(stats.t.sf(abs(change) / error, df)))
