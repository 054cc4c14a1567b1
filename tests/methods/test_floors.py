import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from bench.methods import FLOORS, methods
from bench.methods._floors import distance_maps


def images(count, side, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, side, side, 3), np.uint8)


def literally(test, references, *, reach, sigma):
    """The definition, written out: windows that leave the image go on in its mirror."""
    maps = []
    for image in test.astype(float):
        means = []
        for reference in references.astype(float):
            squared = ((image - reference) ** 2).sum(axis=2)
            padded = np.pad(squared, reach, mode="symmetric")
            windows = np.lib.stride_tricks.sliding_window_view(padded, (2 * reach + 1,) * 2)
            means.append(windows.mean(axis=(2, 3)))
        maps.append(gaussian_filter(np.min(means, axis=0), sigma))
    return np.stack(maps)


@pytest.mark.parametrize(("side", "reach", "sigma"), [(64, 2, 1.5), (32, 1, 0.75), (256, 10, 6.0)])
def test_the_distance_is_the_one_that_is_written_down(side, reach, sigma):
    test, train = images(2, side), images(3, side, seed=1)
    found = distance_maps(test, train)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, literally(test, train, reach=reach, sigma=sigma), rtol=1e-5)


def test_many_references_are_compared_part_by_part():
    test, train = images(1, 64), images(40, 64, seed=1)
    parts = [literally(test, part, reach=2, sigma=0) for part in np.split(train, 10)]
    least = gaussian_filter(np.min(parts, axis=0), (0, 1.5, 1.5))
    np.testing.assert_allclose(distance_maps(test, train), least, rtol=1e-5)


def test_what_is_among_the_references_has_no_distance():
    train = images(3, 64)
    assert not distance_maps(train, train).any()


def test_a_change_of_colour_is_found_where_it_is():
    train = images(4, 64)
    test = train[:1].copy()
    test[0, 20:30, 40:50] = 255 - test[0, 20:30, 40:50]
    (found,) = distance_maps(test, train)
    row, column = np.unravel_index(found.argmax(), found.shape)
    assert 20 <= row < 30
    assert 40 <= column < 50
    assert not found[:, :30].any()


@pytest.mark.parametrize("name", FLOORS)
def test_floors_are_methods_without_settings_variants_or_seeds(name):
    floor = methods()[name]
    assert floor.name == name
    assert tuple(floor.variants) == ("",)
    last = floor.last(floor.config(), None)
    assert not last.seeded
    assert not last.parents
    assert not last.settings
    assert "nobody's paper" in floor.reference
