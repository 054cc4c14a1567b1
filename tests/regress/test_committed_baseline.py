"""The baseline in the repository is one of the smoke experiment as it stands."""

import dataclasses

import pytest

from bench.data import miniature
from bench.experiment.grid import Grid
from bench.experiment.library import EXPERIMENTS, baseline_of
from bench.experiment.reading import load_experiment
from bench.methods import FLOORS, PAPER, method
from bench.metrics import METRICS
from bench.regress.baseline import dumped, read_baseline
from bench.regress.coarse import COARSE
from bench.regress.gate_report import Cause, Verdict
from bench.regress.same_seeds import compare_same_seeds

SMOKE = EXPERIMENTS / "smoke.toml"
FILE = baseline_of(SMOKE)


@pytest.fixture(scope="module")
def baseline():
    return read_baseline(FILE)


@pytest.fixture(scope="module")
def smoke():
    return load_experiment(SMOKE)


def test_it_is_written_as_the_program_writes_it(baseline):
    assert dumped(baseline) == FILE.read_text(encoding="utf-8")


def test_it_is_complete(baseline, smoke):
    assert smoke.grid.variants == {PAPER: method(PAPER).default} | dict.fromkeys(FLOORS, ("",))
    assert len(smoke.grid.categories) >= 2
    assert set(smoke.grid.categories) <= set(miniature.CATEGORIES)
    assert len(smoke.grid.seeds) == 2
    grid = Grid(smoke.grid.categories, smoke.grid.variants, smoke.grid.seeds)
    assert set(baseline.measured.cells) == {*grid.cells(), COARSE}
    for scores in baseline.measured.cells.values():
        assert set(scores) == {metric.key for metric in METRICS}
    report = compare_same_seeds(baseline, baseline.measured, Cause())
    assert report.verdict is Verdict.PASS


def test_its_protocol_is_the_experiments(baseline, smoke):
    assert baseline.measured.protocols == (smoke.protocol.label,)
    assert baseline.settings["protocol"] == dataclasses.asdict(smoke.protocol)


def test_its_tolerance_was_measured_and_is_small(baseline):
    assert len(baseline.tolerance.runs) >= 3
    assert baseline.tolerance.allowed("pixel_ap") < 0.005
    assert baseline.tolerance.allowed("image_auroc") < 0.05


def test_the_paper_s_recipe_is_left_to_the_defaults():
    """What the file does not say is guarded, since the code says it."""
    text = SMOKE.read_text(encoding="utf-8")
    for name in ("dilations", "momentum", "weight_decay", "gamma", "connectivity", "threshold"):
        assert name not in text
