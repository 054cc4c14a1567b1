import numpy as np
import pytest
from PIL import Image

from destseg.errors import InputError
from destseg.images import image_files, images_below, input_faults, read_mask, read_rgb

RAMP = np.arange(0, 256, 4, dtype=np.uint8).reshape(8, 8)


def save(path, image, **options):
    image.save(path, **options)
    return path


def grey_rgb(values):
    return np.repeat(values[..., None], 3, axis=-1)


def test_rgb_is_read_as_it_is(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    path = save(tmp_path / "x.png", Image.fromarray(pixels))
    read = read_rgb(path, None)
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, pixels)


def test_resize_is_pillows_bilinear_to_a_square(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    image = Image.fromarray(pixels)
    expected = np.asarray(image.resize((8, 8), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(read_rgb(save(tmp_path / "x.png", image), 8), expected)


def test_greyscale_becomes_equal_channels(tmp_path):
    path = save(tmp_path / "x.png", Image.fromarray(RAMP))
    np.testing.assert_array_equal(read_rgb(path, None), grey_rgb(RAMP))


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bits_keep_the_high_byte_unclipped(tmp_path, suffix):
    deep = (RAMP.astype(np.uint16) << 8) + 77
    path = save(tmp_path / f"x.{suffix}", Image.fromarray(deep))
    np.testing.assert_array_equal(read_rgb(path, None), grey_rgb(RAMP))


def test_integer_mode_is_read_like_sixteen_bits(tmp_path):
    deep = (RAMP.astype(np.int32) << 8) + 77
    path = save(tmp_path / "x.tif", Image.fromarray(deep))
    with Image.open(path) as image:
        assert image.mode == "I"
    np.testing.assert_array_equal(read_rgb(path, None), grey_rgb(RAMP))


def test_palette_is_looked_up(tmp_path):
    image = Image.new("P", (2, 1))
    image.putpalette([255, 0, 0, 0, 255, 0])
    image.putpixel((1, 0), 1)
    path = save(tmp_path / "x.png", image)
    np.testing.assert_array_equal(read_rgb(path, None), [[[255, 0, 0], [0, 255, 0]]])


@pytest.mark.parametrize("transparency", [1, b"\xff\x00"])
def test_transparent_palette_entry_is_shown_over_white(tmp_path, transparency):
    image = Image.new("P", (2, 1))
    image.putpalette([255, 0, 0, 0, 255, 0])
    image.putpixel((1, 0), 1)
    path = save(tmp_path / "x.png", image, transparency=transparency)
    np.testing.assert_array_equal(read_rgb(path, None), [[[255, 0, 0], [255, 255, 255]]])


def test_transparent_pixels_are_shown_over_white(tmp_path):
    pixels = np.array([[[10, 20, 30, 255], [10, 20, 30, 0]]], np.uint8)
    path = save(tmp_path / "x.png", Image.fromarray(pixels))
    np.testing.assert_array_equal(read_rgb(path, None), [[[10, 20, 30], [255, 255, 255]]])


def test_opaque_alpha_is_dropped(tmp_path):
    pixels = np.array([[[10, 20, 30, 255], [40, 50, 60, 255]]], np.uint8)
    path = save(tmp_path / "x.png", Image.fromarray(pixels))
    np.testing.assert_array_equal(read_rgb(path, None), pixels[..., :3])


def test_grey_with_alpha(tmp_path):
    pixels = np.array([[[10, 255], [10, 0]]], np.uint8)
    path = save(tmp_path / "x.png", Image.fromarray(pixels))
    np.testing.assert_array_equal(read_rgb(path, None), [[[10] * 3, [255] * 3]])


def test_cmyk_becomes_rgb(tmp_path):
    path = save(tmp_path / "x.jpg", Image.new("CMYK", (8, 8), (0, 255, 255, 0)), quality=100)
    red = read_rgb(path, None)
    assert red.shape == (8, 8, 3)
    assert red[..., 0].min() > 240
    assert red[..., 1:].max() < 15


def test_bilevel_becomes_black_and_white(tmp_path):
    path = save(tmp_path / "x.png", Image.fromarray(RAMP > 100))
    np.testing.assert_array_equal(read_rgb(path, None), grey_rgb((RAMP > 100) * np.uint8(255)))


def test_large_image_within_pillows_limit_gives_no_warning(tmp_path, monkeypatch):
    path = save(tmp_path / "x.png", Image.fromarray(RAMP))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 40)  # 64 pixels: between once and twice
    assert read_rgb(path, None).shape == (8, 8, 3)


def test_decompression_bomb_is_refused(tmp_path, monkeypatch):
    path = save(tmp_path / "x.png", Image.fromarray(RAMP))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 30)
    with pytest.raises(InputError, match=r"x\.png: more pixels than .* store it smaller"):
        read_rgb(path, None)


def noise_image():
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))


