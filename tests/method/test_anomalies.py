import itertools
import math

import numpy as np
import pytest
import torch
from scipy import ndimage

from destseg import anomalies
from destseg.anomalies import corrupt, draw_masks
from destseg.config import AnomalyConfig
from tests.method.noise_definition import defined_masks

STANDARD_ERRORS = 4
# Every draw of these tests is seeded: a tolerance is chosen once, by standard errors, and a
# test that passes does so every time.


def images_of(count, size, seed):
    return torch.rand(count, 3, *size, generator=torch.Generator().manual_seed(seed))


# Masks by their definition


@pytest.mark.parametrize(
    ("size", "count"),
    [((64, 64), 200), ((128, 128), 40), ((256, 256), 10), ((48, 80), 40), ((33, 7), 40)],
)
def test_masks_are_those_of_the_definition_to_the_bit(size, count):
    masks = draw_masks(np.random.default_rng(7), count, size)
    assert torch.equal(masks, defined_masks(np.random.default_rng(7), count, size))


@pytest.mark.parametrize("size", [(33, 33), (48, 80)])
@pytest.mark.parametrize("degrees", [-75.0, 0.0, 30.0])
def test_rotation_about_the_centre(size, degrees):
    """Against SciPy; zeros come in from outside, and angles stay true off square."""
    noise = np.random.default_rng(0).standard_normal(size).astype(np.float32)
    (grid,) = anomalies._rotations(np.array([degrees]), size)
    ours = anomalies._sampled(torch.from_numpy(noise)[None, None], grid)[0, 0]
    centre = (np.array(size) - 1) / 2
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    matrix = np.array([[cos, sin], [-sin, cos]])
    expected = ndimage.affine_transform(
        noise, matrix, centre - matrix @ centre, order=1, mode="grid-constant"
    )
    assert degrees == 0 or (expected == 0).mean() > 0.05
    np.testing.assert_allclose(ours.numpy(), expected, atol=1e-4)


# Masks (statistics of "Synthetic anomalies" in docs/method.md)


PUBLISHED_DRAWS = 4000  # the published statistics are a sample too


