"""Faults of formulas that trained networks' scores do not show, each put into the metrics."""

import dataclasses

import numpy as np
import pytest

from bench.experiment.library import EXPERIMENTS, baseline_of
from bench.metrics import ALL_METRICS, curves, ranking, registry
from bench.metrics.regions import label_regions
from bench.regress.baseline import read_baseline
from bench.regress.coarse import COARSE, with_coarse
from bench.regress.gate_report import Cause, Verdict
from bench.regress.measured import NOTHING
from bench.regress.same_seeds import compare_same_seeds


def auroc(ties):
    """Let ties count this much instead of half."""

    def faulty(levels):
        wins = (1 - ties) * (levels.normal - levels.fp) + ties * (levels.normal - levels.fp_above)
        return float((levels.count * wins).sum() / levels.anomalous / levels.normal)

    return faulty


def trapezoid(levels):
    precision = levels.tp / (levels.tp + levels.fp)
    before = np.append(precision[1:], 1.0)
    return float((levels.count * (precision + before) / 2).sum() / levels.anomalous)


def levels_at(place):
    """Take another pixel of an instance for its score."""

    def faulty(ranking):
        order = np.lexsort((ranking.level, ranking.region))
        ends = np.cumsum(ranking.region_size)
        return ranking.level[order][ends - 1 - place(ranking.region_size)]

    return faulty


def interpolated(test):
    recall = (test.envelope.size - np.arange(test.envelope.size)) / test.envelope.size
    return float(np.interp(test.protocol.iap_k, recall[::-1], test.envelope[::-1]))


FAULTS = {
    "ties of AUROC lose": (registry, "auroc", auroc(0)),
    "ties of AUROC win": (registry, "auroc", auroc(1)),
    "AP by trapezoid": (registry, "average_precision", trapezoid),
    "IAP's index at half": (curves, "instance_levels", levels_at(lambda size: (size - 1) // 2)),
    "IAP's index one off": (curves, "instance_levels", levels_at(lambda size: size // 2 - 1)),
}


@pytest.fixture(scope="module")
def baseline():
    """The committed one, of the scores made by hand alone."""
    whole = read_baseline(baseline_of(EXPERIMENTS / "smoke.toml"))
    cells = {COARSE: whole.measured.cells[COARSE]}
    return dataclasses.replace(whole, measured=dataclasses.replace(whole.measured, cells=cells))


def compared(baseline):
    now = with_coarse(dataclasses.replace(baseline.measured, cells={COARSE: {}}))
    return compare_same_seeds(baseline, now, Cause())


def test_the_formulas_as_they_are_pass(baseline):
    report = compared(baseline)
    assert (report.verdict, report.compared) == (Verdict.PASS, 6)


@pytest.mark.parametrize(("module", "name", "faulty"), FAULTS.values(), ids=FAULTS)
def test_a_faulty_formula_is_told(baseline, monkeypatch, module, name, faulty):
    monkeypatch.setattr(module, name, faulty)
    assert compared(baseline).verdict in (Verdict.REGRESSION, Verdict.IMPROVEMENT)


@pytest.mark.parametrize(
    ("module", "name", "same"),
    [
        (registry, "auroc", auroc(0.5)),
        (curves, "instance_levels", levels_at(lambda size: size // 2)),
    ],
)
def test_the_faults_are_the_formulas_but_for_one_thing(baseline, monkeypatch, module, name, same):
    monkeypatch.setattr(module, name, same)
    assert compared(baseline).verdict is Verdict.PASS


def test_an_interpolated_iap90_is_told(baseline):
    metric = ALL_METRICS["iap90"]
    right = metric.compute
    object.__setattr__(metric, "compute", interpolated)
    try:
        report = compared(baseline)
    finally:
        object.__setattr__(metric, "compute", right)
    assert [change.metric for change in report.changes] == ["iap90"]


def test_another_neighbourhood_is_told(baseline, monkeypatch):
    monkeypatch.setattr(ranking, "label_regions", lambda masks, _: label_regions(masks, 4))
    assert compared(baseline).verdict in (Verdict.REGRESSION, Verdict.IMPROVEMENT)


def test_a_run_without_cells_stays_without():
    assert with_coarse(NOTHING) == NOTHING
