"""What may be passed to the metrics, and what is refused where."""

import tracemalloc

import numpy as np
import pytest
import torch

import bench.metrics.ranking as ranking_module
from bench.metrics import ALL_METRICS, Protocol, evaluate, iap, iap_at, image_scores, pro


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(5)
    masks = np.zeros((9, 32, 24), bool)
    for image in range(4):
        masks[image, 3:9, 2 + image : 9] = masks[image, 20:23, 10:20] = True
    maps = (rng.standard_normal(masks.shape) + masks).astype(np.float32)
    return maps, masks


@pytest.fixture
def short_runs(monkeypatch):
    """Make runs of 1000 scores, of which the spool keeps 4000 bytes in memory."""
    monkeypatch.setattr(ranking_module, "_RUN_PIXELS", 1000)
    monkeypatch.setattr(ranking_module, "_SPOOL_BYTES", 4000)


def batches(maps, masks, size):
    for start in range(0, len(maps), size):
        yield maps[start : start + size], masks[start : start + size]


def reused_batches(maps, masks, size):
    """Batches in one buffer that is overwritten, as some loaders do."""
    buffer = np.empty((size, *maps.shape[1:]), maps.dtype)
    mask_buffer = np.empty((size, *maps.shape[1:]), masks.dtype)
    for part, mask in batches(maps, masks, size):
        buffer[: len(part)] = part
        mask_buffer[: len(part)] = mask
        yield buffer[: len(part)], mask_buffer[: len(part)]


FORMS = {
    "list of arrays": lambda maps, masks: (list(maps), list(masks)),
    "nested lists": lambda maps, masks: (maps.tolist(), masks.astype(int).tolist()),
    "tensors": lambda maps, masks: (torch.from_numpy(maps), torch.from_numpy(masks)),
    "list of tensors": lambda maps, masks: (list(torch.from_numpy(maps)), list(masks)),
    "needs grad": lambda maps, masks: (torch.from_numpy(maps).requires_grad_(), masks),
    "0 and 1": lambda maps, masks: (maps, masks.astype(np.uint8)),
    "0.0 and 1.0": lambda maps, masks: (maps, torch.from_numpy(masks).float()),
    "big endian": lambda maps, masks: (maps.astype(">f4"), masks),
    "strided": lambda maps, masks: (np.repeat(maps, 2, axis=2)[:, :, ::2], masks),
    "double": lambda maps, masks: (maps.astype(np.float64), masks),
    "batches": lambda maps, masks: (batches(maps, masks, 4),),
    "list of batches": lambda maps, masks: (list(batches(maps, masks, 1)),),
    "reused batches": lambda maps, masks: (reused_batches(maps, masks, 2),),
    "mixed batches": lambda maps, masks: (
        [(maps[:3].astype(np.float64), masks[:3]), (torch.from_numpy(maps[3:]), masks[3:])],
    ),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("compat", [None, "authors"])
def test_forms_are_equal(data, form, compat):
    assert evaluate(*FORMS[form](*data), compat=compat) == evaluate(*data, compat=compat)


@pytest.mark.usefixtures("short_runs")
@pytest.mark.parametrize("form", ["tensors", "batches", "list of arrays", "mixed batches"])
def test_many_runs_equal_one(data, form):
    given = FORMS[form](*data)
    several = evaluate(*given)
    ranking_module._RUN_PIXELS = 1 << 20  # put back by the fixture
    assert several == evaluate(*data)


def test_batches_take_no_more_memory_than_is_stated(monkeypatch):
    """Sixty times what may stay in memory; the bound holds, and the values are exact."""
    monkeypatch.setattr(ranking_module, "_RUN_PIXELS", 1 << 14)
    monkeypatch.setattr(ranking_module, "_SPOOL_BYTES", 1 << 17)
    image = np.zeros((128, 128), bool)
    image[40:52, 60:73] = True
    count = 120

    def images():
        rng = np.random.default_rng(9)
        for index in range(count):
            mask = image if index % 2 else np.zeros_like(image)
            yield rng.standard_normal((1, 128, 128), np.float32) + mask, mask[None]

    tracemalloc.start()
    try:
        found = evaluate(images())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    anomalous = count // 2 * int(image.sum())
    batch = image.size * np.dtype(np.float32).itemsize
    run = (1 << 14) * np.dtype(np.float32).itemsize
    assert peak <= 60 * anomalous + run + (1 << 17) + 6 * batch
    assert peak < count * batch / 6, "far below the input"
    maps, masks = (np.concatenate(parts) for parts in zip(*images(), strict=True))
    assert found == evaluate(maps, masks)


def test_blocks_of_images_equal_one(data, monkeypatch):
    whole = evaluate(*data)
    monkeypatch.setattr("bench.metrics.inputs._BLOCK_PIXELS", 2 * 32 * 24)
    assert evaluate(*data) == whole


@pytest.mark.parametrize("metric", [iap, iap_at, pro])
def test_single_functions_take_batches(data, metric):
    assert metric(batches(*data, size=2)) == metric(*data)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_taken_as_it_is(data, dtype):
    maps, masks = torch.from_numpy(data[0]).to(dtype), data[1]
    if dtype == torch.bfloat16:
        maps = maps * 1e30  # its range is float32's
    assert evaluate(maps, masks) == evaluate(maps.to(torch.float64), masks)


def test_numpys_half_precision_is_taken_as_it_is(data):
    maps = data[0].astype(np.float16)
    assert evaluate(maps, data[1]) == evaluate(maps.astype(np.float64), data[1])


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int64])
def test_integers_are_ranked_as_they_are(data, dtype):
    maps = np.clip(np.round(40 + 10 * data[0]), 0, 255)
    assert evaluate(maps.astype(dtype), data[1]) == evaluate(maps, data[1])


