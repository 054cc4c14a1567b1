import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats as scipy_stats

from bench.stats import LEVEL, intervals, like_these_interval, new_seeds_interval
from bench.stats.intervals import seed_spread


def test_interval_of_one_category_is_the_ordinary_t_interval():
    values = np.array([0.71, 0.76, 0.69, 0.74, 0.73])
    interval = new_seeds_interval(values[None])
    expected = scipy_stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high))


def test_interval_of_two_categories_is_welchs():
    # The mean of two categories is half the difference of x and -y, whose interval is Welch's.
    x, y = np.array([0.2, 0.9, 0.4]), np.array([0.51, 0.52, 0.56])
    interval = new_seeds_interval(np.stack([x, y]))
    welch = scipy_stats.ttest_ind(x, -y, equal_var=False)
    expected = welch.confidence_interval(0.95)
    assert (interval.low, interval.high) == pytest.approx((expected.low / 2, expected.high / 2))


def test_interval_does_not_depend_on_how_far_apart_the_categories_are():
    scores = np.random.default_rng(0).normal(size=(4, 3))
    apart = scores + np.array([[0.0], [10.0], [20.0], [30.0]])
    near, far = new_seeds_interval(scores), new_seeds_interval(apart)
    assert far.high - far.low == pytest.approx(near.high - near.low)


def test_interval_of_seeds_that_agree_has_no_width():
    interval = new_seeds_interval(np.array([[0.5, 0.5], [1.0, 1.0]]))
    assert (interval.low, interval.high) == (0.75, 0.75)


def test_tiny_variances_do_not_underflow():
    scores = 1e-120 * np.array([[0.0, 1.0, 2.0], [0.0, 1.0, 2.0]])
    assert seed_spread(scores).df == pytest.approx(2)


def test_a_higher_level_gives_a_wider_interval():
    scores = np.random.default_rng(2).normal(size=(4, 3))
    usual, wider = new_seeds_interval(scores), new_seeds_interval(scores, 0.99)
    assert usual == new_seeds_interval(scores, LEVEL)
    assert wider.low < usual.low < usual.high < wider.high
    assert usual.half_width == pytest.approx((usual.high - usual.low) / 2)


def test_a_spread_foretells_the_width_of_its_own_interval():
    scores = np.random.default_rng(4).normal(size=(6, 4))
    spread, interval = seed_spread(scores), new_seeds_interval(scores)
    widths = spread.half_widths(np.array([4, 5, 9]))
    assert widths[0] == pytest.approx(interval.half_width)
    assert widths[0] > widths[1] > widths[2]


@pytest.mark.parametrize("shape", [(15, 1), (15, 0), (4, 3)])
def test_like_these_needs_two_seeds_and_five_categories(shape):
    assert like_these_interval(np.random.default_rng(0).normal(size=shape)) is None


def test_like_these_is_scipys_bca_of_the_category_means_at_the_expanded_level():
    scores = np.random.default_rng(0).beta(4, 2, size=(15, 3))
    interval = like_these_interval(scores)
    # With t's quantile for 14 degrees of freedom, 2.1448: Phi(-2.1448 sqrt(15 / 14)) = 0.0132.
    expected = scipy_stats.bootstrap(
        (scores.mean(axis=1),),
        np.mean,
        n_resamples=intervals.RESAMPLES,
        confidence_level=1 - 2 * scipy_stats.norm.cdf(-2.144787 * np.sqrt(15 / 14)),
        method="BCa",
        rng=np.random.default_rng(0),
    ).confidence_interval
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high), abs=1e-4)
    assert interval == like_these_interval(scores)


def test_like_these_widens_as_categories_differ_and_new_seeds_does_not():
    scores = 0.01 * np.random.default_rng(0).normal(size=(15, 3))
    apart = scores + np.linspace(0, 1, 15)[:, None]
    near, far = like_these_interval(scores), like_these_interval(apart)
    these = new_seeds_interval(apart)
    assert far.half_width > 10 * near.half_width
    assert far.half_width > 10 * these.half_width


def test_like_these_leaves_incomplete_seeds_out():
    scores = np.random.default_rng(0).normal(size=(6, 3))
    holed = scores.copy()
    holed[2, 1] = np.nan
    assert like_these_interval(holed) == like_these_interval(scores[:, [0, 2]])


def test_categories_that_agree_have_an_interval_of_no_width():
    interval = like_these_interval(np.full((6, 3), 0.25))
    assert (interval.low, interval.high) == (0.25, 0.25)


def numbers(most):
    return st.floats(-most, most, width=16, allow_subnormal=False)


@given(arrays(float, (6, 3), elements=numbers(1)), numbers(5))
def test_a_shift_of_all_scores_shifts_the_interval(scores, shift):
    before, after = new_seeds_interval(scores), new_seeds_interval(scores + shift)
    assert after.low == pytest.approx(before.low + shift, abs=1e-9)
    assert after.high == pytest.approx(before.high + shift, abs=1e-9)
    assert before.low <= scores.mean() + 1e-12
    assert before.high >= scores.mean() - 1e-12
