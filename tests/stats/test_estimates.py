import statistics

import numpy as np
import pytest

from bench.stats import Worst, estimate, new_seeds_interval, worst_category

CATEGORIES = ("bottle", "cable", "wood")


def test_estimate_is_the_mean_and_sample_std_of_the_category_means():
    scores = np.random.default_rng(3).uniform(0.3, 0.9, (3, 3))
    means = [statistics.mean(column) for column in scores.T]
    ours = estimate(scores)
    assert ours.mean == pytest.approx(statistics.mean(means), rel=1e-12)
    assert ours.std == pytest.approx(statistics.stdev(means), rel=1e-12)
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


def test_the_worst_category_is_by_the_mean_over_complete_seeds():
    scores = np.array([[0.9, 0.1, 0.9], [0.5, np.nan, 0.7], [0.8, 0.8, 0.3]])
    worst = worst_category(scores, CATEGORIES)
    assert worst == Worst("wood", pytest.approx(0.55))
    # The seed left out would have made it bottle's.
    assert worst_category(np.full((3, 2), np.nan), CATEGORIES) is None


def test_the_worst_category_of_an_error_is_the_one_with_most():
    errors = np.array([[0.2, 0.4], [0.5, 0.7], [0.1, 0.0]])
    assert worst_category(errors, CATEGORIES, higher_is_better=False).category == "cable"


def test_of_equally_bad_categories_the_first_is_named():
    assert worst_category(np.full((3, 2), 0.5), CATEGORIES) == Worst("bottle", 0.5)
