"""Equality with scikit-learn and with the literal definitions, over awkward inputs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score

from bench.metrics import ALL_METRICS, Protocol, evaluate, iap, iap_at, image_scores, pro
from tests.metrics.metric_definitions import f1_max as literal_f1_max
from tests.metrics.metric_definitions import iap as literal_iap
from tests.metrics.metric_definitions import iap_at as literal_iap_at
from tests.metrics.metric_definitions import image_score as literal_image_score
from tests.metrics.metric_definitions import pro as literal_pro

F1_MAX = (ALL_METRICS["image_f1max"], ALL_METRICS["pixel_f1max"])
SHAPES = st.tuples(st.integers(1, 3), st.integers(1, 7), st.integers(1, 7))
# Few values for ties; zeros of both signs; negatives; saturated sigmoids; any float but subnormal
# ones: libraries built with -ffast-math make the processor take those for 0, and Hypothesis then
# refuses to draw them.
VALUES = {
    "ties": st.sampled_from([0.0, 0.25, 0.5, 1.0]),
    "signs": st.sampled_from([-2.0, -0.0, 0.0, 1.0]),
    "saturated": st.sampled_from([0.0, float(np.finfo(np.float32).tiny), 0.5, 1 - 2**-24, 1.0]),
    "any": st.floats(-1024, 1024, width=32, allow_subnormal=False),
}


@st.composite
def scored_sets(draw, dtype):
    shape = draw(SHAPES)
    values = draw(st.sampled_from(sorted(VALUES)))
    maps = draw(arrays(dtype, shape, elements=VALUES[values]))
    density = draw(st.sampled_from([0.05, 0.3, 0.6, 1.0]))
    seed = draw(st.integers(0, 2**32 - 1))
    masks = np.random.default_rng(seed).random(shape) < density
    return maps, masks


def defined(maps, masks):
    return masks.any() and not masks.all()


@settings(max_examples=150, deadline=None)
@given(scored_sets(np.float32))
def test_scikit_learn(data):
    maps, masks = data
    ours = evaluate(maps, masks)
    labels, scores = masks.reshape(-1), maps.reshape(-1)
    if masks.any():
        expected = average_precision_score(labels, scores)
        assert ours["pixel_ap"] == pytest.approx(expected, abs=1e-12)
    else:
        assert np.isnan(ours["pixel_ap"])
    if defined(maps, masks):
        assert ours["pixel_auroc"] == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
    else:
        assert np.isnan(ours["pixel_auroc"])


@settings(max_examples=150, deadline=None)
@given(scored_sets(np.float32), st.sampled_from(["max", "top-mean"]))
def test_f1_max(data, image_score):
    maps, masks = data
    protocol = Protocol(image_score=image_score, top_t=3)
    ours = evaluate(maps, masks, protocol, metrics=F1_MAX)
    samples = {
        "image_f1max": (image_scores(maps, protocol), masks.any(axis=(1, 2))),
        "pixel_f1max": (maps.reshape(-1), masks.reshape(-1)),
    }
    for key, (scores, labels) in samples.items():
        if not labels.any():
            assert np.isnan(ours[key])
            continue
        assert ours[key] == pytest.approx(literal_f1_max(scores.tolist(), labels.tolist()))
        precision, recall, _ = precision_recall_curve(labels, scores)
        product, total = 2 * precision * recall, precision + recall
        expected = np.divide(product, total, out=np.zeros_like(total), where=total > 0).max()
        assert ours[key] == pytest.approx(expected, abs=1e-12)


@settings(max_examples=150, deadline=None)
@given(scored_sets(np.float32), st.sampled_from([0.05, 0.3, 0.5, 1.0]))
def test_pro_definition(data, limit):
    maps, masks = data
    if defined(maps, masks):
        assert pro(maps, masks, limit) == pytest.approx(literal_pro(maps, masks, limit), abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(scored_sets(np.float32))
def test_four_connected_regions(data):
    maps, masks = data
    if defined(maps, masks):
        ours = evaluate(maps, masks, Protocol(connectivity=4))["pro"]
        assert ours == pytest.approx(literal_pro(maps, masks, connectivity=4), abs=1e-12)


@settings(max_examples=150, deadline=None)
@given(scored_sets(np.float32), st.sampled_from([0.1, 0.2, 0.5, 0.7, 0.9, 1.0]))
def test_iap_definition(data, k):
    maps, masks = data
    if masks.any():
        assert iap(maps, masks) == pytest.approx(literal_iap(maps, masks), abs=1e-12)
        assert iap_at(maps, masks, k) == literal_iap_at(maps, masks, k)


@settings(max_examples=60, deadline=None)
@given(scored_sets(np.float32), st.integers(1, 60))
def test_image_score_definition(data, top_t):
    maps, masks = data
    protocol = Protocol(top_t=top_t)
    scores = image_scores(maps, protocol)
    expected = [literal_image_score(one, top_t) for one in maps]
    assert scores == pytest.approx(expected, rel=1e-12, abs=1e-12)
    labels = masks.any(axis=(1, 2))
    ours = evaluate(maps, masks, protocol)["image_auroc"]
    if labels.any() and not labels.all():
        assert ours == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
    else:
        assert np.isnan(ours)


@settings(max_examples=60, deadline=None)
@given(scored_sets(np.float64))
def test_double_precision(data):
    maps, masks = data
    # Differences far below float32's resolution.
    maps = np.where(maps == 0, 1e-300, maps) + np.where(masks, 0, 1e-12)
    if defined(maps, masks):
        ours = evaluate(maps, masks)
        assert ours["pro"] == pytest.approx(literal_pro(maps, masks), abs=1e-12)
        assert ours["iap"] == pytest.approx(literal_iap(maps, masks), abs=1e-12)
        expected = roc_auc_score(masks.reshape(-1), maps.reshape(-1))
        assert ours["pixel_auroc"] == pytest.approx(expected, abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(scored_sets(np.float32), st.integers(1, 3), st.integers(1, 40))
def test_batches_and_runs_of_any_length(data, size, pixels):
    maps, masks = data
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bench.metrics.ranking._RUN_PIXELS", pixels)
        spans = [slice(start, start + size) for start in range(0, len(maps), size)]
        batches = [(maps[span], masks[span]) for span in spans]
        batched = evaluate(batches, metrics=ALL_METRICS.values())
    np.testing.assert_equal(batched, evaluate(maps, masks, metrics=ALL_METRICS.values()))


def test_thousands_of_instances():
    rng = np.random.default_rng(3)
    masks = np.zeros((3, 96, 96), bool)
    masks[:2, ::2, ::2] = True  # 4608 single pixels
    masks[2, 10:13, 10:14] = True
    maps = rng.integers(0, 200, masks.shape).astype(np.float32) + 20 * masks
    ours = evaluate(maps, masks)
    assert ours["iap"] == pytest.approx(grouped_iap(maps, masks, 4609), abs=1e-12)
    sizes = np.where(np.arange(3)[:, None, None] == 2, 12, 1)
    assert ours["pro"] == pytest.approx(weighted_pro(maps, masks, 1 / sizes, 0.3), abs=1e-12)


def grouped_iap(maps, masks, instances):
    """IAP of single-pixel instances and one block, by threshold."""
    block = np.sort(maps[2][masks[2]])[::-1]
    scores = np.append(maps[:2][masks[:2]], block[block.size // 2])
    assert scores.size == instances
    precision = {t: masks[maps >= t].mean() for t in np.unique(scores)}
    best, total = 0.0, 0.0
    for score in np.sort(scores):
        best = max(best, precision[score])
        total += best
    return total / instances


def weighted_pro(maps, masks, weights, limit):
    weights = np.broadcast_to(weights, masks.shape)[masks]
    thresholds = np.unique(maps)[::-1]
    fpr = [0.0, *((maps[~masks] >= t).mean() for t in thresholds)]
    overlap = [0.0, *(weights[maps[masks] >= t].sum() / weights.sum() for t in thresholds)]
    x = np.array([v for v in fpr if v < limit] + [limit])
    y = np.append(np.array(overlap)[: x.size - 1], np.interp(limit, fpr, overlap))
    return ((x[1:] - x[:-1]) * (y[1:] + y[:-1]) / 2).sum() / limit
