from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy import stats as scipy_stats

from bench.grid import ABLATION
from bench.presentation.heading import METRIC_NAMES
from bench.stats import (
    complete_seeds,
    estimate,
    factorial_contrast,
    main_effect,
    new_seeds_interval,
    score_matrix,
)

CATEGORIES = ("bottle", "cable", "wood")
SEEDS = (0, 1, 2)


@pytest.fixture
def cells():
    rng = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "method": "DeSTSeg",
            "category": category,
            "variant": variant,
            "den": ABLATION[variant].den,
            "ed": ABLATION[variant].ed,
            "seg": ABLATION[variant].seg,
            "seed": seed,
            **{metric: rng.uniform(0.3, 0.9) for metric in METRIC_NAMES},
        }
        for category, variant, seed in product(CATEGORIES, ABLATION, SEEDS)
    )


@pytest.fixture
def shuffled(cells):
    return cells.sample(frac=1, random_state=0)


def without(cells, **where):
    drop = np.ones(len(cells), dtype=bool)
    for column, value in where.items():
        drop &= (cells[column] == value).to_numpy()
    assert drop.any()
    return cells[~drop]


def test_score_matrix_follows_the_expected_grid_and_not_the_order_of_the_rows(shuffled):
    scores = score_matrix(
        shuffled, "iap", categories=("wood", "bottle"), seeds=(2, 0, 9), variant="ed"
    )
    assert scores.shape == (2, 3)
    for row, category in enumerate(("wood", "bottle")):
        for column, seed in enumerate((2, 0)):
            same = (shuffled["category"] == category) & (shuffled["seed"] == seed)
            cell = shuffled[same & (shuffled["variant"] == "ed")]
            assert scores[row, column] == cell["iap"].item()
    assert np.isnan(scores[:, 2]).all()


def test_score_matrix_keeps_methods_apart(cells):
    rival = cells[cells["variant"] == "none"].assign(method="Rival", iap=0.125)
    both = pd.concat([cells, rival])
    grid = {"categories": CATEGORIES, "seeds": SEEDS}
    ours = score_matrix(both, "iap", variant="none", **grid)
    theirs = score_matrix(both, "iap", variant=None, method="Rival", **grid)
    assert (theirs == 0.125).all()
    assert not (ours == 0.125).any()


def test_a_cell_that_occurs_twice_is_an_error_and_not_an_average(cells):
    with pytest.raises(ValueError, match="occurs 2 times"):
        score_matrix(
            pd.concat([cells, cells[:1]]),
            "iap",
            categories=CATEGORIES,
            seeds=SEEDS,
            variant=cells["variant"].iloc[0],
        )


def test_estimate_is_the_mean_and_sample_std_of_the_category_means(cells):
    for variant in ABLATION:
        scores = score_matrix(
            cells, "pixel_ap", categories=CATEGORIES, seeds=SEEDS, variant=variant
        )
        means = cells[cells["variant"] == variant].groupby("seed")["pixel_ap"].mean()
        ours = estimate(scores)
        assert ours.mean == pytest.approx(means.mean(), rel=1e-12)
        assert ours.std == pytest.approx(means.std(), rel=1e-12)
        assert (ours.n, ours.expected, ours.complete) == (3, 3, True)


def test_one_seed_has_a_mean_but_neither_std_nor_interval():
    ours = estimate(np.array([[0.25], [0.75]]))
    assert ours.mean == 0.5
    assert np.isnan(ours.std)
    assert ours.interval is None
    assert ours.complete


def test_an_incomplete_seed_is_left_out_and_counted():
    scores = np.array([[0.1, 0.2, 0.3], [0.5, np.nan, 0.9]])
    ours = estimate(scores)
    assert (ours.n, ours.expected, ours.complete) == (2, 3, False)
    assert ours.mean == pytest.approx((0.3 + 0.6) / 2)
    assert ours.std == pytest.approx(np.std([0.3, 0.6], ddof=1))
    assert ours.interval == new_seeds_interval(scores[:, [0, 2]])


def test_without_a_complete_seed_there_is_no_mean():
    ours = estimate(np.array([[0.1, np.nan], [np.nan, 0.4]]))
    assert np.isnan(ours.mean)
    assert np.isnan(ours.std)
    assert ours.n == 0
    assert ours.interval is None


def test_complete_seeds_keeps_whole_columns():
    scores = np.array([[1.0, np.nan, 3.0], [4.0, 5.0, 6.0]])
    assert complete_seeds(scores).tolist() == [[1.0, 3.0], [4.0, 6.0]]


def test_interval_of_one_category_is_the_ordinary_t_interval():
    values = np.array([0.71, 0.76, 0.69, 0.74, 0.73])
    interval = new_seeds_interval(values[None])
    expected = scipy_stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert interval is not None
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high))
    assert interval.df == pytest.approx(4)


