import itertools
import math

import numpy as np
import pytest

from bench.presentation.report.outcomes import judge


def best_by_trying(scores, anomalous):
    """The highest of the thresholds with the best F1, by the definition."""

    def f1(threshold):
        called = scores >= threshold
        return 2 * (called & anomalous).sum() / (called.sum() + anomalous.sum())

    return max(set(scores.tolist()), key=lambda threshold: (f1(threshold), threshold))


def test_the_threshold_has_the_best_f1_of_all():
    rng = np.random.default_rng(0)
    for _ in range(50):
        scores = rng.integers(0, 6, 12) / 8  # many ties
        anomalous = rng.random(12) < 0.5
        if anomalous.any():
            assert judge(scores, anomalous).threshold == best_by_trying(scores, anomalous)


def test_an_image_that_reaches_the_threshold_is_called_anomalous():
    found = judge(np.array([0.1, 0.7, 0.8, 0.9, 0.3]), np.array([False, False, True, True, True]))
    assert (found.threshold, found.outcomes) == (0.3, "pafff")
    assert found.said(1) == "! false alarm: score 0.7, threshold 0.3"
    assert found.said(4) == "✓ found: score 0.3, threshold 0.3"


def test_a_defect_below_the_threshold_is_missed():
    scores, anomalous = np.array([5.0, 4, 3, 2, 1]), np.array([True, True, False, False, True])
    assert judge(scores, anomalous).outcomes == "ffppm"


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_the_order_of_the_images_is_nothing_to_it(order):
    scores, anomalous = np.array([0.2, 0.2, 0.9]), np.array([True, False, False])
    found = judge(scores[list(order)], anomalous[list(order)])
    assert found.threshold == 0.2
    assert sorted(found.outcomes) == ["a", "a", "f"]


def test_where_nothing_is_anomalous_nothing_is_called_so():
    found = judge(np.array([0.2, 0.9]), np.array([False, False]))
    assert found.outcomes == "pp"
    assert math.isinf(found.threshold)
