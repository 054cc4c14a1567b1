"""Every metric as one object."""

import math
import pickle
import subprocess
import sys

import numpy as np
import pytest

from bench.metrics import ALL_METRICS, METRICS, Metric, UndefinedMetric, evaluate

SIX = ["image_auroc", "pixel_auroc", "pixel_ap", "pro", "iap", "iap90"]
MAPS = np.array([[[0.1, 0.2], [0.3, 0.9]], [[0.1, 0.3], [0.2, 0.1]]])
MASKS = np.array([[[0, 0], [0, 1]], [[0, 0], [0, 0]]])


def test_the_papers_six_come_first_and_by_default():
    assert [metric.key for metric in METRICS] == SIX == list(evaluate(MAPS, MASKS))
    assert list(ALL_METRICS)[:6] == SIX
    assert [metric.key for metric in ALL_METRICS.values() if metric.extra] == list(ALL_METRICS)[6:]


def test_objects_say_how_they_are_printed():
    assert {metric.display: metric.table for metric in ALL_METRICS.values()} == {
        "Image AUROC": "1",
        "Pixel AUROC": "2",
        "Pixel AP": "2",
        "PRO": "slides",
        "IAP": "3",
        "IAP@90": "3",
        "Image F1-max": None,
        "Pixel F1-max": None,
    }
    ablation = [metric.key for metric in ALL_METRICS.values() if metric.ablation]
    assert ablation == ["image_auroc", "pixel_ap", "iap"]
    assert all(metric.higher_is_better and metric.decimals == 1 for metric in ALL_METRICS.values())


def test_what_is_asked_for_is_computed_in_that_order():
    asked = [ALL_METRICS["pixel_f1max"], ALL_METRICS["iap"]]
    found = evaluate(MAPS, MASKS, metrics=asked)
    assert list(found) == ["pixel_f1max", "iap"]
    everything = evaluate(MAPS, MASKS, metrics=ALL_METRICS.values())
    assert list(everything) == list(ALL_METRICS)
    assert found.items() <= everything.items()
    assert evaluate(MAPS, MASKS).items() <= everything.items()


def test_what_is_not_asked_for_is_not_computed():
    def fail(counted):
        raise AssertionError(counted)

    evaluate(MAPS, MASKS, metrics=[Metric("quiet", "Quiet", lambda counted: 0.0)])
    with pytest.raises(AssertionError):
        evaluate(MAPS, MASKS, metrics=[Metric("loud", "Loud", fail)])


def test_a_metric_of_ones_own_is_one_object():
    def half(counted):
        return float(counted.pixels.tp[0] / counted.pixels.anomalous / 2)

    def none(counted):
        raise UndefinedMetric("never defined")

    found = evaluate(MAPS, MASKS, metrics=[Metric("half", "Half", half), Metric("no", "No", none)])
    assert found["half"] == 0.5
    assert math.isnan(found["no"])


def test_objects_go_to_other_processes():
    for metric in ALL_METRICS.values():
        assert pickle.loads(pickle.dumps(metric)) == metric


def test_importing_names_and_objects_takes_no_torch():
    code = "import sys, bench.metrics; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
