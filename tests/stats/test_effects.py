from itertools import combinations, product

import numpy as np
import pandas as pd
import pytest

from bench.stats import (
    contrast_effect,
    contrast_weights,
    factorial_contrast,
    like_these_interval,
    sign_flip_p,
)
from tests.stats.random_cells import CATEGORIES, DESIGN, FACTORS, SEEDS, matrix, random_cells


@pytest.fixture
def cells():
    return random_cells()


@pytest.fixture
def shuffled(cells):
    return cells.sample(frac=1, random_state=0)


def contrast_of(cells, metric, *factors, categories=CATEGORIES, seeds=SEEDS):
    scores = {variant: matrix(cells, metric, variant, categories, seeds) for variant in DESIGN}
    return factorial_contrast(scores, DESIGN, *factors)


def effect_of(*arguments, **grid):
    return contrast_effect(contrast_of(*arguments, **grid))


def without(cells, **where):
    drop = np.ones(len(cells), dtype=bool)
    for column, value in where.items():
        drop &= (cells[column] == value).to_numpy()
    assert drop.any()
    return cells[~drop]


@pytest.mark.parametrize("factor", ["den", "ed", "seg"])
def test_contrast_is_the_mean_with_minus_the_mean_without(shuffled, factor):
    contrast = contrast_of(shuffled, "pro", factor)
    means = shuffled.groupby(["category", "seed", factor])["pro"].mean().unstack(factor)
    expected = (means[True] - means[False]).unstack("seed").loc[list(CATEGORIES), list(SEEDS)]
    np.testing.assert_allclose(contrast, expected.to_numpy(), rtol=1e-12)


def test_pairing_removes_what_the_variants_of_a_category_and_seed_share(cells):
    rng = np.random.default_rng(1)
    shared = {key: rng.normal(0, 10) for key in product(CATEGORIES, SEEDS)}
    moved = cells.assign(
        iap=[
            shared[row.category, row.seed] + 0.2 * row.seg for row in cells.itertuples(index=False)
        ]
    )
    effect = effect_of(moved, "iap", "seg")
    assert effect.estimate.mean == pytest.approx(0.2)
    assert effect.estimate.std == pytest.approx(0, abs=1e-12)
    assert effect.estimate.interval is not None
    assert effect.estimate.interval.excludes_zero
    none = effect_of(moved, "iap", "den")
    assert none.estimate.mean == pytest.approx(0, abs=1e-12)


def test_categories_improved_are_counted_by_their_mean_over_seeds(cells):
    gain = {"bottle": 0.3, "cable": -0.1, "wood": 0.0}
    moved = cells.assign(
        iap=[0.5 + gain[row.category] * row.ed for row in cells.itertuples(index=False)]
    )
    effect = effect_of(moved, "iap", "ed")
    assert (effect.improved, effect.categories) == (1, 3)


def test_an_effect_needs_all_eight_variants_of_a_seed(cells):
    gone = without(cells, category="cable", variant="ed", seed=1)
    effect = effect_of(gone, "iap", "seg")
    assert (effect.estimate.n, effect.estimate.expected) == (2, 3)
    rest = effect_of(gone, "iap", "seg", seeds=(0, 2))
    assert effect.estimate.mean == rest.estimate.mean
    assert effect.improved == rest.improved


def test_an_effect_of_a_variant_never_run_is_missing(cells):
    gone = without(cells, variant="ed")
    effect = effect_of(gone, "iap", "den")
    assert effect.estimate.n == 0
    assert np.isnan(effect.estimate.mean)
    assert effect.improved == 0


def test_an_unknown_factor_is_an_error(cells):
    with pytest.raises(ValueError):
        effect_of(cells, "iap", "teacher")


@pytest.mark.parametrize(("first", "second"), [*combinations(FACTORS, 2)])
def test_an_interaction_is_the_difference_of_two_effects(shuffled, first, second):
    contrast = contrast_of(shuffled, "pro", first, second)
    means = shuffled.groupby(["category", "seed", first, second])["pro"].mean().unstack([2, 3])
    with_second = means[True, True] - means[False, True]
    without_second = means[True, False] - means[False, False]
    expected = (with_second - without_second).unstack("seed").loc[list(CATEGORIES), list(SEEDS)]
    np.testing.assert_allclose(contrast, expected.to_numpy(), rtol=1e-9)
    same = contrast_of(shuffled, "pro", second, first)
    np.testing.assert_array_equal(contrast, same)


def test_a_synergy_of_two_parts_is_found_in_their_interaction_alone(cells):
    moved = cells.assign(iap=[0.2 + 0.1 * (row.den and row.ed) for row in cells.itertuples()])
    found = {pair: effect_of(moved, "iap", *pair) for pair in combinations(FACTORS, 2)}
    assert found["den", "ed"].estimate.mean == pytest.approx(0.1)
    assert found["den", "ed"].improved == 3
    assert found["den", "seg"].estimate.mean == pytest.approx(0, abs=1e-12)
    assert found["ed", "seg"].estimate.mean == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("factors", [(), ("den", "den"), ("den", "ed", "seg"), ("den", "x")])
def test_a_contrast_is_of_one_factor_or_of_two_different_ones(cells, factors):
    with pytest.raises(ValueError, match="use one or two of den, ed, seg"):
        contrast_of(cells, "iap", *factors)


def test_a_design_of_any_number_of_factors_has_every_combination_once():
    two = {"a": {"x": True}, "b": {"x": False}}
    assert contrast_weights(two, "x") == {"a": 1.0, "b": -1.0}
    sixteen = {str(flags): dict(enumerate(flags)) for flags in product((False, True), repeat=4)}
    assert set(contrast_weights(sixteen, 2, 0).values()) == {0.25, -0.25}
    without = {name: switches for name, switches in DESIGN.items() if name != "ed"}
    for design in (without, without | {"other": DESIGN["den"]}):
        with pytest.raises(ValueError, match="every combination"):
            contrast_weights(design, "seg")


def test_p_and_the_wider_interval_are_of_the_categories_own_effects(cells):
    names = tuple("abcdef")
    wide = cells.assign(category=names[0])
    rng = np.random.default_rng(0)
    many = [wide[wide["seed"].isin(SEEDS)].drop_duplicates(["variant", "seed"])] * len(names)
    frames = [
        frame.assign(category=name, iap=rng.uniform(size=len(frame)))
        for name, frame in zip(names, many, strict=True)
    ]
    table = pd.concat(frames)
    effect = effect_of(table, "iap", "ed", categories=names, seeds=SEEDS)
    contrast = contrast_of(table, "iap", "ed", categories=names, seeds=SEEDS)
    assert effect.p == sign_flip_p(contrast.mean(axis=1))
    assert effect.like_these == like_these_interval(contrast)


def test_one_seed_gives_an_effect_without_interval_or_p(cells):
    effect = effect_of(cells, "iap", "seg", seeds=(0,))
    assert not np.isnan(effect.estimate.mean)
    assert (effect.estimate.interval, effect.like_these, effect.p) == (None, None, None)


def test_one_category_gives_an_interval_but_no_p(cells):
    effect = effect_of(cells, "iap", "seg", categories=("wood",))
    assert effect.estimate.interval is not None
    assert (effect.like_these, effect.p) == (None, None)
