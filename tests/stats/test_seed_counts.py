import numpy as np
import pytest

from bench.stats import MOST_SEEDS, new_seeds_interval, seeds_to_decide


def contrast(mean, spread=0.02, seeds=3):
    """Every category with the same variance, which more seeds of the same kind keep."""
    pattern = np.resize([-1.0, 1.0, 0.0], seeds)
    pattern = (pattern - pattern.mean()) / pattern.std(ddof=1)
    return mean + spread * np.tile(pattern, (15, 1))


@pytest.mark.parametrize("mean", [0.002, 0.003, 0.005, -0.005])
def test_with_as_many_seeds_the_interval_excludes_zero_and_with_one_fewer_not(mean):
    n = seeds_to_decide(contrast(mean))
    assert 3 < n <= MOST_SEEDS
    enough, too_few = (new_seeds_interval(contrast(mean, seeds=count)) for count in (n, n - 1))
    assert enough.excludes_zero
    assert not too_few.excludes_zero


def test_a_question_that_is_decided_needs_no_more_seeds_than_it_has():
    scores = contrast(0.5)
    assert new_seeds_interval(scores).excludes_zero
    assert seeds_to_decide(scores) == 2


def test_a_stricter_level_needs_more_seeds():
    assert seeds_to_decide(contrast(0.005), level=0.999) > seeds_to_decide(contrast(0.005))


@pytest.mark.parametrize("mean", [0.0, 1e-5])
def test_what_needs_more_than_anybody_trains(mean):
    assert seeds_to_decide(contrast(mean)) == MOST_SEEDS + 1


def test_one_seed_knows_no_variance():
    assert seeds_to_decide(np.full((15, 1), 0.3)) is None
    assert seeds_to_decide(np.full((15, 2), np.nan)) is None
