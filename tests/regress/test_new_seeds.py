import dataclasses

import numpy as np
import pytest

from bench.experiment.grid import Cell
from bench.metrics import METRICS
from bench.regress.gate_report import Verdict, cause_of
from bench.regress.measured import Measured
from bench.regress.new_seeds import compare_new_seeds
from tests.regress.small_baseline import SETTINGS, SOURCES, small_baseline

CATEGORIES = [f"c{index:02d}" for index in range(15)]


def simulated(rng, seeds, drop=None, variants=("den+ed+seg",), correlated=False):
    """Draw a run: categories of other means and spreads, seeds independent."""
    rates = np.linspace(0.004, 0.03, len(CATEGORIES))
    drop = np.zeros(len(CATEGORIES)) if drop is None else drop
    cells = {}
    for index, category in enumerate(CATEGORIES):
        for variant in variants:
            for seed in seeds:
                noise = rng.normal(size=len(METRICS))
                if correlated:
                    noise[:] = noise[0]
                values = 0.6 + 0.02 * index - drop[index] + rates[index] * noise
                cells[Cell("DeSTSeg", variant, category, seed)] = {
                    metric.key: float(value) for metric, value in zip(METRICS, values, strict=True)
                }
    images = dict.fromkeys(CATEGORIES, "d" * 64)
    return Measured("mvtec", images, ("paper v1",), {}, cells)


def compare(old, new, **options):
    baseline = small_baseline(comparison="seeds", measured=old)
    return compare_new_seeds(baseline, new, cause_of(baseline, new, SETTINGS, SOURCES), **options)


def trial(rng, drop=None, seeds=3, **options):
    old = simulated(rng, range(5), **options)
    return compare(old, simulated(rng, range(5, 5 + seeds), drop, **options)).verdict


def rate(count, verdicts, **options):
    rng = np.random.default_rng(7)
    return np.mean([trial(rng, **options) in verdicts for _ in range(count)])


CHANGED = (Verdict.REGRESSION, Verdict.IMPROVEMENT)
ONE_FALLS = np.where(np.arange(15) == 3, 0.15, 0.0)
ALL_FALL = np.full(15, 0.03)


def test_rates_in_short():
    assert rate(60, CHANGED) <= 0.15
    assert rate(20, (Verdict.REGRESSION,), drop=ONE_FALLS) >= 0.8
    assert rate(20, (Verdict.REGRESSION,), drop=ALL_FALL) >= 0.8
    assert rate(20, (Verdict.IMPROVEMENT,), drop=-ALL_FALL) >= 0.8


@pytest.mark.slow
@pytest.mark.parametrize("correlated", [False, True])
def test_false_alarms_stay_below_their_rate(correlated):
    """5 % by category and 1 % on the mean, in either direction, over a whole run."""
    found = rate(2000, CHANGED, correlated=correlated)
    print(f"false alarms: {found:.4f}, metrics correlated: {correlated}")
    assert found <= 0.06 + 3 * (0.06 * 0.94 / 2000) ** 0.5


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "drop", "seeds", "least"),
    [
        ("one category by 15 points", ONE_FALLS, 3, 0.9),
        ("one category by 8 points", ONE_FALLS * 8 / 15, 3, 0.0),
        ("one category by 8 points", ONE_FALLS * 8 / 15, 5, 0.0),
        ("all by 3 points", ALL_FALL, 3, 0.9),
        ("all by 1.5 points", ALL_FALL / 2, 3, 0.0),
        ("all by 1.5 points", ALL_FALL / 2, 5, 0.0),
    ],
)
def test_detection(name, drop, seeds, least):
    found = rate(300, (Verdict.REGRESSION,), drop=drop, seeds=seeds, correlated=True)
    print(f"detected: {found:.3f}, {name}, {seeds} new seeds")
    assert found >= least


