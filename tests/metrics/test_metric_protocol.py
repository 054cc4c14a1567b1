"""The protocol record, the mask rules and the labelling of regions."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from torchvision.transforms.v2 import functional

from bench.metrics import PAPER, PROTOCOLS, Protocol, resize_mask
from bench.metrics.regions import label_regions
from tests.metrics.metric_definitions import regions


def test_paper_is_the_default():
    assert PROTOCOLS["paper"] == PAPER == Protocol()
    assert PAPER.as_dict() == {
        "name": "paper",
        "size": 256,
        "mask_rule": "antialias",
        "crop": None,
        "connectivity": 8,
        "image_score": "top-mean",
        "top_t": 100,
        "fpr_limit": 0.3,
        "iap_k": 0.9,
        "compat": None,
        "version": 1,
    }


def test_named_protocols_differ_from_the_paper_in_one_thing():
    changed = {}
    for name, protocol in PROTOCOLS.items():
        assert protocol.name == name
        changed[name] = {
            key: value
            for key, value in protocol.as_dict().items()
            if key != "name" and value != PAPER.as_dict()[key]
        }
    assert changed == {
        "paper": {},
        "bilinear": {"mask_rule": "bilinear"},
        "floor": {"mask_rule": "floor"},
        "any": {"mask_rule": "any"},
        "nearest": {"mask_rule": "nearest"},
        "crop224": {"crop": 224},
    }


def test_equal_protocols_have_equal_json():
    one, same = (Protocol(name="p", fpr_limit=value) for value in (1, 1.0))
    assert one == same
    assert json.dumps(one.as_dict()) == json.dumps(same.as_dict())
    assert Protocol(**json.loads(json.dumps(one.as_dict()))) == one


def test_identity_is_all_but_the_name():
    assert set(PAPER.as_dict()) - set(PAPER.identity()) == {"name"}
    assert Protocol(name="mine", fpr_limit=0.05).identity() == Protocol(fpr_limit=0.05).identity()


def test_labels_tell_identities_apart():
    assert {name: protocol.label for name, protocol in PROTOCOLS.items()} == {
        name: f"{name} v1" for name in PROTOCOLS
    }
    assert Protocol(name="mine").label == "paper v1"
    assert Protocol(mask_rule="any", top_t=1).label == "paper v1 mask_rule=any top_t=1"
    # A later version of the definitions is another protocol, whatever else is the same.
    assert Protocol(version=2).label == "paper v2"
    assert Protocol(mask_rule="any", version=2).label == "any v2"
    changes = {
        "size": 64,
        "mask_rule": "any",
        "crop": 200,
        "connectivity": 4,
        "image_score": "max",
        "top_t": 10,
        "fpr_limit": 0.05,
        "iap_k": 0.5,
        "compat": "authors",
        "version": 2,
    }
    assert set(changes) == set(PAPER.identity())
    labels = {Protocol(**{field: value}).label for field, value in changes.items()}
    assert len(labels | {PAPER.label}) == len(changes) + 1


def test_protocol_is_frozen_and_hashable():
    with pytest.raises(dataclasses.FrozenInstanceError):
        PAPER.size = 64
    assert len({PAPER, Protocol(), Protocol(top_t=10)}) == 2


@pytest.mark.parametrize(
    ("field", "value", "allowed"),
    [
        ("name", "", "non-empty"),
        ("size", 0, "at least 1"),
        ("size", 64.0, "an integer"),
        ("size", True, "an integer"),
        ("top_t", -1, "at least 1"),
        ("version", 0, "at least 1"),
        ("crop", 0, "at least 1"),
        ("crop", 257, "at most size, 256"),
        ("connectivity", 6, "4, 8"),
        ("mask_rule", "round", "antialias, bilinear, floor, any, nearest"),
        ("image_score", "mean", "top-mean, max"),
        ("fpr_limit", 0.0, r"\(0, 1\]"),
        ("fpr_limit", 1.5, r"\(0, 1\]"),
        ("iap_k", float("nan"), r"\(0, 1\]"),
        ("iap_k", True, r"\(0, 1\]"),
    ],
)
def test_bad_fields_are_named(field, value, allowed):
    with pytest.raises(ValueError, match=f"{field} is .*; allowed: .*{allowed}"):
        Protocol(**{field: value})


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
def test_paper_rule_is_torchvision_resize(shape):
    mask = random_mask(shape)
    tensor = functional.to_dtype(torch.from_numpy(mask)[None], torch.float32, scale=True)
    expected = functional.resize(tensor, [64, 64], antialias=True)[0] >= 0.5
    ours = resize_mask(mask, small("antialias", 64))
    assert ours.dtype == np.bool_
    assert 0 < ours.sum() < ours.size
    assert np.array_equal(ours, expected.numpy())


def test_bilinear_rule_is_torchvision_resize():
    mask = random_mask((301, 199))
    tensor = torch.from_numpy(mask)[None].float() / 255
    expected = functional.resize(tensor, [64, 64], antialias=False)[0] >= 0.5
    assert np.array_equal(resize_mask(mask, small("bilinear", 64)), expected.numpy())
    assert not np.array_equal(
        resize_mask(mask, small("bilinear", 64)), resize_mask(mask, small("antialias", 64))
    )


def test_floor_and_any_are_pillow_resize():
    image = pytest.importorskip("PIL.Image")
    mask = (random_mask((300, 300)) > 127).astype(np.uint8) * 255
    pillow = np.asarray(
        image.fromarray(mask).resize((64, 64), image.Resampling.BILINEAR), dtype=np.uint8
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


@pytest.mark.parametrize("connectivity", [4, 8])
def test_regions_are_connected_components(connectivity):
    masks = np.random.default_rng(1).random((4, 20, 17)) < np.array([0.1, 0, 0.5, 1])[:, None, None]
    pixels, region = label_regions(masks, connectivity)
    found = {frozenset(pixels[region == number].tolist()) for number in range(region.max() + 1)}
    expected = {
        frozenset(int(np.ravel_multi_index((image, *place), masks.shape)) for place in group)
        for image, mask in enumerate(masks)
        for group in regions(mask.tolist(), connectivity)
    }
    assert found == expected
