import numpy as np
import pytest
from scipy import stats

from bench.regress.t_tests import smallest_visible, t_categories, t_mean


@pytest.fixture
def sides():
    rng = np.random.default_rng(0)
    return rng.normal(0.8, 0.02, (4, 5)), rng.normal(0.79, 0.02, (4, 3))


def test_category_test_is_scipys(sides):
    for tested, old, new in zip(t_categories(*sides), *sides, strict=True):
        expected = stats.ttest_ind(new, old)
        assert tested.p == pytest.approx(expected.pvalue)
        assert tested.df == expected.df


def test_mean_test_of_one_category_is_the_category_test(sides):
    old, new = sides[0][:1], sides[1][:1]
    assert t_mean(old, new).p == pytest.approx(t_categories(old, new)[0].p)


def test_seeds_that_agree_to_the_last_digit():
    same = np.full((2, 3), 0.1)
    assert t_mean(same, same).p == 1
    assert t_mean(same, same + 0.1).p == pytest.approx(0)


def test_smallest_visible_change_is_seen_at_its_power():
    rng = np.random.default_rng(1)
    old, new, std = 5, 3, 0.02
    error = std * (1 / old + 1 / new) ** 0.5
    drop = smallest_visible(error, old + new - 2, 0.01)
    samples = rng.normal(0, std, (20_000, 8))
    samples[:, old:] -= drop
    seen = stats.ttest_ind(samples[:, old:], samples[:, :old], axis=1).pvalue < 0.01
    assert seen.mean() == pytest.approx(0.8, abs=0.02)