def test_neighbouring_floats_stay_apart():
    below = np.float32(1)
    above = np.nextafter(below, np.float32(2))
    masks = np.array([[[True, False, True, False]]])
    maps = np.array([[[above, below, above, below]]])
    assert iap(maps, masks) == 1.0
    assert iap(maps + np.float32(-0.0), masks) == evaluate(maps, masks)["pixel_auroc"] == 1.0


def test_images_of_different_sizes():
    maps = [np.array([[3.0, 1.0]]), np.array([[0.0], [2.0], [1.0]])]
    masks = [np.array([[True, False]]), np.array([[False], [False], [False]])]
    assert evaluate(maps, masks)["pixel_ap"] == 1.0


def test_crop_is_the_centre(data):
    maps, masks = data
    cropped = evaluate(maps, masks, Protocol(crop=12))
    assert cropped == evaluate(maps[:, 10:22, 6:18], masks[:, 10:22, 6:18])
    assert cropped != evaluate(maps, masks)
    assert evaluate(batches(*data, size=2), protocol=Protocol(crop=12)) == cropped


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("form", ["array", "list of arrays", "batches"])
def test_not_finite_says_where(data, value, form):
    maps, masks = data[0].copy(), data[1]
    maps[6, 30, 7] = maps[6, 31, 0] = value
    expected = f"map of image 6 holds {value} at row 30, column 7 \\(2 such pixels"
    for protocol in (Protocol(), Protocol(crop=12)):
        given = (maps, masks) if form == "array" else FORMS[form](maps, masks)
        with pytest.raises(ValueError, match=expected):
            evaluate(*given, protocol=protocol)


@pytest.mark.parametrize("value", [255, -1, 0.5, np.nan])
def test_mask_values_are_0_or_1(data, value):
    masks = data[1].astype(np.float64)
    masks[2, 5, 6] = value
    with pytest.raises(ValueError, match=r"mask of image 2 holds .* at row 5, column 6"):
        evaluate(data[0], masks)


def test_shapes_are_checked(data):
    maps, masks = data
    with pytest.raises(ValueError, match="9 maps but 8 masks"):
        evaluate(maps, masks[:8])
    with pytest.raises(ValueError, match=r"image 0: maps have shape \(9, 32, 24\) and masks"):
        evaluate(maps, masks[:, :31])
    with pytest.raises(ValueError, match=r"\(9, 1, 32, 24\); expected \(N, H, W\)"):
        evaluate(maps[:, None], masks[:, None])
    with pytest.raises(ValueError, match="image 4: maps have shape"):
        evaluate(bad_second_batch(maps, masks))
    with pytest.raises(ValueError, match="crop is 30, larger than the maps, 32x24"):
        evaluate(maps, masks, Protocol(crop=30))


