"""Masks at the protocol's size, against other libraries' filters."""

import numpy as np
import pytest
from PIL import Image
from skimage.transform import resize

from bench.metrics import PAPER, Protocol, resize_mask


def small(rule, size):
    return Protocol(name="test", size=size, mask_rule=rule)


def random_mask(shape, seed=0):
    """Blobs and speckle with grey edges, as annotators' masks have them."""
    rng = np.random.default_rng(seed)
    coarse = rng.random((shape[0] // 10 + 1, shape[1] // 10 + 1)) < 0.2
    mask = np.kron(coarse, np.ones((10, 10)))[: shape[0], : shape[1]] * 255
    speckle = rng.random(shape) < 0.02
    mask[speckle] = rng.integers(0, 256, speckle.sum())
    return mask.astype(np.uint8)


@pytest.mark.parametrize("shape", [(300, 300), (257, 420), (100, 90), (64, 64)])
def test_paper_rule_is_an_antialiased_triangle_filter(shape):
    mask = random_mask(shape)
    grey = Image.fromarray(mask.astype(np.float32) / 255)
    expected = np.asarray(grey.resize((64, 64), Image.Resampling.BILINEAR))
    ours = resize_mask(mask, small("antialias", 64))
    assert ours.dtype == np.bool_
    assert_thresholded(ours, expected)


def test_bilinear_rule_looks_at_four_pixels():
    mask = random_mask((301, 199))
    expected = resize(mask / 255, (64, 64), order=1, mode="edge", anti_aliasing=False)
    assert_thresholded(resize_mask(mask, small("bilinear", 64)), expected)
    assert not np.array_equal(
        resize_mask(mask, small("bilinear", 64)), resize_mask(mask, small("antialias", 64))
    )


def assert_thresholded(ours, expected):
    """Ours is what of the other filter reaches a half; its rounding may decide at a half alone."""
    clear = np.abs(expected - 0.5) > 1e-5
    assert clear.mean() > 0.99
    assert np.array_equal(ours[clear], expected[clear] > 0.5)
    assert 0 < ours.sum() < ours.size


def test_floor_and_any_are_pillow_resize():
    mask = (random_mask((300, 300)) > 127).astype(np.uint8) * 255
    pillow = np.asarray(
        Image.fromarray(mask).resize((64, 64), Image.Resampling.BILINEAR), dtype=np.uint8
    )
    # Pillow's integer weights round by up to one grey level more than the float filter.
    floor, touched = (resize_mask(mask, small(rule, 64)) for rule in ("floor", "any"))
    assert np.all(pillow[floor] >= 254)
    assert np.all(floor[pillow == 255])
    assert np.all(pillow[~touched] <= 1)
    assert np.all(touched[pillow >= 2])


def test_rules_order():
    mask = random_mask((300, 300), seed=4)
    floor, paper, touched = (
        resize_mask(mask, small(rule, 64)) for rule in ("floor", "antialias", "any")
    )
    assert np.all(floor <= paper)
    assert np.all(paper <= touched)
    assert floor.sum() < paper.sum() < touched.sum()


@pytest.mark.parametrize("size", [37, 64, 100])
def test_full_and_empty_masks_stay_so(size):
    for rule in ("antialias", "bilinear", "floor", "any", "nearest"):
        protocol = small(rule, size)
        assert resize_mask(np.full((150, 91), 255, np.uint8), protocol).all()
        assert not resize_mask(np.zeros((150, 91), np.uint8), protocol).any()


def test_known_halves():
    # Two columns to one pixel: half is enough for the paper, not for floor.
    half = np.array([[255, 0], [255, 0]], np.uint8)
    less = np.array([[127, 0], [255, 0]], np.uint8)
    verdicts = {
        rule: (resize_mask(half, small(rule, 1)).item(), resize_mask(less, small(rule, 1)).item())
        for rule in ("antialias", "floor", "any")
    }
    assert verdicts == {"antialias": (True, False), "floor": (False, False), "any": (True, True)}


def test_nearest_takes_pixel_centres():
    mask = np.zeros((6, 6), np.uint8)
    mask[1, 4] = 255
    assert np.argwhere(resize_mask(mask, small("nearest", 2))).tolist() == [[0, 1]]


def test_bool_masks_are_full_scale():
    mask = random_mask((120, 120)) > 127
    for rule in ("antialias", "floor"):
        expected = resize_mask(mask.astype(np.uint8) * 255, small(rule, 64))
        assert np.array_equal(resize_mask(mask, small(rule, 64)), expected)


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (np.eye(4, dtype=np.uint8), "zeros and ones"),
        (np.eye(4), "dtype float64"),
        (np.zeros((1, 4, 4), np.uint8), r"shape \(1, 4, 4\)"),
        (np.zeros((0, 4), np.uint8), r"shape \(0, 4\)"),
    ],
)
def test_masks_that_are_refused(mask, message):
    with pytest.raises(ValueError, match=message):
        resize_mask(mask, PAPER)
