import io
import os
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from destseg.errors import InputError, input_faults
from destseg.images import bit_depth, image_size, read_rgb
from destseg.masks import read_mask

RAMP = np.arange(0, 256, 4, dtype=np.uint8).reshape(8, 8)


def save(path, image, **options):
    image.save(path, **options)
    return path


def grey_rgb(values):
    return np.repeat(values[..., None], 3, axis=-1)


def palette(*colors):
    """One pixel of each colour."""
    image = Image.fromarray(np.arange(len(colors), dtype=np.uint8)[None]).convert("P")
    image.putpalette([level for color in colors for level in color])
    return image


NOISE = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
RED, GREEN, WHITE = [255, 0, 0], [0, 255, 0], [255, 255, 255]
ALPHA = np.array([[[10, 20, 30, 255], [40, 50, 60, 0]]], np.uint8)
OPAQUE = np.array([[[10, 20, 30, 255], [40, 50, 60, 255]]], np.uint8)
DEEP = (RAMP.astype(np.uint16) << 8) + 77
READ = {
    "rgb.png": (NOISE, {}, NOISE),
    "grey.png": (RAMP, {}, grey_rgb(RAMP)),
    "16 bits keep the high byte.png": (DEEP, {}, grey_rgb(RAMP)),
    "16 bits keep the high byte.tif": (DEEP, {}, grey_rgb(RAMP)),
    "integers are read like 16 bits.tif": (DEEP.astype(np.int32), {}, grey_rgb(RAMP)),
    "palette.png": (palette(RED, GREEN), {}, [[RED, GREEN]]),
    "transparent entry.png": (palette(RED, GREEN), {"transparency": 1}, [[RED, WHITE]]),
    "entries.png": (palette(RED, GREEN), {"transparency": b"\xff\x00"}, [[RED, WHITE]]),
    "transparent pixels.png": (ALPHA, {}, [[[10, 20, 30], WHITE]]),
    "opaque alpha is dropped.png": (OPAQUE, {}, OPAQUE[..., :3]),
    "grey with alpha.png": (ALPHA[..., [0, 3]], {}, [[[10] * 3, WHITE]]),
    "bilevel.png": (RAMP > 100, {}, grey_rgb((RAMP > 100) * np.uint8(255))),
}


@pytest.mark.parametrize("name", READ)
def test_any_mode_becomes_rgb_over_white(tmp_path, name):
    pixels, options, expected = READ[name]
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    read = read_rgb(save(tmp_path / name, image, **options), None)
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, expected)


def test_resize_is_pillows_bilinear_to_a_square(tmp_path):
    image = Image.fromarray(NOISE)
    expected = np.asarray(image.resize((8, 8), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(read_rgb(save(tmp_path / "x.png", image), 8), expected)


def test_cmyk_becomes_rgb(tmp_path):
    path = save(tmp_path / "x.jpg", Image.new("CMYK", (8, 8), (0, 255, 255, 0)), quality=100)
    red = read_rgb(path, None)
    assert red.shape == (8, 8, 3)
    assert red[..., 0].min() > 240
    assert red[..., 1:].max() < 15


def test_large_image_within_pillows_limit_gives_no_warning(tmp_path, monkeypatch):
    path = save(tmp_path / "x.png", Image.fromarray(RAMP))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 40)  # 64 pixels: between once and twice
    assert read_rgb(path, None).shape == (8, 8, 3)


def test_decompression_bomb_is_refused(tmp_path, monkeypatch):
    path = save(tmp_path / "x.png", Image.fromarray(RAMP))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 30)
    with pytest.raises(InputError, match=r"x\.png: more pixels than .* store it smaller"):
        read_rgb(path, None)


def noise(form, change=lambda data: data):
    """The bytes of a picture of noise, changed."""
    buffer = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(pixels).save(buffer, form)
    return change(buffer.getvalue())


def floats():
    buffer = io.BytesIO()
    Image.fromarray(np.ones((4, 4), np.float32)).save(buffer, "TIFF")
    return buffer.getvalue()


