import numpy as np
import pytest
import torch
from PIL import Image

from destseg.config import Rotation
from destseg.turning import (
    ROTATION_FILL,
    PlacedImages,
    Turn,
    draw_turn,
    matrix,
    turned,
    way,
)

SIDE = 16


def turned_at_random(image, rotation, rng):
    return turned(image, draw_turn(rotation, rng))


# By Pillow, of the section "Data" in docs/method.md


@pytest.fixture
def picture():
    return np.random.default_rng(3).integers(0, 256, (SIDE, SIDE, 3), np.uint8)


def test_no_rotation(picture):
    rng = np.random.default_rng(0)
    state = rng.bit_generator.state
    assert np.array_equal(turned_at_random(picture, Rotation(), rng), picture)
    assert rng.bit_generator.state == state


@pytest.mark.parametrize("size", [(16, 16), (33, 33), (24, 40), (7, 64), (1, 5)])
@pytest.mark.parametrize("degrees", [0.0, 5.0, 180.0])
@pytest.mark.parametrize("quarter_turns", [False, True])
def test_turns_are_those_of_the_definition_to_the_bit(size, degrees, quarter_turns):
    """NumPy's quarter turns, then Pillow's rotation."""
    rng, same = np.random.default_rng(6), np.random.default_rng(6)
    for picture in np.random.default_rng(5).integers(0, 256, (12, *size, 3), np.uint8):
        expected = picture
        if quarter_turns:
            expected = np.ascontiguousarray(np.rot90(expected, same.integers(4)))
        if degrees:
            image = Image.fromarray(expected)
            angle = same.uniform(-degrees, degrees)
            expected = image.rotate(angle, Image.Resampling.BILINEAR, fillcolor=ROTATION_FILL)
        turned = turned_at_random(
            picture, Rotation(quarter_turns=quarter_turns, degrees=degrees), rng
        )
        assert np.array_equal(turned, np.asarray(expected))
    assert rng.bit_generator.state == same.bit_generator.state


def test_quarter_turns_are_exact_and_equally_likely(picture):
    rng = np.random.default_rng(0)
    candidates = [np.rot90(picture, quarter) for quarter in range(4)]
    rotation = Rotation(quarter_turns=True)
    counts = np.zeros(4)
    for _ in range(400):
        result = turned_at_random(picture, rotation, rng)
        counts += [np.array_equal(result, candidate) for candidate in candidates]
    assert counts.sum() == 400
    # Binomial with mean 100 and standard deviation 8.7: within four of them.
    assert np.abs(counts - 100).max() < 4 * 8.7


def test_rotation_fills_with_grey():
    rng = np.random.default_rng(0)
    white = np.full((33, 33, 3), 255, np.uint8)
    for _ in range(20):
        turned = turned_at_random(white, Rotation(degrees=5), rng)
        assert turned.shape == white.shape
        assert turned.dtype == np.uint8
        assert np.all(turned[4:-4, 4:-4] == 255)
        assert turned.min() >= 114
    turned = turned_at_random(white, Rotation(degrees=180), np.random.default_rng(0))
    assert np.all(turned[[0, 0, -1, -1], [0, -1, 0, -1]] == ROTATION_FILL)
    assert ROTATION_FILL == (114, 114, 114)


@pytest.mark.parametrize("degrees", [5.0, 60.0])
def test_angles_are_uniform_to_both_sides(degrees):
    """Measured from where a dot right of the centre goes."""
    side, radius = 101, 40
    picture = np.zeros((side, side, 3), np.uint8)
    centre = side // 2
    picture[centre - 2 : centre + 3, centre + radius - 2 : centre + radius + 3] = 255
    rng = np.random.default_rng(0)
    angles = []
    for _ in range(200):
        turned = turned_at_random(picture, Rotation(degrees=degrees), rng)
        weight = np.where(np.all(turned == ROTATION_FILL, axis=2), 0, turned[..., 0]).astype(float)
        weight[np.hypot(*np.indices((side, side)) - centre) > radius + 5] = 0
        rows, columns = np.indices((side, side)) - centre
        angles.append(np.degrees(np.arctan2(-(weight * rows).sum(), (weight * columns).sum())))
    assert np.abs(angles).max() < degrees + 0.5
    assert abs(np.mean(angles)) < 4 * degrees / np.sqrt(3 * len(angles))
    assert np.std(angles) == pytest.approx(degrees / np.sqrt(3), rel=0.15)


def test_quarter_turns_come_before_small_angles(picture):
    rng, same = np.random.default_rng(4), np.random.default_rng(4)
    both = turned_at_random(picture, Rotation(quarter_turns=True, degrees=30), rng)
    quarter = turned_at_random(picture, Rotation(quarter_turns=True), same)
    assert np.array_equal(both, turned_at_random(quarter, Rotation(degrees=30), same))
    assert rng.bit_generator.state == same.bit_generator.state


# On any device


@pytest.fixture(params=[(33, 33), (24, 40), (7, 64), (1, 5), (1, 1)])
def pictures(request):
    """Images of noise, of two values, of a ramp and of one value."""
    height, width = request.param
    found = np.random.default_rng(3).integers(0, 256, (4, height, width, 3), np.uint8)
    found[1] = np.where(found[1] < 128, 0, 255)
    found[2] = np.linspace(0, 255, width)[:, None]
    found[3] = 200
    return found


def test_pixels_are_rotated_to_pillows_bits(pictures):
    size = pictures.shape[1:3]
    angles = [0.0, 1e-9, 3.3, -4.9, 45.0, 89.999, 90.0, -90.0, 137.0, 180.0, -180.0, 270.0]
    ways = torch.tensor([way(place, 0, size) for place in range(4)])
    for angle in angles:
        matrices = torch.tensor([matrix(angle, size)] * 4, dtype=torch.float64)
        found = PlacedImages(pictures, "cpu").turned(ways, matrices).numpy()
        for picture, ours in zip(pictures, found, strict=True):
            image = Image.fromarray(picture)
            pillows = image.rotate(angle, Image.Resampling.BILINEAR, fillcolor=ROTATION_FILL)
            assert np.array_equal(ours, np.asarray(pillows)), angle


def test_quarters_are_ways_through_the_same_pixels():
    pictures = np.random.default_rng(0).integers(0, 256, (3, 7, 7, 3), np.uint8)
    for quarters in range(4):
        ways = torch.tensor([way(place, quarters, (7, 7)) for place in (2, 0, 2)])
        found = PlacedImages(pictures, "cpu").turned(ways).numpy()
        assert np.array_equal(found, np.rot90(pictures[[2, 0, 2]], quarters, axes=(1, 2)))


def test_quarters_come_before_angles_on_a_device():
    pictures = np.random.default_rng(0).integers(0, 256, (4, 16, 16, 3), np.uint8)
    ways = torch.tensor([way(k, k, (16, 16)) for k in range(4)])
    matrices = torch.tensor([matrix(7.0 * k - 9, (16, 16)) for k in range(4)], dtype=torch.float64)
    found = PlacedImages(pictures, "cpu").turned(ways, matrices).numpy()
    for k, picture in enumerate(pictures):
        assert np.array_equal(found[k], turned(picture, Turn(k, 7.0 * k - 9)))