def test_interval_of_two_categories_is_welchs():
    # The mean of two categories is half the difference of x and -y, whose interval is Welch's.
    x, y = np.array([0.2, 0.9, 0.4]), np.array([0.51, 0.52, 0.56])
    interval = new_seeds_interval(np.stack([x, y]))
    welch = scipy_stats.ttest_ind(x, -y, equal_var=False)
    expected = welch.confidence_interval(0.95)
    assert interval is not None
    assert (interval.low, interval.high) == pytest.approx((expected.low / 2, expected.high / 2))
    assert interval.df == pytest.approx(welch.df)


def test_interval_does_not_depend_on_how_far_apart_the_categories_are():
    scores = np.random.default_rng(0).normal(size=(4, 3))
    apart = scores + np.array([[0.0], [10.0], [20.0], [30.0]])
    near, far = new_seeds_interval(scores), new_seeds_interval(apart)
    assert near is not None
    assert far is not None
    assert far.high - far.low == pytest.approx(near.high - near.low)


def test_interval_of_seeds_that_agree_has_no_width():
    interval = new_seeds_interval(np.array([[0.5, 0.5], [1.0, 1.0]]))
    assert interval is not None
    assert (interval.low, interval.high) == (0.75, 0.75)


def test_tiny_variances_do_not_underflow():
    scores = 1e-120 * np.array([[0.0, 1.0, 2.0], [0.0, 1.0, 2.0]])
    interval = new_seeds_interval(scores)
    assert interval is not None
    assert interval.df == pytest.approx(4)


@pytest.mark.parametrize(("seeds", "trials"), [(3, 3000), (5, 3000)])
def test_interval_covers_its_nominal_share_of_new_seeds(seeds, trials):
    # 15 categories of unlike difficulty and unlike spread, as in the real thing.
    rng = np.random.default_rng(seeds)
    centres = rng.uniform(0.4, 1.0, size=(15, 1))
    spreads = rng.lognormal(-4.5, 0.7, size=(15, 1))
    covered = 0
    for _ in range(trials):
        interval = new_seeds_interval(rng.normal(centres, spreads, size=(15, seeds)))
        assert interval is not None
        covered += interval.low <= centres.mean() <= interval.high
    assert 0.93 <= covered / trials <= 0.97


@pytest.mark.parametrize("factor", ["den", "ed", "seg"])
def test_contrast_is_the_mean_with_minus_the_mean_without(shuffled, factor):
    contrast = factorial_contrast(shuffled, "pro", factor, categories=CATEGORIES, seeds=SEEDS)
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
    effect = main_effect(moved, "iap", "seg", categories=CATEGORIES, seeds=SEEDS)
    assert effect.estimate.mean == pytest.approx(0.2)
    assert effect.estimate.std == pytest.approx(0, abs=1e-12)
    assert effect.estimate.interval is not None
    assert effect.estimate.interval.excludes_zero
    none = main_effect(moved, "iap", "den", categories=CATEGORIES, seeds=SEEDS)
    assert none.estimate.mean == pytest.approx(0, abs=1e-12)


def test_categories_improved_are_counted_by_their_mean_over_seeds(cells):
    gain = {"bottle": 0.3, "cable": -0.1, "wood": 0.0}
    moved = cells.assign(
        iap=[0.5 + gain[row.category] * row.ed for row in cells.itertuples(index=False)]
    )
    effect = main_effect(moved, "iap", "ed", categories=CATEGORIES, seeds=SEEDS)
    assert (effect.improved, effect.categories) == (1, 3)


def test_an_effect_needs_all_eight_variants_of_a_seed(cells):
    gone = without(cells, category="cable", variant="ed", seed=1)
    effect = main_effect(gone, "iap", "seg", categories=CATEGORIES, seeds=SEEDS)
    assert (effect.estimate.n, effect.estimate.expected) == (2, 3)
    rest = main_effect(gone, "iap", "seg", categories=CATEGORIES, seeds=(0, 2))
    assert effect.estimate.mean == rest.estimate.mean
    assert effect.improved == rest.improved


def test_an_effect_of_a_variant_never_run_is_missing(cells):
    gone = without(cells, variant="ed")
    effect = main_effect(gone, "iap", "den", categories=CATEGORIES, seeds=SEEDS)
    assert effect.estimate.n == 0
    assert np.isnan(effect.estimate.mean)
    assert effect.improved == 0


def test_an_unknown_factor_is_an_error(cells):
    with pytest.raises(ValueError):
        main_effect(cells, "iap", "teacher", categories=CATEGORIES, seeds=SEEDS)
