"""A mean over categories with its spread over seeds, and the worst category beside it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.stats.intervals import Interval, new_seeds_interval
from bench.stats.scores import Scores, complete_seeds


@dataclass(frozen=True)
class Estimate:
    """A mean over categories, and its spread over seeds.

    Attributes
    ----------
    mean
        Mean over the complete seeds of the mean over categories; NaN if no seed is complete.
    std
        Sample standard deviation (ddof 1) over the complete seeds of the mean over categories,
        as the paper prints it; NaN below two seeds.
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


def estimate(scores: Scores) -> Estimate:
    """Compute mean ± sample std over seeds of the category mean, and `new_seeds_interval`."""
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


@dataclass(frozen=True)
class Worst:
    """The category with the worst mean over seeds; a good average can hide it."""

    category: str
    mean: float


def worst_category(
    scores: Scores, categories: Sequence[str], *, higher_is_better: bool = True
) -> Worst | None:
    """Find the worst of `categories`, the names of the rows; of equal ones the first.

    None without a complete seed.
    """
    complete = complete_seeds(scores)
    if not complete.size:
        return None
    means = complete.mean(axis=1)
    row = int(np.argmin(means) if higher_is_better else np.argmax(means))
    return Worst(categories[row], float(means[row]))
