import dataclasses

import pytest

from bench.metrics import METRICS
from bench.regress.baseline import Tolerance
from bench.regress.gate_report import Verdict
from bench.regress.rendering import sentence
from tests.regress.small_baseline import (
    CELL,
    SETTINGS,
    SOURCES,
    compared,
    measured,
    small_baseline,
    with_score,
)


@pytest.fixture
def baseline():
    return small_baseline()


def compare(baseline, now, settings=SETTINGS, sources=SOURCES):
    return compared(now, baseline=baseline, settings=settings, sources=sources)


def test_same_numbers_pass(baseline):
    report = compare(baseline, measured())
    assert (report.verdict, report.compared) == (Verdict.PASS, 8 * len(METRICS))
    assert not report.changes


@pytest.mark.parametrize(
    ("value", "verdict"),
    [
        (0.4975, Verdict.PASS),
        (0.5025, Verdict.PASS),
        (0.496, Verdict.REGRESSION),
        (0.504, Verdict.IMPROVEMENT),
    ],
)
def test_tolerance_is_thrice_the_spread(baseline, value, verdict):
    assert compare(baseline, with_score(measured(), CELL, "pro", value)).verdict is verdict


def test_a_regression_is_named_with_its_cause(baseline):
    run = with_score(measured(), CELL, "iap", 0.4)
    settings = {**SETTINGS, "model": {"dilations": (1,)}}
    report = compare(baseline, run, settings, {**SOURCES, "destseg/losses.py": "cc"})
    (change,) = report.changes
    assert sentence(change) == (
        "IAP of DeSTSeg den on tile, seed 1: 0.5000 -> 0.4000, change -0.1000, noise 0.0030"
    )
    assert report.cause.sources == ("destseg/losses.py",)
    assert report.cause.settings == ("model.dilations: [6, 12] -> [1]",)


def test_worse_outweighs_better(baseline):
    run = with_score(with_score(measured(), CELL, "iap", 0.9), CELL, "pro", 0.49)
    report = compare(baseline, run)
    assert report.verdict is Verdict.REGRESSION
    assert [change.metric for change in report.changes] == ["iap", "pro"]


def without(run, keep=lambda cell: True, metric=None):
    cells = {
        cell: {name: value for name, value in scores.items() if name != metric}
        for cell, scores in run.cells.items()
        if keep(cell)
    }
    return dataclasses.replace(run, cells=cells)


DELETIONS = {
    "a column": lambda run: without(run, metric="pixel_ap"),
    "a category": lambda run: without(run, lambda cell: cell.category != "tile"),
    "a variant": lambda run: without(run, lambda cell: cell.variant != "none"),
    "a seed": lambda run: without(run, lambda cell: cell.seed != 1),
    "one record": lambda run: without(run, lambda cell: cell != CELL),
    "a value": lambda run: with_score(run, CELL, "pro", None),
    "all records": lambda run: without(run, lambda cell: False),
}


@pytest.mark.parametrize("name", DELETIONS)
@pytest.mark.parametrize("side", ["run", "baseline", "both"])
def test_whatever_is_missing_is_incomplete(baseline, name, side):
    """On both sides too: a metric that nobody has is not one that passed."""
    delete = DELETIONS[name]
    now = measured()
    if side != "baseline":
        now = delete(now)
    if side != "run":
        baseline = dataclasses.replace(baseline, measured=delete(baseline.measured))
    whole = side == "both" and name in ("a category", "a variant", "a seed", "one record")
    report = compare(baseline, now)
    # What both sides agree not to have is another, smaller grid.
    assert report.verdict is (Verdict.PASS if whole else Verdict.INCOMPLETE)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"dataset": "mvtec"}, "dataset: miniature -> mvtec"),
        ({"images": {"grid": "9" * 64, "tile": "2" * 64}}, "images of grid: digest 111111111111"),
        ({"protocols": ("paper v1",)}, "protocol: paper v1 size=48 -> paper v1"),
        ({"precisions": {"DeSTSeg": "bf16"}}, "DeSTSeg trained in: float32 -> bf16"),
    ],
)
def test_other_measurements_are_not_comparable(baseline, changes, said):
    report = compare(baseline, measured(**changes))
    assert report.verdict is Verdict.NOT_COMPARABLE
    assert report.incomparable[0].startswith(said)


def test_another_schema_is_not_comparable(baseline):
    report = compare(dataclasses.replace(baseline, schema=99), measured())
    assert report.verdict is Verdict.NOT_COMPARABLE


def test_a_wide_tolerance_is_said_with_the_verdict():
    wide = small_baseline(tolerance=Tolerance(spread={"pro": 0.05}))
    (note,) = compared(measured(), baseline=wide).notes
    assert note == "the tolerance is beyond 0.1, so that much passes unseen: PRO 0.15"
    assert compared(measured()).notes == ()
