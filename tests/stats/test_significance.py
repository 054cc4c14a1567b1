import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from bench.stats import holm, sign_flip_p
from bench.stats.significance import MOST_EXACT

P_VALUES = st.lists(st.floats(0, 1, allow_subnormal=False), min_size=1, max_size=12)


@pytest.mark.parametrize("n", [2, 5, 9])
def test_it_is_scipys_exact_permutation_test(n):
    rng = np.random.default_rng(n)
    for values in (rng.normal(0.5, 1, n), rng.integers(-2, 4, n) / 4, np.zeros(n)):
        expected = scipy_stats.permutation_test(
            (values,), np.mean, permutation_type="samples", n_resamples=np.inf, vectorized=True
        )
        assert sign_flip_p(values) == pytest.approx(expected.pvalue, rel=1e-12)


def test_fifteen_categories_that_all_gain_give_the_smallest_p_there_is():
    assert sign_flip_p(np.linspace(0.01, 0.2, 15)) == 2 / 32768
    assert sign_flip_p(-np.linspace(0.01, 0.2, 15)) == 2 / 32768


def test_a_pattern_that_ties_but_for_rounding_counts():
    # 0.1 + 0.2 and 0.3 are not the same number to a computer.
    assert sign_flip_p(np.array([0.1, 0.2, 0.3, -0.3])) == sign_flip_p(np.array([1.0, 2, 3, -3]))


def test_more_categories_than_can_be_tried_are_sampled_repeatably():
    values = np.random.default_rng(0).normal(0.5, 1, MOST_EXACT + 4)
    p = sign_flip_p(values)
    assert p == sign_flip_p(values)
    # Of 20 values the exact t test of their mean is near.
    assert p == pytest.approx(scipy_stats.ttest_1samp(values, 0).pvalue, abs=0.01)


def test_one_value_cannot_be_tested():
    with pytest.raises(ValueError, match="two at least"):
        sign_flip_p(np.array([0.3]))


def test_a_true_null_is_rejected_as_often_as_said():
    rng = np.random.default_rng(5)
    rejected = [sign_flip_p(rng.standard_t(3, 8)) <= 0.05 for _ in range(4000)]
    assert 0.04 <= np.mean(rejected) <= 0.06


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx((0.03, 0.06, 0.06, 0.02))
    assert holm([0.6, 0.5]) == (1.0, 1.0)
    assert holm([]) == ()


@given(P_VALUES)
def test_holm_lies_between_no_correction_and_bonferroni(p_values):
    corrected = holm(p_values)
    for before, after in zip(p_values, corrected, strict=True):
        assert before <= after <= min(1.0, len(p_values) * before)


@given(P_VALUES, st.randoms())
def test_holm_follows_each_test_wherever_it_stands(p_values, random):
    order = list(range(len(p_values)))
    random.shuffle(order)
    corrected = holm(p_values)
    assert holm([p_values[i] for i in order]) == tuple(corrected[i] for i in order)


@given(P_VALUES)
def test_holm_keeps_the_order_of_the_tests(p_values):
    ranked = [after for _, after in sorted(zip(p_values, holm(p_values), strict=True))]
    assert ranked == sorted(ranked)
