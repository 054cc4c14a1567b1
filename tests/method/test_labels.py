import io

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from destseg.errors import InputError
from destseg.labels import dark_labels, even_area, faint_regions, find_labels
from destseg.masks import decode_mask, read_mask

ROWS, COLUMNS = np.mgrid[:128, :128]


def disc(row, column, radius, level=255):
    inside = (ROWS - row) ** 2 + (COLUMNS - column) ** 2 < radius**2
    return np.where(inside, level, 0)


def mask_of(*discs):
    return np.maximum.reduce(discs).astype(np.uint8)


def spread(count):
    """Regions of so many classes whose levels are spread over 0 to 255."""
    places = [(16 + 24 * (i // 5), 14 + 24 * (i % 5)) for i in range(count)]
    return mask_of(*(disc(*place, 7, 255 * (i + 1) // count) for i, place in enumerate(places)))


def as_jpeg(pixels, quality):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    return Image.open(buffer)


BINARY = mask_of(disc(40, 40, 20), disc(90, 100, 8))
APART = mask_of(disc(40, 40, 20, 200), disc(90, 100, 8, 100), disc(20, 100, 6, 50))
TOUCHING = mask_of(disc(50, 50, 20), disc(80, 50, 15, 60))
LABELS = {
    "beside black and white": mask_of(
        *(
            disc(*at)
            for at in (
                (20, 20, 14, 1),
                (20, 100, 14, 2),
                (100, 20, 14, 254),
                (100, 100, 14, 255),
            )
        )
    ),
    "apart": APART,
    "touching": TOUCHING,
    "of 16 bits": APART.astype(np.uint16) * 100,
    "faint ones of 16 bits": (APART * np.uint16(2)) + (BINARY.astype(np.uint16) << 8),
    "thin, and one of them faint": mask_of(np.eye(128) * 1, disc(30, 90, 20)),
    "light ones": mask_of(disc(40, 40, 20, 150), disc(90, 100, 8, 250)),
    "beside a soft edge": mask_of(
        np.pad(Image.fromarray(BINARY).resize((64, 64), Image.Resampling.BOX), (0, 64)),
        disc(115, 20, 8, 50),
    ),
    **{f"{count} classes": spread(count) for count in (2, 3, 10, 25)},
}


@pytest.mark.parametrize("name", LABELS)
def test_labels_spread_over_the_grey_levels_all_mark(tmp_path, name):
    pixels = LABELS[name]
    Image.fromarray(pixels).save(tmp_path / "m.png")
    found = decode_mask(tmp_path / "m.png")
    assert found.labels
    if name != "beside a soft edge":
        np.testing.assert_array_equal(found.levels, np.where(pixels > 0, 255, 0))
    assert (found.levels[pixels == 50] == 255).all()


SIZES = [(64, 64), (100, 100), (400, 400)]
SOFT = {
    **{
        f"{resample.name} to {size[0]}": Image.fromarray(BINARY).resize(size, resample)
        for resample in Image.Resampling
        if resample.name != "NEAREST"
        for size in SIZES
    },
    **{
        f"blurred by {radius}": Image.fromarray(mask_of(disc(64, 64, 40))).filter(
            ImageFilter.GaussianBlur(radius)
        )
        for radius in (1, 3, 10, 20)
    },
    **{f"JPEG of quality {q}": as_jpeg(BINARY, q) for q in (5, 10, 30, 60, 75, 90, 95, 100)},
}


@pytest.mark.parametrize("suffix", ["png", "jpg"])
@pytest.mark.parametrize("name", SOFT)
def test_soft_edges_and_compression_are_no_labels_and_lose_nothing(tmp_path, name, suffix):
    """Also where what a JPEG holds was stored anew as PNG."""
    image = SOFT[name]
    path = tmp_path / f"m.{suffix}"
    image.save(path)
    found = decode_mask(path)
    assert not found.labels
    np.testing.assert_array_equal(found.levels, np.asarray(Image.open(path)))
    assert even_area(found.levels, 128) is None
    assert faint_regions(found.levels, 128) == 0


@pytest.mark.parametrize("pixels", [APART, TOUCHING], ids=["apart", "touching"])
@pytest.mark.parametrize("quality", [10, 50, 75, 95])
@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_labels_that_went_through_jpeg_are_named(tmp_path, pixels, quality, suffix):
    path = tmp_path / f"m.{suffix}"
    if suffix == "jpg":
        Image.fromarray(pixels).save(path, quality=quality)
    else:
        as_jpeg(pixels, quality).save(path)
    level, row, column = even_area(read_mask(path), 128)
    assert abs(level - int(pixels[row, column])) <= 8
    assert 0 < pixels[row, column] < 128


def test_specks_that_became_faint_are_counted():
    pixels = mask_of(disc(40, 40, 20), disc(90, 90, 1), disc(20, 110, 2))
    levels = np.asarray(Image.fromarray(pixels).resize((32, 32), Image.Resampling.BILINEAR))
    assert even_area(levels, 128) is None
    assert faint_regions(levels, 128) == 1


def test_many_levels_are_never_labels():
    ramp = np.repeat(np.repeat(np.arange(1, 33, dtype=np.uint8)[None] * 7, 4, axis=1), 8, axis=0)
    assert find_labels(ramp) is None
    np.testing.assert_array_equal(find_labels(ramp[:, :-4]), ramp[:, :-4] > 0)


def numbered(levels):
    """Squares of 5 pixels, one for each level."""
    pixels = np.zeros((128, 128), np.asarray(levels).dtype)
    for index, level in enumerate(levels):
        row, column = 4 + 12 * (index // 10), 4 + 12 * (index % 10)
        pixels[row : row + 5, column : column + 5] = level
    return pixels


SOFT_AND_DARK = np.maximum(np.asarray(SOFT["blurred by 1"]), disc(12, 12, 8, 6).astype(np.uint8))
MANY = {
    "numbers and bright ones": (numbered(np.r_[1:32, 160:256:9].astype(np.uint8)), "levels 1, 2"),
    "numbers beside a blurred mark": (
        np.maximum(
            numbered(np.array([0] * 80 + [3, 9], np.uint8)), np.asarray(SOFT["blurred by 3"])
        ),
        "levels 3, 9 look",
    ),
    "one beside soft edges": (SOFT_AND_DARK, "level 6 look"),
    "numbers of 16 bits": (
        numbered(np.r_[1:41, 65535].astype(np.uint16)),
        "levels 1, 2, 3, 4, 5, 6, 7, 8 and others",
    ),
}


@pytest.mark.parametrize("name", MANY)
def test_dark_labels_among_many_levels_are_named(tmp_path, name):
    pixels, said = MANY[name]
    Image.fromarray(pixels).save(tmp_path / "m.png")
    with pytest.raises(InputError, match=rf"m\.png: areas of ({said})"):
        read_mask(tmp_path / "m.png")


@pytest.mark.parametrize("size", [100, 150, 256])
def test_a_soft_mask_enlarged_by_repeating_pixels_has_no_dark_labels(size):
    image = Image.new("L", (900, 900))
    draw = ImageDraw.Draw(image)
    draw.ellipse((100, 150, 380, 330), fill=255)
    draw.ellipse((500, 420, 780, 700), fill=255)
    small = image.resize((size, size), Image.Resampling.LANCZOS)
    levels = np.asarray(small.resize((900, 900), Image.Resampling.NEAREST))
    assert len(np.unique(levels)) > 32
    assert dark_labels(levels) == []
