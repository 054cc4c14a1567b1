"""Statistics over seeds and categories, each interval and each p under its own name.

All functions work on *scores*, a matrix of shape (categories, seeds): one metric of one variant, or
a paired contrast of variants, as fractions; NaN where a cell is missing or undefined.

**Missing cells.** A seed counts only when every category has a value for it; other seeds are left
out of the mean, the std and the intervals alike, and `Estimate.n` beside `Estimate.expected` says
how many remain. Averaging whatever happens to be there would compare means over different
categories, which differ by far more than methods do. With no complete seed the mean is NaN.
"""

from bench.stats.effects import (
    Design,
    Effect,
    contrast_effect,
    contrast_p,
    contrast_weights,
    factorial_contrast,
)
from bench.stats.estimates import Estimate, Worst, estimate, worst_category
from bench.stats.intervals import (
    LEVEL,
    Interval,
    like_these_interval,
    new_seeds_interval,
    satterthwaite_factor,
)
from bench.stats.scores import Scores, complete_seeds
from bench.stats.seed_counts import MOST_SEEDS, seeds_to_decide
from bench.stats.significance import can_show, holm, sign_flip_p

__all__ = [
    "LEVEL",
    "MOST_SEEDS",
    "Design",
    "Effect",
    "Estimate",
    "Interval",
    "Scores",
    "Worst",
    "can_show",
    "complete_seeds",
    "contrast_effect",
    "contrast_p",
    "contrast_weights",
    "estimate",
    "factorial_contrast",
    "holm",
    "like_these_interval",
    "new_seeds_interval",
    "satterthwaite_factor",
    "seeds_to_decide",
    "sign_flip_p",
    "worst_category",
]