def broken(tmp_path, kind):
    path = tmp_path / f"bad_{kind}.png"
    if kind == "zero":
        path.touch()
    elif kind == "text":
        path.write_text("not found")
    elif kind == "float":
        path = path.with_suffix(".tif")
        Image.fromarray(np.ones((4, 4), np.float32)).save(path)
    elif kind == "jpeg":
        path = path.with_suffix(".jpg")
        noise_image().save(path)
        path.write_bytes(path.read_bytes()[:-500])
    elif kind == "folder":
        path.mkdir()
    elif kind != "missing":
        noise_image().save(path)
        data = bytearray(path.read_bytes())
        if kind == "truncated":
            del data[len(data) // 2 :]
        elif kind == "header":
            del data[20:]
        elif kind == "flipped":
            data[200:230] = bytes(30)
        path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        ("missing", "no such file; check the path"),
        ("zero", r"empty \(0 bytes\); copy it again"),
        ("text", "not an image in a format that Pillow knows; replace"),
        ("truncated", r"truncated or damaged image \(.+\); copy"),
        ("header", "; (copy|replace)"),
        ("flipped", r"truncated or damaged image \(.+\); copy"),
        ("jpeg", r"truncated or damaged image \(.+\); copy"),
        ("folder", r"truncated or damaged image \(.+\); copy"),
        ("float", "floating-point pixels.* store it with 8 or 16 bits"),
    ],
)
@pytest.mark.parametrize("read", [lambda path: read_rgb(path, 8), read_mask])
def test_bad_file_is_one_sentence_naming_it(tmp_path, kind, what, read):
    path = broken(tmp_path, kind)
    with pytest.raises(InputError, match=what) as caught:
        read(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message


MARK = RAMP > 100


@pytest.mark.parametrize("value", [1, 38, 128, 255])
def test_mask_of_one_value_is_scaled_to_255(tmp_path, value):
    path = save(tmp_path / "m.png", Image.fromarray(MARK * np.uint8(value)))
    mask = read_mask(path)
    assert mask.dtype == np.uint8
    np.testing.assert_array_equal(mask, MARK * 255)


@pytest.mark.parametrize("value", [1, 65535])
def test_sixteen_bit_mask(tmp_path, value):
    path = save(tmp_path / "m.png", Image.fromarray(MARK * np.uint16(value)))
    np.testing.assert_array_equal(read_mask(path), MARK * 255)


def test_sixteen_bit_mask_of_many_levels_keeps_the_high_byte(tmp_path):
    path = save(tmp_path / "m.png", Image.fromarray(RAMP.astype(np.uint16) << 8))
    np.testing.assert_array_equal(read_mask(path), RAMP)


def test_mask_of_many_levels_is_kept(tmp_path):
    path = save(tmp_path / "m.png", Image.fromarray(RAMP))
    np.testing.assert_array_equal(read_mask(path), RAMP)


def test_empty_mask_stays_empty(tmp_path):
    path = save(tmp_path / "m.png", Image.new("L", (8, 8)))
    assert read_mask(path).max() == 0


def test_bilevel_mask(tmp_path):
    path = save(tmp_path / "m.png", Image.fromarray(MARK))
    np.testing.assert_array_equal(read_mask(path), MARK * 255)


def test_dark_palette_colour_marks(tmp_path):
    image = Image.fromarray(MARK.astype(np.uint8)).convert("P")
    image.putpalette([0, 0, 0, 128, 0, 0])
    path = save(tmp_path / "m.png", image)
    np.testing.assert_array_equal(read_mask(path), MARK * 255)


def test_transparent_pixels_of_a_mask_are_unmarked(tmp_path):
    pixels = np.full((8, 8, 4), 255, np.uint8)
    pixels[..., 3] = MARK * 255
    path = save(tmp_path / "m.png", Image.fromarray(pixels))
    np.testing.assert_array_equal(read_mask(path), MARK * 255)


def test_mask_of_rgb_black_and_white(tmp_path):
    path = save(tmp_path / "m.png", Image.fromarray(grey_rgb(MARK * np.uint8(255))))
    np.testing.assert_array_equal(read_mask(path), MARK * 255)


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
