"""Main effects and pair interactions of den, ed and seg, as paired factorial contrasts."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bench.experiment.grid import ABLATION, FACTORS
from bench.stats.estimates import Estimate, estimate
from bench.stats.intervals import Interval, like_these_interval
from bench.stats.scores import Scores, complete_seeds
from bench.stats.significance import sign_flip_p

INTERACTIONS = tuple(itertools.combinations(FACTORS, 2))
"""The pairs of factors."""


@dataclass(frozen=True)
class Effect:
    """A main effect or an interaction on one metric.

    Attributes
    ----------
    estimate
        Of the paired contrast, for these categories under new seeds.
    improved
        Categories whose own effect, the mean over complete seeds, is above zero.
    categories
        Categories in all.
    like_these
        `like_these_interval` of the contrast; None below two seeds or too few categories.
    p
        `contrast_p` of the contrast.
    """

    estimate: Estimate
    improved: int
    categories: int
    like_these: Interval | None
    p: float | None


def factorial_contrast(scores: Mapping[str, Scores], *factors: str) -> Scores:
    """Compute the paired contrast of one factor, or of a pair, for each category and seed.

    Of one: the mean of the four variants with it minus the mean of the four without. Of a pair:
    the effect of the first with the second on, minus its effect with the second off; the same
    whichever is first. Variants of one (category, seed) share their data order, synthetic
    anomalies and, across seg, the student, so a contrast is far less noisy than the variants.

    Parameters
    ----------
    scores
        Variant -> its score matrix; all eight of the ablation.
    factors
        One, or two different ones, of den, ed, seg.

    Returns
    -------
    Scores
        Shape (categories, seeds); NaN where any of the eight is missing.

    Raises
    ------
    ValueError
        If `factors` are not such.
    """
    weighted = [weight * scores[variant] for variant, weight in contrast_weights(*factors).items()]
    return np.asarray(sum(weighted), dtype=np.float64)


def contrast_weights(*factors: str) -> dict[str, float]:
    """Return what each of the eight variants counts in the contrast of `factors`.

    Raises
    ------
    ValueError
        See `factorial_contrast`.
    """
    if factors not in {*((name,) for name in FACTORS), *itertools.permutations(FACTORS, 2)}:
        raise ValueError(f"unknown factors {factors!r}: use one or two of {', '.join(FACTORS)}")
    weights = {}
    for variant, switches in ABLATION.items():
        signs = [1 if getattr(switches, factor) else -1 for factor in factors]
        weights[variant] = float(np.prod(signs)) * 2 ** len(factors) / len(ABLATION)
    return weights


def contrast_effect(contrast: Scores) -> Effect:
    """Estimate an effect from its contrast.

    Parameters
    ----------
    contrast
        Shape (categories, seeds); incomplete seeds are left out.
    """
    complete = complete_seeds(contrast)
    categories, n = complete.shape
    own = complete.mean(axis=1) if n else np.zeros(categories)
    return Effect(
        estimate=estimate(contrast),
        improved=int((own > 0).sum()),
        categories=categories,
        like_these=like_these_interval(complete),
        p=contrast_p(contrast),
    )


def contrast_p(contrast: Scores) -> float | None:
    """Compute `sign_flip_p` of the categories' own effects, their means over complete seeds.

    Returns
    -------
    float or None
        None below two complete seeds, where no interval exists either, or two categories.
    """
    complete = complete_seeds(contrast)
    categories, n = complete.shape
    return sign_flip_p(complete.mean(axis=1)) if n > 1 and categories > 1 else None
