import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from destseg.features import (
    Resized,
    cosine_distances,
    fused_distance,
    fusion_channels,
    fusion_maps,
    normalised,
    resize_like,
)


def feature_levels(seed=0, sides=(8, 4, 2)):
    rng = np.random.default_rng(seed)
    channels = (3, 5, 7)
    return [
        np.maximum(rng.standard_normal((2, c, side, side + 2)), 0)
        for c, side in zip(channels, sides, strict=True)
    ]


def unit(features):
    return features / (np.sqrt((features**2).sum(axis=1, keepdims=True)) + 1e-12)


def tensors(arrays):
    return [torch.from_numpy(array) for array in arrays]


def test_normalised():
    levels = feature_levels()
    levels[0][0, :, 1, 2] = 0
    result = normalised(tensors(levels))
    for ours, level in zip(result, levels, strict=True):
        np.testing.assert_allclose(ours.numpy(), unit(level), rtol=1e-12, atol=0)
    assert torch.all(result[0][0, :, 1, 2] == 0)


def test_dead_positions_give_no_nan_gradient():
    raw = torch.randn(2, 3, 4, 4, requires_grad=True)
    with torch.no_grad():
        raw[0, :, 1, 1] = -1.0
    (features,) = normalised([raw.relu()])
    assert torch.all(features[0, :, 1, 1] == 0)
    (features * torch.randn(features.shape)).sum().backward()
    assert torch.isfinite(raw.grad).all()
    assert torch.all(raw.grad[0, :, 1, 1] == 0)
    assert raw.grad.abs().max() > 0


def test_cosine_distances():
    teacher, student = feature_levels(1), feature_levels(2)
    ours = cosine_distances(normalised(tensors(teacher)), normalised(tensors(student)))
    for distance, t, s in zip(ours, teacher, student, strict=True):
        expected = 1 - (unit(t) * unit(s)).sum(axis=1, keepdims=True)
        np.testing.assert_allclose(distance.numpy(), expected, rtol=1e-12, atol=1e-14)
    same = cosine_distances(normalised(tensors(teacher)), normalised(tensors(teacher)))
    alive = torch.from_numpy(teacher[0].any(axis=1, keepdims=True))
    assert torch.all(same[0][alive].abs() < 1e-9)


def bilinear(x, size):
    return nn.functional.interpolate(x, size=size, mode="bilinear", align_corners=False)


def test_fused_distance_is_a_product():
    generator = torch.Generator().manual_seed(0)
    levels = [torch.rand(2, 1, side, side + 2, generator=generator) for side in (8, 4, 2)]
    expected = math.prod([levels[0], *(bilinear(level, (8, 10)) for level in levels[1:])])
    torch.testing.assert_close(fused_distance(levels), expected)


@pytest.fixture
def both():
    return normalised(tensors(feature_levels(1))), normalised(tensors(feature_levels(2)))


PARTS = {
    "product": lambda teacher, student: [-(t * s) for t, s in zip(teacher, student, strict=True)],
    "features": lambda teacher, student: [
        x for pair in zip(teacher, student, strict=True) for x in pair
    ],
    "distances": cosine_distances,
}


@pytest.mark.parametrize("kind", PARTS)
def test_fusion_maps_stand_side_by_side_at_the_size_of_the_first(both, kind):
    expected = [bilinear(part, (8, 10)) for part in PARTS[kind](*both)]
    maps = fusion_maps(*both, kind=kind)
    torch.testing.assert_close(maps, torch.cat(expected, dim=1))
    if kind == "product":
        assert torch.equal(maps, fusion_maps(*both)), "the paper's is the default"
        assert maps.min() < maps.max() <= 0


@pytest.mark.parametrize(("kind", "count"), [("product", 15), ("features", 30), ("distances", 3)])
def test_fusion_channels(both, kind, count):
    assert fusion_channels((3, 5, 7), kind) == fusion_maps(*both, kind=kind).shape[1] == count


@pytest.mark.parametrize("channels", [1, 3, 16, 33, 128])
@pytest.mark.parametrize(
    ("small", "large"),
    [((1, 1), (16, 16)), ((2, 2), (4, 4)), ((8, 8), (16, 16)), ((3, 5), (7, 13))],
)
def test_the_way_back_of_an_enlargement_has_the_bits_of_torchs(channels, small, large):
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(4, channels, *small, generator=generator)
    gradient = torch.randn(4, channels, *large, generator=generator)
    ours, theirs = (values.clone().requires_grad_() for _ in range(2))
    resize_like(ours, gradient).backward(gradient)
    F.interpolate(theirs, size=large, mode="bilinear", align_corners=False).backward(gradient)
    assert torch.equal(ours.grad, theirs.grad)
    assert ours.grad.is_contiguous()


@pytest.mark.parametrize(
    ("before", "after"),
    [((1, 1), (5, 7)), ((2, 2), (4, 4)), ((8, 16), (16, 32)), ((3, 5), (7, 13)), ((9, 8), (4, 3))],
)
@pytest.mark.parametrize("align_corners", [False, True])
def test_an_accelerators_way_back_is_torchs(before, after, align_corners):
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(4, 3, *before, generator=generator, dtype=torch.float64)
    gradient = torch.randn(4, 3, *after, generator=generator, dtype=torch.float64)
    ours, theirs = (values.clone().requires_grad_() for _ in range(2))
    found = Resized.apply(ours, after, align_corners)
    expected = F.interpolate(theirs, size=after, mode="bilinear", align_corners=align_corners)
    assert torch.equal(found, expected)
    found.backward(gradient)
    expected.backward(gradient)
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-12, atol=1e-14)


def test_an_accelerators_way_back_takes_no_rounded_weights():
    """Of gradients that are alike, each row of which adds up to what it is resized to."""
    x = torch.zeros(1, 1, 1, 7, dtype=torch.bfloat16, requires_grad=True)
    Resized.apply(x, (1, 13), False).backward(torch.ones(1, 1, 1, 13, dtype=torch.bfloat16))
    exact = torch.zeros(1, 1, 1, 7, requires_grad=True)
    F.interpolate(exact, size=(1, 13), mode="bilinear").sum().backward()
    assert torch.equal(x.grad, exact.grad.bfloat16())


def test_an_accelerators_way_back_is_in_a_fixed_order_and_keeps_the_precision():
    reference = torch.empty(2, 3, 5, 7, device="meta")
    x = torch.empty(2, 3, 1, 1, device="meta", dtype=torch.bfloat16, requires_grad=True)
    found = resize_like(x, reference)
    assert "Upsample" not in found.grad_fn.name()
    found.sum().backward()
    assert x.grad.dtype == torch.bfloat16
    with torch.autocast("cpu", torch.bfloat16):
        wide = Resized.apply(torch.ones(1, 1, 2, 2, requires_grad=True), (4, 4), False)
    assert wide.dtype == torch.float32
