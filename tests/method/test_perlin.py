import math

import numpy as np
import pytest

from destseg.perlin import perlin_noise
from tests.method.noise_definition import defined_noise


@pytest.mark.parametrize("size", [(64, 64), (33, 20), (5, 40)])
def test_noise_is_that_of_the_definition(size):
    """Also where lattices are finer than pixels, and where cells share no borders with them."""
    rng = np.random.default_rng(0)
    cells = 2 ** rng.integers(6, size=(40, 2))
    angles = 2 * np.pi * rng.random((40, 33, 33))
    for found, own, count in zip(perlin_noise(angles, cells, size), angles, cells, strict=True):
        np.testing.assert_allclose(found, defined_noise(own, count, size), rtol=0, atol=1e-15)


def test_noise_on_a_common_lattice_array_is_that_of_its_own():
    """A sample uses its first rows and columns of angles only; a batch is its samples."""
    rng = np.random.default_rng(0)
    cells = np.array([[1, 1], [2, 8], [8, 4], [16, 16]])
    angles = 2 * np.pi * rng.random((len(cells), 17, 17))
    together = perlin_noise(angles, cells, (40, 24))
    assert together.shape == (4, 40, 24)
    for index, (rows, columns) in enumerate(cells):
        own = angles[index : index + 1, : rows + 1, : columns + 1]
        alone = perlin_noise(own, cells[index : index + 1], (40, 24))
        assert np.array_equal(alone[0], together[index])


def test_noise_vanishes_on_the_lattice():
    rng = np.random.default_rng(0)
    angles = 2 * np.pi * rng.random((1, 5, 9))
    noise = perlin_noise(angles, np.array([[4, 8]]), (32, 32))[0]
    assert np.all(noise[::8, ::4] == 0)
    assert 0.5 < np.abs(noise).max() <= math.sqrt(2)