def bad_second_batch(maps, masks):
    yield maps[:4], masks[:4]
    yield maps[4:], masks[4:, :31]


def test_forms_that_are_refused(data):
    maps, masks = data
    with pytest.raises(TypeError, match="maps given without masks"):
        evaluate(maps)
    with pytest.raises(TypeError, match="maps are a generator beside masks"):
        evaluate((one for one in maps), masks)
    with pytest.raises(ValueError, match="maps have dtype complex64"):
        evaluate(maps.astype(np.complex64), masks)
    with pytest.raises(ValueError, match="compat is 'paper'; allowed"):
        evaluate(maps, masks, compat="paper")
    for metric in (iap, iap_at, pro):
        with pytest.raises(ValueError, match="compat is 'x'; allowed"):
            metric(maps, masks, compat="x")


OF_IMAGES = ("image_auroc", "image_f1max")
OWN = np.array([0.5, 0.25, 2, -1, 0.25, 3, -2, 0.5, -4])
OWN_FORMS = {
    "array": OWN,
    "list": OWN.tolist(),
    "float16": OWN.astype(np.float16),
    "big endian": OWN.astype(">f8"),
    "tensor": torch.from_numpy(OWN),
    "integers": (4 * OWN).astype(np.int64),
}


@pytest.mark.parametrize("form", OWN_FORMS)
def test_a_methods_own_image_scores(data, form):
    everything = ALL_METRICS.values()
    found = evaluate(*data, metrics=everything, image_scores=OWN_FORMS[form])
    # Images 0 to 3 are anomalous: 12 of 20 pairs are in order; from -1 up all four and three more.
    assert found["image_auroc"] == 12 / 20
    assert found["image_f1max"] == 2 * 4 / (4 + 3 + 4)
    plain = evaluate(*data, metrics=everything)
    assert {key for key in plain if found[key] != plain[key]} == set(OF_IMAGES)
    given = evaluate(batches(*data, size=4), metrics=everything, image_scores=OWN_FORMS[form])
    assert given == found


def test_the_maps_own_image_scores_change_nothing(data):
    protocol = Protocol(top_t=7)
    given = evaluate(*data, protocol, image_scores=image_scores(data[0], protocol))
    assert given == evaluate(*data, protocol)


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        (OWN[:8], r"shape \(8,\); expected \(9,\), one score for each image"),
        (np.append(OWN, 0), r"shape \(10,\); expected \(9,\)"),
        (OWN[:, None], r"shape \(9, 1\); expected \(N,\)"),
        (np.where(OWN == 3, np.nan, OWN), "image_scores of image 5 is nan"),
        (np.where(OWN < -3, np.inf, OWN), "image_scores of image 8 is inf"),
        (OWN > 0, "image_scores have dtype bool"),
    ],
)
@pytest.mark.parametrize("form", ["list of arrays", "batches"])
def test_image_scores_are_checked(data, scores, message, form):
    with pytest.raises(ValueError, match=message):
        evaluate(*FORMS[form](*data), image_scores=scores)


@pytest.mark.parametrize("given", [(np.empty((0, 4, 4)), np.empty((0, 4, 4))), ([], []), ([],)])
def test_no_image_is_refused(given):
    with pytest.raises(ValueError, match="holds no pixel"):
        evaluate(*given)


@pytest.mark.parametrize("value", [0, -0.1, 1.01, float("nan")])
def test_fractions_are_checked(data, value):
    with pytest.raises(ValueError, match=r"k is .*; allowed"):
        iap_at(*data, k=value)
    with pytest.raises(ValueError, match=r"fpr_limit is .*; allowed"):
        pro(*data, fpr_limit=value)


def test_inputs_are_left_alone(data):
    maps, masks = data[0].copy(), data[1].copy()
    evaluate(maps, masks, compat="authors")
    evaluate(batches(maps, masks, 9))
    assert np.array_equal(maps, data[0])
    assert np.array_equal(masks, data[1])
