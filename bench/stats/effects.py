"""Main effects and pair interactions of a method's switches, as paired factorial contrasts."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bench.stats.estimates import Estimate, estimate
from bench.stats.intervals import Interval, like_these_interval
from bench.stats.scores import Scores, complete_seeds
from bench.stats.significance import sign_flip_p

Design = Mapping[str, Mapping[str, bool]]
"""Variant -> which switches are on in it; a factorial design has every combination once."""


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


def factorial_contrast(scores: Mapping[str, Scores], design: Design, *factors: str) -> Scores:
    """Compute the paired contrast of one factor, or of a pair, for each category and seed.

    Of one: the mean of the variants with it minus the mean of those without. Of a pair: the
    effect of the first with the second on, minus its effect with the second off; the same
    whichever is first. Where variants of one (category, seed) share their data order and what
    else is random, a contrast is far less noisy than the variants. NaN where any of them is
    missing.

    Raises
    ------
    ValueError
        If `factors` are not such, or the design is not factorial.
    """
    weights = contrast_weights(design, *factors)
    return np.asarray(
        sum(weight * scores[variant] for variant, weight in weights.items()), dtype=np.float64
    )


def contrast_weights(design: Design, *factors: str) -> dict[str, float]:
    """Return what each variant of a design counts in the contrast of `factors`.

    Raises
    ------
    ValueError
        See `factorial_contrast`.
    """
    known = list(next(iter(design.values())))
    if factors not in {*((name,) for name in known), *itertools.permutations(known, 2)}:
        raise ValueError(f"unknown factors {factors!r}: use one or two of {', '.join(known)}")
    combinations = {tuple(switches.values()) for switches in design.values()}
    if not len(combinations) == len(design) == 2 ** len(known):
        raise ValueError(f"variants {list(design)} are not every combination of {known} once")
    return {
        variant: float(np.prod([1 if switches[factor] else -1 for factor in factors]))
        * 2 ** len(factors)
        / len(design)
        for variant, switches in design.items()
    }


def contrast_effect(contrast: Scores) -> Effect:
    """Estimate an effect from its contrast."""
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

    None below two complete seeds, where no interval exists either, or two categories.
    """
    complete = complete_seeds(contrast)
    categories, n = complete.shape
    return sign_flip_p(complete.mean(axis=1)) if n > 1 and categories > 1 else None
