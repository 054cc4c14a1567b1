import numpy as np
import pytest
from PIL import Image

from destseg.errors import InputError
from destseg.masks import decode_mask, read_mask

RAMP = np.arange(0, 256, 4, dtype=np.uint8).reshape(8, 8)


def save(path, image):
    image.save(path)
    return path


def grey_rgb(values):
    return np.repeat(values[..., None], 3, axis=-1)


MARK = RAMP > 100


DARK = Image.fromarray(MARK.astype(np.uint8)).convert("P")
DARK.putpalette([0, 0, 0, 128, 0, 0])
MASKS = {
    **{f"one value, {value}": (MARK * np.uint8(value), MARK * 255) for value in (1, 38, 128, 255)},
    **{f"16 bits, {value}": (MARK * np.uint16(value), MARK * 255) for value in (1, 65535)},
    "16 bits of many levels": (RAMP.astype(np.uint16) << 8, RAMP),
    "many levels": (RAMP, RAMP),
    "empty": (np.zeros((8, 8), np.uint8), np.zeros((8, 8))),
    "bilevel": (MARK, MARK * 255),
    "dark palette colour": (DARK, MARK * 255),
    "transparent pixels": (np.dstack([RAMP | 255] * 3 + [MARK * np.uint8(255)]), MARK * 255),
    "rgb": (grey_rgb(MARK * np.uint8(255)), MARK * 255),
}


@pytest.mark.parametrize("name", MASKS)
def test_a_mask_of_one_value_is_scaled_to_255_and_others_keep_their_levels(tmp_path, name):
    pixels, expected = MASKS[name]
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    mask = read_mask(save(tmp_path / "m.png", image))
    assert mask.dtype == np.uint8
    np.testing.assert_array_equal(mask, expected)


def test_none_of_these_is_taken_for_labels(tmp_path):
    for name, (pixels, _) in MASKS.items():
        image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
        assert not decode_mask(save(tmp_path / "m.png", image)).labels, name


FIRST, SECOND = RAMP > 200, (RAMP > 100) & (RAMP <= 200)


def two(first, second, kind=np.uint8):
    """A mask of two kinds of defects; what is given for each may be a colour."""
    shape = (8, 8, len(first)) if isinstance(first, tuple) else (8, 8)
    mask = np.zeros(shape, kind)
    mask[FIRST], mask[SECOND] = first, second
    return mask


def painted(*colours):
    image = Image.fromarray(two(1, 2)).convert("P")
    image.putpalette([0, 0, 0, *colours[0], *colours[1]])
    return image


LABELS = {
    "class numbers": two(1, 2),
    "class numbers of 16 bits": two(3, 17, np.uint16),
    "red and blue": two((255, 0, 0), (0, 0, 255)),
    "a palette of red and blue": painted((255, 0, 0), (0, 0, 255)),
    "the palette of a known set of labels": painted((128, 0, 0), (0, 128, 0)),
    "dark colours": two((100, 0, 0), (0, 0, 90)),
    "red and white": two((255, 0, 0), (255, 255, 255)),
    "colours over nothing": two((255, 0, 0, 255), (0, 0, 255, 255)),
}


@pytest.mark.parametrize("name", LABELS)
def test_class_numbers_and_colours_all_mark(tmp_path, name):
    pixels = LABELS[name]
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    path = save(tmp_path / "m.png", image)
    np.testing.assert_array_equal(read_mask(path) >= 128, FIRST | SECOND)
    assert decode_mask(path).labels


@pytest.mark.parametrize("strongest", [255, 200, 130, 100, 40])
def test_soft_edges_keep_their_levels(tmp_path, strongest):
    """Also where no level would mark a pixel: that is told by whoever needs a mark."""
    soft = (RAMP.astype(int) * strongest // 255).astype(np.uint8)
    for image in (Image.fromarray(soft), Image.fromarray(grey_rgb(soft))):
        path = save(tmp_path / "m.png", image)
        np.testing.assert_array_equal(read_mask(path), soft)
        assert not decode_mask(path).labels


def test_soft_edges_of_a_colour_are_those_of_its_strongest_channel(tmp_path):
    red = np.zeros((8, 8, 3), np.uint8)
    red[..., 0] = RAMP
    np.testing.assert_array_equal(read_mask(save(tmp_path / "m.png", Image.fromarray(red))), RAMP)


def test_negative_values_are_refused(tmp_path):
    pixels = np.full((8, 8), -1, np.int32)
    pixels[2:5, 2:5] = 1
    Image.fromarray(pixels).save(tmp_path / "m.tiff")
    with pytest.raises(InputError, match=r"m\.tiff: has values down to -1"):
        read_mask(tmp_path / "m.tiff")
