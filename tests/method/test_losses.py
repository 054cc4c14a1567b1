import itertools

import numpy as np
import pytest
import torch

from destseg.losses import cosine_loss, downsampled_mask, focal_loss, l1_loss


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def probabilities_and_mask(rng):
    shape = (3, 1, 6, 5)
    return rng.uniform(0.02, 0.98, shape), (rng.random(shape) < 0.3).astype(float)


def test_cosine_loss(rng):
    levels = [rng.random((3, 1, side, side + 1)) for side in (8, 4, 2)]
    expected = 0.0
    for level in levels:
        _, _, height, width = level.shape
        for image in level[:, 0]:
            expected += sum(image.ravel()) / (height * width)
    loss = cosine_loss([torch.from_numpy(level) for level in levels])
    assert loss.item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("options", [{}, {"gamma": 4.0}, {"gamma": 0.0}, {"gamma": 1.5}])
def test_focal_loss(rng, options):
    p, mask = probabilities_and_mask(rng)
    gamma = options.get("gamma", 4.0)
    terms = []
    for probability, target in zip(p.ravel(), mask.ravel(), strict=True):
        correct = probability if target else 1 - probability
        terms.append(-np.log(correct) * (1 - correct) ** gamma)
    loss = focal_loss(torch.from_numpy(p), torch.from_numpy(mask), **options)
    assert loss.item() == pytest.approx(np.mean(terms), rel=1e-12)


def test_focal_loss_of_certain_errors_is_bounded():
    """The logarithm is clamped at -100, so that a wrong certainty stays finite."""
    p, mask = torch.tensor([[[[0.0, 1.0]]]]), torch.tensor([[[[1.0, 0.0]]]])
    assert focal_loss(p, mask).item() == pytest.approx(100)
    assert focal_loss(p, 1 - mask).item() == 0


def test_nan_stays_nan():
    """It is for the training loop to see, where torch's cross-entropy would stop by itself."""
    p, mask = torch.tensor([[[[0.3, torch.nan]]]]), torch.tensor([[[[1.0, 0.0]]]])
    assert focal_loss(p, mask).isnan()
    assert l1_loss(p, mask).isnan()


def test_l1_loss(rng):
    p, mask = probabilities_and_mask(rng)
    loss = l1_loss(torch.from_numpy(p), torch.from_numpy(mask))
    assert loss.item() == pytest.approx(np.mean(np.abs(p - mask)), rel=1e-12)


def test_segmentation_losses_are_means_over_the_batch(rng):
    p, mask = map(torch.from_numpy, probabilities_and_mask(rng))
    for loss in (focal_loss, l1_loss):
        once, twice = loss(p, mask), loss(p.repeat(2, 1, 1, 1), mask.repeat(2, 1, 1, 1))
        assert twice.item() == pytest.approx(once.item(), rel=1e-12)


@pytest.mark.parametrize("outer", [0.0, 1.0])
def test_downsampled_mask_by_four_counts_the_central_pixels(outer):
    """All 16 patterns of a block's four central pixels; the other twelve do not count."""
    patterns = list(itertools.product((0.0, 1.0), repeat=4))
    mask = torch.full((1, 1, 4, 4 * len(patterns)), outer)
    for index, pattern in enumerate(patterns):
        mask[0, 0, 1:3, 4 * index + 1 : 4 * index + 3] = torch.tensor(pattern).view(2, 2)
    small = downsampled_mask(mask, (1, len(patterns)))
    assert small.dtype == mask.dtype
    assert small[0, 0, 0].tolist() == [float(sum(pattern) >= 2) for pattern in patterns]


def test_downsampled_mask_of_random_blocks(rng):
    mask = (rng.random((3, 1, 32, 48)) < 0.45).astype(np.float32)
    blocks = mask.reshape(3, 1, 8, 4, 12, 4)
    expected = blocks[:, :, :, 1:3, :, 1:3].sum(axis=(3, 5)) >= 2
    assert 0.3 < expected.mean() < 0.9
    assert np.array_equal(downsampled_mask(torch.from_numpy(mask), (8, 12)), expected)
