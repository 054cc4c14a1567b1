"""Main effects and pair interactions of den, ed and seg, as paired factorial contrasts."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bench.grid import ABLATION, FACTORS
from bench.stats.estimates import Estimate, estimate
from bench.stats.intervals import Interval, like_these_interval
from bench.stats.scores import Scores, complete_seeds, score_matrix
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
        `sign_flip_p` of the categories' own effects; None below two complete seeds, where no
        interval exists either, or two categories.
    """

    estimate: Estimate
    improved: int
    categories: int
    like_these: Interval | None
    p: float | None


def factorial_contrast(
    cells: pd.DataFrame,
    metric: str,
    *factors: str,
    categories: Sequence[str],
    seeds: Sequence[int],
) -> Scores:
    """Compute the paired contrast of one factor, or of a pair, for each category and seed.

    Of one: the mean of the four variants with it minus the mean of the four without. Of a pair:
    the effect of the first with the second on, minus its effect with the second off; the same
    whichever is first. Variants of one (category, seed) share their data order, synthetic
    anomalies and, across seg, the student, so a contrast is far less noisy than the variants.

    Returns
    -------
    Scores
        Shape (categories, seeds); NaN unless all eight variants are there.

    Raises
    ------
    ValueError
        If there are not one or two different `factors` of den, ed, seg, or a cell occurs twice.
    """
    weights = contrast_weights(*factors)
    contrast = np.zeros((len(categories), len(seeds)))
    for variant, weight in weights.items():
        scores = score_matrix(cells, metric, categories=categories, seeds=seeds, variant=variant)
        contrast += weight * scores
    return contrast


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
    return _effect(factorial_contrast(cells, metric, factor, categories=categories, seeds=seeds))


def interaction_effect(
    cells: pd.DataFrame,
    metric: str,
    pair: tuple[str, str],
    *,
    categories: Sequence[str],
    seeds: Sequence[int],
) -> Effect:
    """Estimate the interaction of two factors from its `factorial_contrast`.

    Raises
    ------
    ValueError
        If `pair` is not two different ones of den, ed, seg, or a cell occurs twice.
    """
    return _effect(factorial_contrast(cells, metric, *pair, categories=categories, seeds=seeds))


def _effect(contrast: Scores) -> Effect:
    complete = complete_seeds(contrast)
    categories, n = complete.shape
    own = complete.mean(axis=1) if n else np.zeros(categories)
    return Effect(
        estimate=estimate(contrast),
        improved=int((own > 0).sum()),
        categories=categories,
        like_these=like_these_interval(complete),
        p=sign_flip_p(own) if n > 1 and categories > 1 else None,
    )