DAMAGED = r"truncated or damaged image \(.+\); copy"
BAD = {
    "missing": (None, "no such file; check the path"),
    "zero": (b"", r"empty \(0 bytes\); copy it again"),
    "text": (b"not found", "not an image in a format that Pillow knows; replace"),
    "truncated": (noise("PNG", lambda data: data[: len(data) // 2]), DAMAGED),
    "header": (noise("PNG", lambda data: data[:20]), "; (copy|replace)"),
    "flipped": (noise("PNG", lambda data: data[:200] + bytes(30) + data[230:]), DAMAGED),
    "jpeg": (noise("JPEG", lambda data: data[:-500]), DAMAGED),
    "folder": (Path.mkdir, "a folder, not a file; replace or remove it"),
    "float": (floats(), "floating-point pixels.* store it with 8 or 16 bits"),
}


@pytest.mark.parametrize(("content", "what"), BAD.values(), ids=BAD)
@pytest.mark.parametrize("read", [lambda path: read_rgb(path, 8), read_mask])
def test_bad_file_is_one_sentence_naming_it(tmp_path, content, what, read):
    path = tmp_path / "bad.png"
    if content is Path.mkdir:
        path.mkdir()
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=what) as caught:
        read(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message


# Depth


def deep(values, kind=np.uint16):
    """A ramp up to a value, as a camera of few bits stores it."""
    return np.linspace(0, values, 64).round().astype(kind).reshape(8, 8)


@pytest.mark.parametrize(
    ("largest", "depth"), [(255, 8), (1023, 10), (1024, 12), (2256, 12), (16383, 14), (16384, 16)]
)
def test_the_depth_of_a_set_holds_its_largest_value(tmp_path, largest, depth):
    files = [
        save(tmp_path / "a.tif", Image.fromarray(deep(largest // 3))),
        save(tmp_path / "b.png", Image.fromarray(deep(largest))),
        save(tmp_path / "c.png", Image.fromarray(RAMP)),
    ]
    assert bit_depth(files) == depth
    read = read_rgb(files[0], None, depth=depth)
    np.testing.assert_array_equal(read, grey_rgb(deep(largest // 3) >> (depth - 8)))


def test_one_hot_pixel_that_makes_all_dark_is_told(tmp_path, caplog):
    files = [save(tmp_path / f"{index}.tif", Image.fromarray(deep(2256))) for index in range(3)]
    assert bit_depth(files) == 12
    assert not caplog.text
    hot = deep(2256)
    hot[0, 0] = 65535
    files.append(save(tmp_path / "hot.tif", Image.fromarray(hot)))
    assert bit_depth(files) == 16
    assert "hot.tif: has values up to 65535; half of all 4 images" in caplog.text
    assert "need but 12 bits" in caplog.text


def test_images_of_8_bits_have_no_depth_and_damaged_ones_are_passed_over(tmp_path):
    (tmp_path / "damaged.tif").write_bytes(b"II*\0")
    assert (
        bit_depth([save(tmp_path / "a.png", Image.fromarray(RAMP)), tmp_path / "damaged.tif"])
        is None
    )


@pytest.mark.parametrize("kind", [np.uint16, np.int32])
@pytest.mark.parametrize("largest", [200, 900, 4000, 16000])
def test_a_single_image_of_fewer_bits_is_refused(tmp_path, largest, kind):
    path = save(tmp_path / "a.tif", Image.fromarray(deep(largest, kind)))
    with pytest.raises(InputError, match=f"values up to {largest}, so that .* nearly black; scale"):
        read_rgb(path, None)


def test_an_image_beyond_the_others_depth_is_refused(tmp_path):
    path = save(tmp_path / "a.tif", Image.fromarray(deep(60000)))
    with pytest.raises(InputError, match="values up to 60000, but the other images have 12 bits"):
        read_rgb(path, None, depth=12)


@pytest.mark.parametrize("values", [(-3, 20000), (0, 70000)])
def test_integers_beyond_16_bits_are_refused(tmp_path, values):
    pixels = np.array([values], np.int32)
    path = save(tmp_path / "a.tif", Image.fromarray(pixels))
    with pytest.raises(InputError, match=r"values from .* are beyond 16 bits"):
        read_rgb(path, None)


@pytest.mark.parametrize(("largest", "refused"), [(4095, True), (60000, False)])
def test_colours_of_16_bits_are_told_where_their_high_bytes_are_black(tmp_path, largest, refused):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.repeat(deep(largest)[..., None], 3, -1), photometric="rgb")
    assert bit_depth([path]) == (12 if refused else 16)
    if refused:
        with pytest.raises(InputError, match="nearly black"):
            read_rgb(path, None, depth=12)
    else:
        np.testing.assert_array_equal(read_rgb(path, None), grey_rgb(deep(largest) >> 8))


# Pages


def test_several_images_in_one_file_are_refused_and_previews_are_not(tmp_path):
    image = Image.fromarray(NOISE)
    path = save(tmp_path / "stack.tif", image, save_all=True, append_images=[image])
    with pytest.raises(InputError, match="2 images in one file; store each in its own"):
        read_rgb(path, None)
    small = save(tmp_path / "a.tif", image, save_all=True, append_images=[image.resize((4, 4))])
    np.testing.assert_array_equal(read_rgb(small, None), NOISE)


def test_a_pipe_is_refused_and_never_opened(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    for read in (image_size, lambda path: read_rgb(path, None)):
        with pytest.raises(InputError, match="a pipe or device, not a file; replace or remove it"):
            read(tmp_path / "a.png")


def test_many_faults_are_counted():
    lines = str(input_faults("folder", [f"fault {k}" for k in range(13)])).splitlines()
    assert lines[0].startswith("folder: 13 faults found; mend")
    assert lines[1:] == [*(f"  - fault {k}" for k in range(10)), "  - and 3 more"]