def areas(count, size):
    """Percent of the image under each mask; few at a time, for the memory."""
    rng = np.random.default_rng(2024)
    masks = (draw_masks(rng, 50, (size, size)) for _ in range(count // 50))
    return torch.cat([100 * mask.mean(dim=(1, 2, 3)) for mask in masks]).double().numpy()


def test_mask_area():
    """At the paper's size: the finest lattices lose area to a coarser grid of pixels."""
    area = areas(400, 256)
    standard_error = area.std() * math.sqrt(1 / len(area) + 1 / PUBLISHED_DRAWS)
    assert abs(area.mean() - 4.87) < STANDARD_ERRORS * standard_error
    # Half of the masks lie within 1 of the median: a quartile's standard error is about 0.1.
    assert np.percentile(area, [25, 50, 75]) == pytest.approx([3.7, 4.6, 5.6], abs=0.4)


def test_empty_masks():
    """Empty ones come from coarse lattices, for which small images are as good."""
    share = (areas(3000, 64) == 0).mean()
    standard_error = math.sqrt(0.047 * 0.953 * (1 / 3000 + 1 / PUBLISHED_DRAWS))
    assert abs(share - 0.047) < STANDARD_ERRORS * standard_error


def test_masks_of_one_cell_are_mostly_empty():
    masks = draw_masks(np.random.default_rng(0), 400, (64, 64), AnomalyConfig(lattice_exponents=1))
    share = (masks.sum(dim=(1, 2, 3)) == 0).double().mean().item()
    assert abs(share - 0.6) < STANDARD_ERRORS * math.sqrt(0.6 * 0.4 / 400)


def test_threshold():
    masks = [
        draw_masks(np.random.default_rng(0), 20, (32, 32), AnomalyConfig(threshold=threshold))
        for threshold in (0.2, 0.5, 0.8, 2.0)
    ]
    for low, high in itertools.pairwise(masks):
        assert torch.all(low >= high)
        assert low.sum() > high.sum()
    assert masks[-1].sum() == 0


def test_masks_follow_the_generator():
    first, same, other = (draw_masks(np.random.default_rng(s), 8, (48, 80)) for s in (3, 3, 4))
    assert first.shape == (8, 1, 48, 80)
    assert first.dtype == torch.float32
    assert set(first.unique().tolist()) == {0.0, 1.0}
    assert torch.equal(first, same)
    assert not torch.equal(first, other)
    rng = np.random.default_rng(3)
    assert torch.equal(draw_masks(rng, 8, (48, 80)), first)
    assert not torch.equal(draw_masks(rng, 8, (48, 80)), first)
    assert not any(torch.equal(a, b) for a, b in itertools.pairwise(first) if a.any())


def test_both_axes_are_turned_alike():
    """Lattices of one cell by many give stripes; with any angle neither axis prevails."""
    masks = draw_masks(np.random.default_rng(1), 600, (64, 64))
    across = (masks.diff(dim=3) != 0).double().sum(dim=(1, 2, 3)).numpy()
    down = (masks.diff(dim=2) != 0).double().sum(dim=(1, 2, 3)).numpy()
    difference = across - down
    error = difference.std() / math.sqrt(len(difference))
    assert abs(difference.mean()) < STANDARD_ERRORS * error
    assert error < 0.05 * across.mean()


# Blending


@pytest.mark.parametrize("size", [(64, 64), (40, 72)])
def test_corrupt_blends_under_the_mask_only(size):
    images, sources = images_of(16, size, 1), images_of(16, size, 2)
    before = images.clone()
    corrupted, mask = corrupt(images, sources, np.random.default_rng(0))
    assert torch.equal(images, before)
    assert corrupted.shape == images.shape
    assert mask.shape == (16, 1, *size)
    assert corrupted.dtype == mask.dtype == torch.float32
    outside = (mask == 0).expand_as(images)
    assert torch.equal(corrupted[outside], images[outside])
    inside = ~outside
    low, high = torch.minimum(images, sources), torch.maximum(images, sources)
    assert torch.all(corrupted[inside] >= low[inside] - 1e-6)
    assert torch.all(corrupted[inside] <= high[inside] + 1e-6)
    assert (corrupted[inside] != images[inside]).float().mean() > 0.99
    assert corrupted.min() >= 0
    assert corrupted.max() <= 1


@pytest.mark.parametrize("largest", [0.8, 0.3])
def test_opacity(largest):
    """White on black shows the weights: one a sample, uniform below the largest."""
    count, size = 300, (32, 32)
    white, black = torch.ones(count, 3, *size), torch.zeros(count, 3, *size)
    config = AnomalyConfig(max_original_weight=largest)
    corrupted, mask = corrupt(black, white, np.random.default_rng(0), config)
    weights = []
    for image, where in zip(corrupted, mask, strict=True):
        values = image[:, where[0] > 0].unique()
        if len(values):
            assert len(values) == 1
            weights.append(1 - values.item())
    assert len(weights) > 0.9 * count
    assert min(weights) >= 0
    assert max(weights) <= largest
    standard = largest / math.sqrt(12 * len(weights))
    assert abs(np.mean(weights) - largest / 2) < STANDARD_ERRORS * standard
    assert min(weights) < 0.05 * largest
    assert max(weights) > 0.95 * largest


def test_original_and_source_have_complementary_weights():
    count, size = 8, (32, 32)
    white, black = torch.ones(count, 3, *size), torch.zeros(count, 3, *size)
    on_black, mask = corrupt(black, white, np.random.default_rng(0))
    on_white, _ = corrupt(white, black, np.random.default_rng(0))
    torch.testing.assert_close(on_black + on_white, torch.ones_like(white))
    # The anomaly prevails on average, as its weight is in (0.2, 1].
    inside = (mask > 0).expand_as(on_black)
    assert on_black[inside].min() > 0.2
    assert on_black[inside].mean() > on_white[inside].mean()


def test_corrupt_follows_the_generator():
    images, sources = images_of(6, (40, 24), 1), images_of(6, (40, 24), 2)
    first, same, other = (corrupt(images, sources, np.random.default_rng(s)) for s in (7, 7, 8))
    assert all(torch.equal(a, b) for a, b in zip(first, same, strict=True))
    assert not torch.equal(first[0], other[0])
    assert not torch.equal(first[1], other[1])


def test_torch_generator_plays_no_part():
    before = torch.get_rng_state()
    draw_masks(np.random.default_rng(0), 2, (16, 16))
    assert torch.equal(torch.get_rng_state(), before)
