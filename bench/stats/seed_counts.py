"""How many seeds a question needs."""

import numpy as np

from bench.stats.intervals import LEVEL, seed_spread
from bench.stats.scores import Scores, complete_seeds

MOST_SEEDS = 100
"""Nobody trains more; beyond it the answer is only 'more'."""


def seeds_to_decide(contrast: Scores, level: float = LEVEL) -> int | None:
    """Tell how many seeds would make `new_seeds_interval` exclude zero.

    The smallest number at which half the interval's width falls below the mean, if mean and
    variance stay what they are now. A plan and no promise: both are themselves estimates. In
    [2, `MOST_SEEDS`], or ``MOST_SEEDS + 1`` for more than that; None below two complete seeds,
    where the variance is not known.
    """
    spread = seed_spread(contrast)
    if spread is None:
        return None
    size = abs(float(complete_seeds(contrast).mean()))
    tried = np.arange(2, MOST_SEEDS + 1)
    enough = tried[spread.half_widths(tried, level) < size]
    return int(enough[0]) if len(enough) else MOST_SEEDS + 1
