import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from destseg.errors import InputError, input_faults
from destseg.folders import image_files, images_below
from destseg.images import read_rgb
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


def test_image_files_are_sorted_and_only_images(tmp_path):
    names = ["b.PNG", "a.jpeg", "c.bmp", "d.tiff", "._a.png", "Thumbs.db", "notes.txt"]
    for name in names:
        (tmp_path / name).touch()
    assert [path.name for path in image_files(tmp_path)] == ["a.jpeg", "b.PNG", "c.bmp", "d.tiff"]
    assert image_files(tmp_path / "missing") == []


def test_many_faults_are_counted():
    lines = str(input_faults("folder", [f"fault {k}" for k in range(13)])).splitlines()
    assert lines[0].startswith("folder: 13 faults found; mend")
    assert lines[1:] == [*(f"  - fault {k}" for k in range(10)), "  - and 3 more"]


# Folders


def test_images_below_a_folder_are_in_the_order_of_their_paths(tmp_path):
    for name in ("b/1.png", "a.jpg", "B/x.PNG", "b/.hidden.png", "b/notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    found = [path.relative_to(tmp_path).as_posix() for path in images_below(tmp_path, "x")]
    assert found == ["B/x.PNG", "a.jpg", "b/1.png"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("absent", "no such folder; give one."),
        ("file.png", "is not a folder; give one."),
        ("empty", "no images in it; give one."),
    ],
)
def test_a_folder_without_images(tmp_path, name, said):
    (tmp_path / "file.png").touch()
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError) as caught:
        images_below(tmp_path / name, "give one")
    assert str(caught.value) == f"{tmp_path / name}: {said}"
