"""How often the intervals hold what they promise, by simulation.

Fifteen categories of unlike difficulty and unlike spread, as in the real thing. Scores of a
metric near its ceiling are skewed and paired effects have heavy tails, so both stand beside the
bell. The longer test prints the figures: ``pytest -m slow -s tests/stats``.
"""

import numpy as np
import pytest

from bench.stats import intervals, like_these_interval, new_seeds_interval

CATEGORIES = 15
POPULATIONS = {
    "normal": (lambda rng, shape: rng.normal(0.7, 0.12, shape), 0.7),
    "skewed, like pixel AP": (lambda rng, shape: rng.beta(4, 1.7, shape), 4 / 5.7),
    "near the ceiling, like AUROC": (lambda rng, shape: rng.beta(20, 1, shape), 20 / 21),
    "heavy tails, like effects": (
        lambda rng, shape: 0.02 + 0.03 * rng.standard_t(5, shape),
        0.02,
    ),
}
"""Name -> how the categories' true values are drawn, and the mean of all of them."""


def noise(rng, seeds):
    """Seeds scatter by half a point to a few, by category."""
    return rng.normal(0, rng.lognormal(-4.5, 0.7, (CATEGORIES, 1)), (CATEGORIES, seeds))


def new_seeds_coverage(seeds, trials):
    rng = np.random.default_rng(seeds)
    truth = rng.uniform(0.4, 1.0, (CATEGORIES, 1))
    spread = rng.lognormal(-4.5, 0.7, (CATEGORIES, 1))
    found = (
        new_seeds_interval(rng.normal(truth, spread, (CATEGORIES, seeds))) for _ in range(trials)
    )
    return np.mean([interval.low <= truth.mean() <= interval.high for interval in found])


def like_these_coverage(population, seeds, trials):
    rng = np.random.default_rng(seeds)
    draw, truth = POPULATIONS[population]
    found = (
        like_these_interval(draw(rng, (CATEGORIES, 1)) + noise(rng, seeds)) for _ in range(trials)
    )
    return np.mean([interval.low <= truth <= interval.high for interval in found])


@pytest.fixture
def within(capsys):
    """Whether a coverage is near enough to what is promised; prints it where trials were many."""

    def within(covered, said, trials):
        if trials > 3000:
            with capsys.disabled():
                print(f"\n{said}: {covered:.1%}")
        return 0.93 <= covered <= 0.97

    return within


@pytest.mark.parametrize("seeds", [3, 5])
@pytest.mark.parametrize("trials", [3000, pytest.param(20_000, marks=pytest.mark.slow)])
def test_new_seeds_covers_95_percent(seeds, trials, within):
    assert within(new_seeds_coverage(seeds, trials), f"new seeds, {seeds} seeds", trials)


FEW = ("skewed, like pixel AP", 500, 999)
MANY = [
    pytest.param(name, 4000, intervals.RESAMPLES, marks=pytest.mark.slow) for name in POPULATIONS
]


@pytest.mark.parametrize("seeds", [3, 5])
@pytest.mark.parametrize(("population", "trials", "resamples"), [FEW, *MANY])
def test_like_these_covers_95_percent_whatever_the_categories(
    population, trials, resamples, seeds, within, monkeypatch
):
    monkeypatch.setattr(intervals, "RESAMPLES", resamples)
    covered = like_these_coverage(population, seeds, trials)
    assert within(covered, f"categories like these, {population}, {seeds} seeds", trials)


def test_a_bootstrap_that_is_not_expanded_would_cover_too_little(monkeypatch):
    monkeypatch.setattr(intervals, "RESAMPLES", 999)
    monkeypatch.setattr(intervals, "_expanded_level", lambda _: 0.95)
    assert like_these_coverage("normal", 3, trials=500) < 0.93
