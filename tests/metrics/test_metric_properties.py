"""Known values, and what must not change a metric."""

import math

import numpy as np
import pytest

from bench.metrics import ALL_METRICS, METRICS, PROTOCOLS, Protocol, evaluate, iap, iap_at, pro

PIXEL_METRICS = [metric.key for metric in METRICS if metric.key != "image_auroc"]


@pytest.fixture(scope="module")
def defects():
    """Twelve maps of 48x48 with noise, five of them with two or three regions."""
    rng = np.random.default_rng(11)
    masks = np.zeros((12, 48, 48), bool)
    for image in range(5):
        masks[image, 4:12, 5:20] = True
        masks[image, 30 : 34 + image, 30:44] = True
        masks[image, 44, 2:5] = image % 2 == 0
    maps = rng.standard_normal(masks.shape).astype(np.float32) + 1.5 * masks
    return maps.astype(np.float32), masks


def test_single_functions_are_evaluate(defects):
    result = evaluate(*defects)
    assert iap(*defects) == result["iap"]
    assert iap_at(*defects) == iap_at(*defects, k=0.9) == result["iap90"]
    assert pro(*defects) == pro(*defects, fpr_limit=0.3) == result["pro"]


def test_protocol_settings_reach_the_metrics(defects):
    protocol = Protocol(fpr_limit=0.1, iap_k=0.5, image_score="max")
    result = evaluate(*defects, protocol)
    assert result["pro"] == pro(*defects, fpr_limit=0.1) != pro(*defects)
    assert result["iap90"] == iap_at(*defects, k=0.5) != iap_at(*defects)
    maps, masks = defects
    assert result["image_auroc"] == evaluate(maps, masks, Protocol(top_t=1))["image_auroc"]


TRANSFORMS = {
    "rescaled": lambda x: x / 64 + 0.5,
    "shift by -1000": lambda x: x.astype(np.float64) - 1000,
    "sharp sigmoid": lambda x: 1 / (1 + np.exp(-4 * x.astype(np.float64))),
    "cubed": lambda x: x.astype(np.float64) ** 3,
    "ranks": lambda x: np.unique(x, return_inverse=True)[1].reshape(x.shape),
}


@pytest.mark.parametrize("name", TRANSFORMS)
def test_increasing_transforms_change_nothing(defects, name):
    # On a grid, so that no transform joins two scores by rounding; ties are plenty.
    maps, masks = np.round(defects[0] * 64) / 64, defects[1]
    changed = TRANSFORMS[name](maps)
    assert np.unique(changed).size == np.unique(maps).size
    before, after = (evaluate(one, masks, Protocol(image_score="max")) for one in (maps, changed))
    assert before == after


PEERS = {
    "unit": lambda x: (x - x.min()) / (x.max() - x.min()),
    "sharp sigmoid": lambda x: 1 / (1 + np.exp(-6 * x)),
    "exponential": np.exp,
}


@pytest.mark.parametrize("name", PEERS)
def test_increasing_transforms_of_measured_scores_change_no_pixel_metric(defects, name):
    # Scores of any float32; in float64 the transforms keep them apart.
    maps, masks = defects
    changed = PEERS[name](maps.astype(np.float64))
    assert np.unique(changed).size == np.unique(maps).size
    before, after = evaluate(maps, masks), evaluate(changed, masks)
    assert {key: after[key] for key in PIXEL_METRICS} == {key: before[key] for key in PIXEL_METRICS}


def test_where_a_transform_joins_scores_its_float_ranks_decide(defects):
    """A float32 sigmoid saturates: what ties is scored as tied, as a rank of the result would."""
    maps, masks = defects
    changed = 1 / (1 + np.exp(-12 * maps))
    assert np.unique(changed).size < np.unique(maps).size
    ranks = np.unique(changed, return_inverse=True)[1].reshape(maps.shape)
    found, ranked = evaluate(changed, masks), evaluate(ranks, masks)
    assert {key: found[key] for key in PIXEL_METRICS} == {key: ranked[key] for key in PIXEL_METRICS}


def test_images_of_one_class_leave_image_auroc_alone_missing(defects):
    maps, masks = defects
    found = evaluate(maps[:5], masks[:5])
    assert masks[:5].any(axis=(1, 2)).all()
    assert [key for key, value in found.items() if math.isnan(value)] == ["image_auroc"]


def test_order_of_images_changes_nothing(defects):
    maps, masks = defects
    order = np.random.default_rng(0).permutation(len(maps))
    assert evaluate(maps[order], masks[order]) == pytest.approx(evaluate(maps, masks), abs=1e-14)


def test_constant_maps_are_chance():
    masks = np.zeros((3, 5, 5), bool)
    masks[0, :2, :2] = masks[1, 1, 1:4] = True
    for value in (0.0, 0.5, -3.0):
        result = evaluate(np.full(masks.shape, value, np.float32), masks)
        assert result["image_auroc"] == result["pixel_auroc"] == 0.5
        assert result["pixel_ap"] == result["iap"] == result["iap90"] == masks.mean()
        assert result["pro"] == pytest.approx(0.15, abs=1e-15)


def test_perfect_and_inverted_maps(defects):
    _, masks = defects
    perfect = evaluate(masks.astype(np.float32), masks)
    assert set(perfect.values()) == {1.0}
    inverted = evaluate(-masks.astype(np.float32), masks)
    assert inverted["pixel_auroc"] == inverted["pro"] == inverted["image_auroc"] - 0.5 == 0.0


