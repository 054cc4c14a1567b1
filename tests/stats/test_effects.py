from itertools import combinations, product

import numpy as np
import pytest

from bench.stats import (
    contrast_effect,
    contrast_weights,
    factorial_contrast,
    like_these_interval,
    sign_flip_p,
)

FACTORS = ("den", "ed", "seg")
DESIGN = {
    "+".join(name for name, on in zip(FACTORS, flags, strict=True) if on) or "none": dict(
        zip(FACTORS, flags, strict=True)
    )
    for flags in product((False, True), repeat=3)
}
RNG = np.random.default_rng(3)
SCORES = {variant: RNG.uniform(0.3, 0.9, (3, 3)) for variant in DESIGN}


def contrast_of(scores, *factors):
    return factorial_contrast(scores, DESIGN, *factors)


def effect_of(scores, *factors):
    return contrast_effect(contrast_of(scores, *factors))


def made_of(score):
    """Scores of each variant, shape (3, 3), from its switches."""
    return {variant: np.zeros((3, 3)) + score(switches) for variant, switches in DESIGN.items()}


def mean_of(**switches):
    """Mean over the variants that have these switches."""
    chosen = [v for v, has in DESIGN.items() if switches.items() <= has.items()]
    return np.mean([SCORES[variant] for variant in chosen], axis=0)


def with_gap(variant, place):
    gone = SCORES[variant].copy()
    gone[place] = np.nan
    return SCORES | {variant: gone}


@pytest.mark.parametrize("factor", FACTORS)
def test_contrast_is_the_mean_with_minus_the_mean_without(factor):
    expected = mean_of(**{factor: True}) - mean_of(**{factor: False})
    np.testing.assert_allclose(contrast_of(SCORES, factor), expected, rtol=1e-12)


def test_pairing_removes_what_the_variants_of_a_category_and_seed_share():
    shared = np.random.default_rng(1).normal(0, 10, (3, 3))
    moved = made_of(lambda has: shared + 0.2 * has["seg"])
    ours = effect_of(moved, "seg").estimate
    assert ours.mean == pytest.approx(0.2)
    assert ours.std == pytest.approx(0, abs=1e-12)
    assert ours.interval.excludes_zero
    assert effect_of(moved, "den").estimate.mean == pytest.approx(0, abs=1e-12)


def test_categories_improved_are_counted_by_their_mean_over_seeds():
    gain = np.array([[0.3], [-0.1], [0.0]])
    effect = effect_of(made_of(lambda has: 0.5 + gain * has["ed"]), "ed")
    assert (effect.improved, effect.categories) == (1, 3)


def test_an_effect_needs_all_eight_variants_of_a_seed():
    effect = effect_of(with_gap("ed", (1, 1)), "seg")
    assert (effect.estimate.n, effect.estimate.expected) == (2, 3)
    rest = effect_of({variant: scores[:, [0, 2]] for variant, scores in SCORES.items()}, "seg")
    assert effect.estimate.mean == rest.estimate.mean
    assert effect.improved == rest.improved


def test_an_effect_of_a_variant_never_run_is_missing():
    effect = effect_of(with_gap("ed", ...), "den")
    assert effect.estimate.n == 0
    assert np.isnan(effect.estimate.mean)
    assert effect.improved == 0


@pytest.mark.parametrize(("first", "second"), [*combinations(FACTORS, 2)])
def test_an_interaction_is_the_difference_of_two_effects(first, second):
    with_second, without_second = (
        mean_of(**{first: True, second: on}) - mean_of(**{first: False, second: on})
        for on in (True, False)
    )
    contrast = contrast_of(SCORES, first, second)
    np.testing.assert_allclose(contrast, with_second - without_second, rtol=1e-9)
    np.testing.assert_array_equal(contrast, contrast_of(SCORES, second, first))


def test_a_synergy_of_two_parts_is_found_in_their_interaction_alone():
    moved = made_of(lambda has: 0.2 + 0.1 * (has["den"] and has["ed"]))
    found = {pair: effect_of(moved, *pair) for pair in combinations(FACTORS, 2)}
    assert found["den", "ed"].estimate.mean == pytest.approx(0.1)
    assert found["den", "ed"].improved == 3
    assert found["den", "seg"].estimate.mean == pytest.approx(0, abs=1e-12)
    assert found["ed", "seg"].estimate.mean == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    "factors", [(), ("teacher",), ("den", "den"), ("den", "ed", "seg"), ("den", "x")]
)
def test_a_contrast_is_of_one_factor_or_of_two_different_ones(factors):
    with pytest.raises(ValueError, match="use one or two of den, ed, seg"):
        contrast_of(SCORES, *factors)


def test_a_design_of_any_number_of_factors_has_every_combination_once():
    two = {"a": {"x": True}, "b": {"x": False}}
    assert contrast_weights(two, "x") == {"a": 1.0, "b": -1.0}
    sixteen = {str(flags): dict(enumerate(flags)) for flags in product((False, True), repeat=4)}
    assert set(contrast_weights(sixteen, 2, 0).values()) == {0.25, -0.25}
    without = {name: switches for name, switches in DESIGN.items() if name != "ed"}
    for design in (without, without | {"other": DESIGN["den"]}):
        with pytest.raises(ValueError, match="every combination"):
            contrast_weights(design, "seg")


def test_p_and_the_wider_interval_are_of_the_categories_own_effects():
    contrast = np.random.default_rng(0).normal(0.1, 0.2, (6, 3))
    effect = contrast_effect(contrast)
    assert effect.p == sign_flip_p(contrast.mean(axis=1))
    assert effect.like_these == like_these_interval(contrast)


def test_one_seed_gives_an_effect_without_interval_or_p():
    effect = contrast_effect(contrast_of(SCORES, "seg")[:, :1])
    assert not np.isnan(effect.estimate.mean)
    assert (effect.estimate.interval, effect.like_these, effect.p) == (None, None, None)


def test_one_category_gives_an_interval_but_no_p():
    effect = contrast_effect(contrast_of(SCORES, "seg")[:1])
    assert effect.estimate.interval is not None
    assert (effect.like_these, effect.p) == (None, None)