def test_each_test_sees_what_the_other_does_not():
    rng = np.random.default_rng(3)
    old = simulated(rng, range(5))
    one = compare(old, simulated(rng, range(5, 8), ONE_FALLS))
    assert "c03" in {change.category for change in one.changes}
    every = compare(old, simulated(rng, range(5, 8), ALL_FALL / 1.5))
    assert "" in {change.category for change in every.changes}
    assert all(change.p is not None for change in (*one.changes, *every.changes))


def test_what_has_no_seed_and_is_the_same_is_no_change():
    """A baseline keeps six digits, a run has all: with no variance any difference would be sure."""
    rng = np.random.default_rng(0)
    values = {c: rng.random(len(METRICS)) for c in CATEGORIES}

    def floor(seeds, digits):
        return {
            Cell("pixel-nn", "", category, seed): {
                metric.key: round(float(value), digits)
                for metric, value in zip(METRICS, values[category], strict=True)
            }
            for category in CATEGORIES
            for seed in seeds
        }

    old, new = (simulated(rng, seeds) for seeds in (range(5), range(5, 8)))
    old = dataclasses.replace(old, cells=floor(range(5), 6))
    new = dataclasses.replace(new, cells=floor(range(5, 8), 17))
    report = compare(old, new)
    assert report.verdict is Verdict.PASS
    assert report.changes == ()


def test_a_change_below_the_floor_is_not_told():
    rng = np.random.default_rng(3)
    old = simulated(rng, range(5))
    report = compare(old, simulated(rng, range(5, 8), ONE_FALLS), floor=0.5)
    assert not [change for change in report.changes if change.category]


@pytest.mark.parametrize("count", [1, 2])
def test_few_seeds_decide_nothing_and_say_what_they_could_see(count):
    rng = np.random.default_rng(0)
    new = simulated(rng, range(5, 5 + count), ONE_FALLS * 3)
    report = compare(simulated(rng, range(5)), new)
    assert report.verdict is Verdict.INCOMPLETE
    assert not report.changes
    assert f"cannot decide: {count} new seeds, 3 are needed" in report.missing
    assert len(report.notes) == 2
    assert report.notes[0].startswith("smallest drop of the mean over categories that is seen")


def test_seeds_of_the_baseline_are_not_new():
    rng = np.random.default_rng(0)
    report = compare(simulated(rng, range(5)), simulated(rng, range(4, 7)))
    assert report.verdict is Verdict.INCOMPLETE
    assert "seed 4 is in both: new seeds must be new" in report.missing


def test_a_baseline_of_one_seed_decides_nothing():
    rng = np.random.default_rng(0)
    report = compare(simulated(rng, [0]), simulated(rng, range(1, 4)))
    assert report.verdict is Verdict.INCOMPLETE


@pytest.mark.parametrize("side", ["run", "baseline"])
@pytest.mark.parametrize("what", ["category", "variant", "cell", "metric", "all"])
def test_whatever_is_missing_is_incomplete(side, what):
    rng = np.random.default_rng(0)
    variants = ("den", "none")
    sides = {
        "baseline": simulated(rng, range(5), variants=variants),
        "run": simulated(rng, range(5, 8), variants=variants),
    }
    lost = min(sides[side].cells)
    cells = {
        cell: {name: v for name, v in scores.items() if (what, name) != ("metric", "pro")}
        for cell, scores in sides[side].cells.items()
        if not (
            what == "all"
            or (what == "category" and cell.category == "c00")
            or (what == "variant" and cell.variant == "den")
            or (what == "cell" and cell == lost)
        )
    }
    sides[side] = dataclasses.replace(sides[side], cells=cells)
    report = compare(sides["baseline"], sides["run"])
    assert report.verdict is Verdict.INCOMPLETE
    assert report.missing
    assert not report.changes


def test_another_protocol_is_not_comparable():
    rng = np.random.default_rng(0)
    new = dataclasses.replace(simulated(rng, range(5, 8)), protocols=("floor v1",))
    assert compare(simulated(rng, range(5)), new).verdict is Verdict.NOT_COMPARABLE