def test_one_outlier_pixel_costs_one_pixel(defects):
    _, masks = defects
    maps = masks.astype(np.float32)
    maps[11, 40, 40] = 1e30
    result = evaluate(maps, masks)
    positives, normal = masks.sum(), (~masks).sum()
    assert result["pixel_auroc"] == pytest.approx(1 - 1 / normal, abs=1e-15)
    assert result["iap"] == pytest.approx(positives / (positives + 1), abs=1e-15)
    assert result["pixel_ap"] == pytest.approx(positives / (positives + 1), abs=1e-15)
    assert result["pro"] == pytest.approx(1 - 1 / normal / 0.3, abs=1e-12)


def test_saturated_sigmoid_keeps_its_ties():
    # Seven of eight anomalous and one of 16 normal pixels saturate.
    maps = np.array([[[1.0] * 7 + [0.0] + [1.0] + [0.0] * 15]])
    masks = np.array([[[True] * 8 + [False] * 16]])
    result = evaluate(maps, masks)
    assert result["pixel_ap"] == pytest.approx(7 / 8 * 7 / 8 + 1 / 8 * 8 / 24)
    assert result["iap"] == 7 / 8
    area = 1 / 16 * 7 / 16 + (0.3 - 1 / 16) * (7 / 8 + (7 / 8 + (0.3 - 1 / 16) * 2 / 15)) / 2
    assert result["pro"] == pytest.approx(area / 0.3)


def test_regions_touching_at_a_corner_are_one():
    maps = np.array([[[9, 1, 0], [1, 2, 0], [0, 0, 0]]])
    masks = np.array([[[1, 0, 0], [0, 1, 0], [0, 0, 0]]])
    # One instance of two pixels is scored by its weaker pixel; two instances by their own.
    assert iap(maps, masks) == 1.0
    maps[0, 2, 2] = 5
    assert iap(maps, masks) == 2 / 3
    assert evaluate(maps, masks, Protocol(connectivity=4))["iap"] == (1 + 2 / 3) / 2


def test_regions_of_neighbouring_images_stay_apart():
    masks = np.ones((2, 1, 4), bool)
    masks[:, :, 2:] = False
    maps = np.array([[[9, 8, 0, 0]], [[3, 2, 4, 0]]])
    assert iap(maps, masks) == pytest.approx((1 + 4 / 5) / 2)


def test_worked_example():
    # Instances of 2 and 4 pixels, scored by their weaker half.
    maps = np.array([[[0.9, 0.3, 0.0, 0.8, 0.7, 0.6, 0.2, 0.0, 0.65, 0.5, 0.25]]])
    masks = np.array([[[1, 1, 0, 1, 1, 1, 1, 0, 0, 0, 0]]])
    assert iap(maps, masks) == pytest.approx((5 / 7 + 0.8) / 2, abs=1e-15)
    assert iap_at(maps, masks) == 5 / 7
    assert iap_at(maps, masks, k=0.5) == 0.8


@pytest.mark.parametrize(("instances", "k", "left_out"), [(10, 0.9, 1), (9, 0.9, 0), (5, 0.2, 4)])
def test_recall_is_attained_exactly(instances, k, left_out):
    masks = np.zeros((instances, 1, 3), bool)
    masks[:, 0, 0] = True
    maps = np.zeros(masks.shape)
    maps[:, 0, 0] = np.arange(1, instances + 1)
    maps[:, 0, 2] = np.arange(instances) + 0.5  # one false positive below each instance
    found = instances - left_out
    expected = found / (2 * found - 1)
    assert iap_at(maps, masks, k) == pytest.approx(expected, abs=1e-15)


def test_f1_max_of_one_class_and_of_constants():
    asked = [ALL_METRICS["image_f1max"], ALL_METRICS["pixel_f1max"]]
    flat, some = np.zeros((4, 2, 2)), np.zeros((4, 2, 2), bool)
    some[0, 0, 0] = some[1] = True
    # All or nothing: the share P of anomalous samples is the precision at recall 1.
    assert evaluate(flat, some, metrics=asked) == {
        "image_f1max": pytest.approx(2 * 0.5 / 1.5),
        "pixel_f1max": pytest.approx(2 * (5 / 16) / (1 + 5 / 16)),
    }
    assert set(evaluate(flat, np.ones_like(some), metrics=asked).values()) == {1.0}
    assert all(map(math.isnan, evaluate(flat, flat, metrics=asked).values()))


def test_missed_instance_at_zero_is_not_found_for_free():
    masks = np.zeros((2, 4, 4), bool)
    masks[0, 0, :3] = masks[1, 0, 0] = True
    maps = np.where(masks, 0.8, 0.0)
    maps[1] = 0.0
    assert iap(maps, masks) == pytest.approx((1 + 4 / 32) / 2)
    assert iap(maps, masks, compat="authors") == 1.0


def test_every_named_protocol_evaluates():
    masks = np.zeros((2, 256, 256), bool)
    masks[0, 5, 5] = True  # inside the full image only
    masks[0, 100:120, 100:120] = True
    maps = masks.astype(np.float32)
    maps[0, 5, 5] = 0
    paper, cropped = (evaluate(maps, masks, PROTOCOLS[name]) for name in ("paper", "crop224"))
    assert cropped["iap90"] == 1.0
    assert paper["iap90"] == pytest.approx(401 / masks.size)
    assert math.isclose(paper["iap"], (1 + 401 / masks.size) / 2)


def test_images_of_the_same_pixels_tie():
    pixels = np.random.default_rng(2).random(400)
    orders = [np.random.default_rng(seed).permutation(pixels) for seed in range(40)]
    maps = np.reshape(orders, (40, 20, 20))
    masks = np.zeros(maps.shape, bool)
    masks[::2, 0, 0] = True
    assert evaluate(maps, masks, Protocol(top_t=400))["image_auroc"] == 0.5
