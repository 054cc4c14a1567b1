import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from destseg.batches import normalise
from destseg.features import cosine_distances, normalised
from destseg.inference import (
    anomaly_maps,
    distance_mapper,
    image_scores,
    segmentation_mapper,
    upsample,
)
from tests.method.small_networks import small_segmentation, small_student, small_teacher


@pytest.fixture(scope="module")
def networks():
    return small_teacher(), small_student().eval(), small_segmentation().eval()


@pytest.fixture
def pictures():
    return np.random.default_rng(0).integers(0, 256, (7, 32, 48, 3), np.uint8)


def test_distance_map_is_the_product_of_the_levels(networks, pictures):
    teacher, student, _ = networks
    maps = anomaly_maps(distance_mapper(teacher, student), pictures)
    assert maps.shape == (7, 8, 12)
    assert maps.dtype == np.float32
    images = normalise(torch.from_numpy(pictures).permute(0, 3, 1, 2) / 255)
    with torch.no_grad():
        levels = cosine_distances(normalised(teacher(images)), normalised(student(images)))
    expected = torch.ones(7, 1, 8, 12)
    for level in levels:
        expected *= F.interpolate(level, size=(8, 12), mode="bilinear", align_corners=False)
    np.testing.assert_allclose(maps, expected[:, 0], rtol=1e-5, atol=1e-7)
    assert maps.std() > 0


def test_segmentation_map(networks, pictures):
    maps = anomaly_maps(segmentation_mapper(*networks), pictures)
    assert maps.shape == (7, 8, 12)
    assert maps.dtype == np.float32
    assert 0 < maps.min() < maps.max() < 1


@pytest.mark.parametrize("make", [distance_mapper, segmentation_mapper])
def test_maps_do_not_depend_on_the_batch_size(networks, pictures, make):
    mapper = make(*networks[: 2 if make is distance_mapper else 3])
    whole = anomaly_maps(mapper, pictures, batch_size=32)
    for batch_size in (1, 3, 7):
        parts = anomaly_maps(mapper, pictures, batch_size=batch_size)
        np.testing.assert_allclose(parts, whole, rtol=0, atol=1e-6)
    reverse = anomaly_maps(mapper, pictures[::-1])
    np.testing.assert_allclose(reverse[::-1], whole, rtol=0, atol=1e-6)
    assert np.abs(whole[0] - whole[1]).max() > 1e-4


def test_maps_need_no_gradients(networks, pictures):
    seen = []

    def mapper(images):
        seen.append((torch.is_grad_enabled(), len(images)))
        return images[:, :1]

    assert torch.is_grad_enabled()
    anomaly_maps(mapper, pictures, batch_size=4)
    assert seen == [(False, 4), (False, 3)]


def test_maps_are_float32_whatever_is_computed_around_them(networks, pictures):
    mapper = segmentation_mapper(*networks)
    expected = anomaly_maps(mapper, pictures)
    with torch.autocast("cpu", torch.bfloat16):
        found = anomaly_maps(mapper, pictures)
    np.testing.assert_array_equal(found, expected)


def test_upsampling_by_four_literally():
    """Half-pixel centres: output i lies at (i + 0.5) / 4 - 0.5, held inside the map."""
    maps = np.random.default_rng(0).random((1, 3, 5), np.float32)
    maps.flags.writeable = False  # as a memory-mapped map is

    def weights(length):
        position = np.clip((np.arange(4 * length) + 0.5) / 4 - 0.5, 0, length - 1)
        return np.maximum(0, 1 - np.abs(position[:, None] - np.arange(length)))

    expected = weights(3) @ maps[0] @ weights(5).T
    large = upsample(maps, (12, 20))
    assert large.dtype == np.float32
    np.testing.assert_allclose(large[0], expected, atol=1e-6)


def test_upsample_to_any_size():
    maps = np.random.default_rng(0).random((3, 8, 12), np.float32)
    maps.flags.writeable = False  # as a memory-mapped map is
    large = upsample(maps, (32, 40))
    expected = F.interpolate(
        torch.tensor(maps)[:, None], size=(32, 40), mode="bilinear", align_corners=False
    )
    assert large.dtype == np.float32
    np.testing.assert_array_equal(large, expected[:, 0])


def test_upsample_to_the_same_size_is_the_identity():
    maps = np.random.default_rng(0).random((2, 8, 12), np.float32)
    assert np.array_equal(upsample(maps, (8, 12)), maps)


@pytest.mark.parametrize("top", [1, 5, 100, 96, 10_000])
def test_image_scores(top):
    maps = np.random.default_rng(0).random((4, 8, 12), np.float32)
    expected = [np.sort(one.ravel())[::-1][:top].astype(np.float64).mean() for one in maps]
    scores = image_scores(maps, top)
    assert scores.shape == (4,)
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, expected, rtol=1e-6)


def test_image_scores_take_a_hundred_values():
    maps = np.zeros((1, 20, 20), np.float32)
    maps[0, :4] = 1  # 80 ones
    np.testing.assert_allclose(image_scores(maps), [0.8], rtol=1e-6)
