"""Golden cases: outputs of the published program and of the exact PRO curve."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from bench.metrics import Protocol, UndefinedMetric, evaluate, iap, iap_at, image_scores, pro
from bench.metrics.curves import instance_levels
from bench.metrics.inputs import open_source
from bench.metrics.ranking import rank

GOLDEN = Path(__file__).parents[1] / "golden"
SMALL = {
    case["name"]: case for case in json.loads((GOLDEN / "metric_cases.json").read_text())["cases"]
}
LARGE = np.load(GOLDEN / "metric_cases_large.npz")
LARGE_CASES = (0, 1, 2)
DEFINED = [name for name in SMALL if name not in ("no_anomaly", "all_anomalous_single_image")]
# Where an instance's score is 0 the program counts all normal pixels as found.
ZERO_SCORES = {"all_zero_map": 14 / 150, "instance_score_zero": 0.425}
FLOAT32 = 1e-7  # the program divides in float32


def case_arrays(name):
    case = SMALL[name]
    return np.array(case["preds"], np.float32), np.array(case["mask"]), case["outputs"]


def number(value):
    return math.nan if value == "nan" else value


@pytest.mark.parametrize("name", DEFINED)
def test_small_case(name):
    maps, masks, official = case_arrays(name)
    ours = evaluate(maps, masks, Protocol(top_t=official["T"]))
    assert ours["image_auroc"] == official["image_auc"]
    assert ours["pixel_auroc"] == pytest.approx(official["pixel_auc"], abs=FLOAT32)
    assert ours["pixel_auroc"] == pytest.approx(official["sklearn_pixel_auc"], abs=1e-14)
    assert ours["pixel_ap"] == pytest.approx(official["pixel_ap"], abs=FLOAT32)
    assert ours["pixel_ap"] == pytest.approx(official["sklearn_pixel_ap"], abs=1e-14)
    assert ours["pro"] == pytest.approx(official["pro_exact_curve_reference"], abs=1e-14)
    if name in ZERO_SCORES:
        assert ours["iap"] == pytest.approx(ZERO_SCORES[name], abs=1e-15)
    else:
        assert ours["iap"] == pytest.approx(official["iap"], abs=FLOAT32)
        assert ours["iap90"] == pytest.approx(official["iap90"], abs=FLOAT32)


@pytest.mark.parametrize("name", DEFINED)
def test_small_case_as_the_authors(name):
    maps, masks, official = case_arrays(name)
    replayed = evaluate(maps, masks, Protocol(top_t=official["T"]), compat="authors")
    assert replayed["iap"] == pytest.approx(official["iap"], abs=FLOAT32)
    assert replayed["iap90"] == pytest.approx(official["iap90"], abs=FLOAT32)
    assert replayed["pro"] == pytest.approx(number(official["pro"]), abs=3e-7, nan_ok=True)


@pytest.mark.parametrize("name", DEFINED)
def test_small_case_images_and_instances(name):
    maps, masks, official = case_arrays(name)
    scores = image_scores(maps, Protocol(top_t=official["T"]))
    assert scores == pytest.approx(official["image_scores"], abs=FLOAT32)
    ranking = rank(open_source(maps, masks))
    found = zip(ranking.region_size, ranking.thresholds[instance_levels(ranking)], strict=True)
    expected = [(one["size"], np.float32(one["score"])) for one in official["instances"]]
    assert sorted(found) == sorted(expected)


def test_no_anomaly_leaves_every_metric_missing():
    maps, masks, official = case_arrays("no_anomaly")
    for compat in (None, "authors"):
        ours = evaluate(maps, masks, Protocol(top_t=official["T"]), compat=compat)
        assert all(math.isnan(value) for value in ours.values())
    for metric in (iap, iap_at, pro):
        with pytest.raises(UndefinedMetric, match="undefined without"):
            metric(maps, masks)


def test_all_anomalous_has_precision_only():
    maps, masks, _ = case_arrays("all_anomalous_single_image")
    ours = evaluate(maps, masks)
    assert {key for key, value in ours.items() if math.isnan(value)} == {
        "image_auroc",
        "pixel_auroc",
        "pro",
    }
    assert ours["pixel_ap"] == ours["iap"] == ours["iap90"] == 1.0
    # The program takes the only instance for the background and stops.
    with pytest.raises(UndefinedMetric, match="authors"):
        iap(maps, masks, compat="authors")


@pytest.mark.parametrize("k", LARGE_CASES)
def test_large_case(k):
    maps, masks = LARGE[f"preds_{k}"], LARGE[f"mask_{k}"]
    ours = evaluate(maps, masks)
    assert ours["image_auroc"] == LARGE[f"image_auc_{k}"]
    assert ours["pixel_auroc"] == pytest.approx(float(LARGE[f"pixel_auc_{k}"]), abs=FLOAT32)
    assert ours["pixel_ap"] == pytest.approx(float(LARGE[f"pixel_ap_{k}"]), abs=FLOAT32)
    assert ours["pro"] == pytest.approx(float(LARGE[f"pro_exact_{k}"]), abs=1e-13)
    assert ours["iap"] == pytest.approx(float(LARGE[f"iap_{k}"]), abs=FLOAT32)
    assert ours["iap90"] == pytest.approx(float(LARGE[f"iap90_{k}"]), abs=FLOAT32)


@pytest.mark.parametrize("k", LARGE_CASES)
def test_large_case_as_the_authors(k):
    maps, masks = LARGE[f"preds_{k}"], LARGE[f"mask_{k}"]
    replayed = evaluate(maps, masks, compat="authors")
    assert evaluate(maps, masks, Protocol(compat="authors")) == replayed
    assert replayed["pro"] == pytest.approx(float(LARGE[f"pro_{k}"]), abs=3e-7)
    assert replayed["iap"] == pytest.approx(float(LARGE[f"iap_{k}"]), abs=FLOAT32)
    assert replayed["iap90"] == float(LARGE[f"iap90_{k}"])


@pytest.mark.parametrize("k", LARGE_CASES)
def test_large_case_images_and_instances(k):
    maps, masks = LARGE[f"preds_{k}"], LARGE[f"mask_{k}"]
    assert image_scores(maps, Protocol()) == pytest.approx(LARGE[f"image_scores_{k}"], abs=FLOAT32)
    ranking = rank(open_source(maps, masks))
    scores = ranking.thresholds[instance_levels(ranking)]
    assert sorted(zip(ranking.region_size, scores, strict=True)) == sorted(
        zip(LARGE[f"instance_sizes_{k}"], LARGE[f"instance_scores_{k}"], strict=True)
    )
