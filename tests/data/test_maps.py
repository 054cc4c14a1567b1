import io
import os
from functools import partial

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image
from torchvision.transforms.v2 import functional

from bench.data.maps import MapFiles, read_map, scan_maps
from destseg.errors import InputError
from destseg.files import LARGEST
from destseg.images import image_size

NATIVE, SIZE = (40, 36), 32


@pytest.fixture
def values():
    return np.random.default_rng(0).standard_normal((SIZE, SIZE)).astype(np.float32)


def pillow(path, pixels, **options):
    Image.fromarray(pixels).save(path, **options)


def levels(kind, steps):
    """Turn values into grey levels."""
    return lambda v: (steps * (v + 3)).clip(0, np.iinfo(kind).max).astype(kind)


MAPS = {
    "pillow.tiff": (np.copy, pillow),
    "lzw.tiff": (np.copy, partial(pillow, compression="tiff_lzw")),
    "half.tiff": (np.float16, tifffile.imwrite),
    "single.tif": (np.copy, tifffile.imwrite),
    "double.tiff": (lambda v: v.astype(np.float64) + 1e-12, tifffile.imwrite),
    "zlib.TIFF": (np.copy, partial(tifffile.imwrite, compression="zlib")),
    "big endian.tiff": (np.copy, partial(tifffile.imwrite, byteorder=">")),
    "8.png": (levels(np.uint8, 40), pillow),
    "16.png": (levels(np.uint16, 9000), pillow),
    "16.tiff": (levels(np.uint16, 9000), pillow),
    "half.npy": (np.float16, np.save),
    "double.npy": (lambda v: v.astype(np.float64) + 1e-12, np.save),
    "big endian.npy": (lambda v: v.astype(">f4"), np.save),
    "integers.npy": (lambda v: (1000 * v).astype(np.int16), np.save),
}


@pytest.mark.parametrize("name", MAPS)
def test_maps_of_the_protocols_size_are_taken_as_they_are(tmp_path, values, name):
    convert, write = MAPS[name]
    expected = convert(values)
    write(tmp_path / name, expected)
    read = read_map(tmp_path / name, NATIVE, SIZE)
    assert np.array_equal(read, expected)
    assert read.dtype.newbyteorder("=").kind == expected.dtype.kind


@pytest.mark.parametrize("native", [(40, 36), (20, 70), (900, 900)])
def test_native_maps_are_resized_as_the_papers_masks_are(tmp_path, native):
    values = np.random.default_rng(1).random(native).astype(np.float32)
    np.save(tmp_path / "a.npy", values)
    expected = functional.resize(torch.from_numpy(values)[None], [SIZE, SIZE], antialias=True)[0]
    read = read_map(tmp_path / "a.npy", native, SIZE)
    assert read.dtype == np.float32
    assert np.array_equal(read, expected.numpy())


def test_resizing_keeps_what_float32_cannot_hold(tmp_path):
    values = 1 + 1e-12 * np.arange(40 * 36, dtype=np.float64).reshape(NATIVE)
    np.save(tmp_path / "a.npy", values)
    read = read_map(tmp_path / "a.npy", NATIVE, SIZE)
    assert read.dtype == np.float64
    assert np.all(np.diff(read, axis=0) > 0)


def npy(content):
    buffer = io.BytesIO()
    np.save(buffer, content)
    return buffer.getvalue()


def picture(mode, form, pixels=None, **options):
    buffer = io.BytesIO()
    image = Image.fromarray(np.eye(SIZE, dtype=np.uint8) if pixels is None else pixels)
    (image.convert(mode) if mode else image).save(buffer, form, **options)
    return buffer.getvalue()


def pages():
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, np.zeros((2, SIZE, SIZE), np.float32), photometric="minisblack")
    return buffer.getvalue()


FLOAT = np.zeros((SIZE, SIZE), np.float32)
REFUSED = {
    "text.tiff": (b"no picture", "cannot be decoded .in no known format.; write it again"),
    "empty.png": (b"", "cannot be decoded"),
    "empty.npy": (b"", "cannot be decoded"),
    "cut.tiff": (picture(None, "TIFF", FLOAT)[:-900], "cannot be decoded .*truncated"),
    "cut.png": (picture("L", "PNG")[:-60], "cannot be decoded"),
    "cut.npy": (npy(FLOAT)[:-4], "cannot be decoded"),
    "pickle.npy": (npy(np.array([{}])), "cannot be decoded .*allow_pickle=False"),
    "rgb.png": (picture("RGB", "PNG"), "a picture of mode RGB; store it as 32-bit TIFF"),
    "palette.png": (picture("P", "PNG"), "a picture of mode P"),
    "alpha.png": (picture("LA", "PNG"), "a picture of mode LA"),
    "bits.png": (picture("1", "PNG"), "a picture of mode 1"),
    "rgb.tiff": (picture("RGB", "TIFF"), r"an array of shape \(32, 32, 3\); give one map"),
    "rgb lzw.tiff": (
        picture("RGB", "TIFF", compression="tiff_lzw"),
        "compressed 8 bit pixels of mode RGB",
    ),
    "palette.tiff": (picture("P", "TIFF"), "a picture of palette colours"),
    "frames.png": (
        picture("L", "PNG", save_all=True, append_images=[Image.new("L", (SIZE, SIZE), 9)]),
        "2 pages; give one map in a file",
    ),
    "pages.tiff": (pages(), "2 pages; give one map in a file"),
    "batch.npy": (npy(FLOAT[None]), r"an array of shape \(1, 32, 32\); give one map"),
    "bool.npy": (npy(FLOAT > 0), "values of type bool"),
    "complex.npy": (npy(FLOAT.astype(complex)), "values of type complex128"),
    "small.npy": (
        npy(FLOAT[:30]),
        "32x30 pixels, its image has 36x40; give a map of that size or of the protocol's, 32x32",
    ),
    "turned.npy": (npy(np.zeros((36, 40))), "40x36 pixels, its image has 36x40"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_map_is_refused(tmp_path, name):
    content, said = REFUSED[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=f"{name}: {said}"):
        read_map(tmp_path / name, NATIVE, SIZE)


def test_an_archive_is_no_map(tmp_path):
    np.savez(tmp_path / "a.npz", FLOAT)
    path = (tmp_path / "a.npz").rename(tmp_path / "a.npy")
    with pytest.raises(InputError, match="an archive of arrays"):
        read_map(path, NATIVE, SIZE)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("shape", [NATIVE, (SIZE, SIZE)])
def test_not_finite_says_where_in_the_file(tmp_path, value, shape):
    values = np.zeros(shape, np.float32)
    values[30, 7] = values[31, 0] = value
    tifffile.imwrite(tmp_path / "a.tiff", values)
    said = rf"a\.tiff: {value} at row 30, column 7 \(2 such pixels\); give finite scores"
    with pytest.raises(InputError, match=said):
        read_map(tmp_path / "a.tiff", NATIVE, SIZE)


def test_image_size_needs_the_head_alone(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(np.zeros((20, 30, 3), np.uint8)).save(path)
    assert image_size(path) == (20, 30)
    path.write_bytes(path.read_bytes()[:60])
    assert image_size(path) == (20, 30)
    for content, said in (
        (b"", "empty"),
        (b"x", r"cannot be decoded \(in no known format\); copy it"),
    ):
        path.write_bytes(content)
        with pytest.raises(InputError, match=rf"a\.png: .*{said}"):
            image_size(path)


# Finding maps

TWO = ": two maps of one image; remove one."


@pytest.fixture
def folder(tmp_path):
    for name in ("good/000", "good/001", "hole/000"):
        path = tmp_path / "test" / f"{name}.tiff"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


@pytest.fixture
def names():
    return ["good/000", "good/001", "hole/000"]


def test_maps_are_found_by_the_names_of_the_images(folder, names):
    (folder / "test" / "good" / "001.tiff").rename(folder / "test" / "good" / "001.NPY")
    found = scan_maps(folder, names)
    paths = [path.relative_to(folder / "test").as_posix() for path in found.maps]
    assert paths == ["good/000.tiff", "good/001.NPY", "hole/000.tiff"]
    assert found.faults == ()


@pytest.mark.parametrize(
    "name", ["good/000_overlay.png", "scores.csv", "good/.000.tiff", ".trash/000.tiff"]
)
def test_what_is_beside_the_maps_is_left_alone(folder, names, name):
    (folder / "test" / name).parent.mkdir(exist_ok=True)
    (folder / "test" / name).touch()
    assert scan_maps(folder, names).faults == ()


def test_an_image_may_be_called_overlay(folder, names):
    (folder / "test" / "good" / "9_overlay.png").touch()
    assert scan_maps(folder, [*names, "good/9_overlay"]).maps[-1] is not None


def test_all_faults_of_the_names_are_listed(folder, names):
    (folder / "test" / "good" / "001.tiff").unlink()
    for name in ("good/000.png", "hole/000.npy", "hole/x.tif", "cut/000.tiff", "000.png"):
        (folder / "test" / name).parent.mkdir(exist_ok=True)
        (folder / "test" / name).touch()
    found = scan_maps(folder, names)
    assert [path and path.name for path in found.maps] == ["000.png", None, "000.npy"]
    tests = folder / "test"
    assert sorted(found.faults) == sorted(
        [
            f"{tests / 'good/001.tiff'}: missing; write the image's map.",
            f"{tests / 'good/000.png'} and {tests / 'good/000.tiff'}{TWO}",
            f"{tests / 'hole/000.npy'} and {tests / 'hole/000.tiff'}{TWO}",
            f"{tests / 'hole/x.tif'}: there is no test image hole/x; remove it.",
            f"{tests / 'cut/000.tiff'}: there is no test image cut/000; remove it.",
            f"{tests / '000.png'}: there is no test image 000; remove it.",
        ]
    )


def test_a_folder_without_any_map_is_one_fault(folder, names):
    for name in names:
        (folder / "test" / f"{name}.tiff").unlink()
    assert scan_maps(folder, names).faults == (
        f"{folder / 'test/good'}: all 2 maps are missing, 000.tiff the first; write them.",
        f"{folder / 'test/hole/000.tiff'}: missing; write the image's map.",
    )


def test_maps_in_subfolders_and_in_another_form_of_unicode_are_found(tmp_path):
    path = tmp_path / "test" / "ma\u0308rz" / "day2" / "000.npy"
    path.parent.mkdir(parents=True)
    path.touch()
    assert scan_maps(tmp_path, ["m\u00e4rz/day2/000"]) == MapFiles((path,), ())


def test_what_is_no_file_is_refused_and_never_opened(folder, names):
    places = [folder / "test" / f"{name}.tiff" for name in names]
    for place in places:
        place.unlink()
    os.mkfifo(places[0])
    places[1].symlink_to(places[1].name)
    places[2].symlink_to("absent.tiff")
    found = scan_maps(folder, names)
    assert found.maps == (None, None, None)
    assert [fault.partition(": ")[2] for fault in found.faults] == [
        "a pipe or device, not a file; write the map again.",
        "a link to itself; write the map again.",
        "a link to a file that is not there; write the map again.",
    ]
    with pytest.raises(InputError, match="a pipe or device"):
        read_map(places[0], NATIVE, SIZE)


def test_a_folder_in_the_place_of_a_map_is_named(folder, names):
    place = folder / "test" / f"{names[1]}.npy"
    place.with_suffix(".tiff").unlink()
    place.mkdir()
    found = scan_maps(folder, names)
    assert found.maps[1] is None
    assert found.faults == (f"{place}: a folder, not a file; write the map again.",)


def test_the_map_of_an_image_that_cannot_be_read_is_left_alone(folder, names):
    found = scan_maps(folder, names[:-1], [f"test/{names[-1]}"])
    assert found.faults == ()
    assert None not in found.maps


TURNED = [(274, "H", 1, 4, True)]
PALETTE = {"photometric": "palette", "colormap": np.zeros((3, 256), np.uint16)}


@pytest.mark.parametrize("pillow_reads", [False, True])
@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"photometric": "miniswhite"}, "calls 0 white"),
        ({"extratags": TURNED}, "turned by its orientation tag; store it upright"),
        (PALETTE, "a picture of palette colours"),
    ],
)
def test_a_tiff_whose_values_do_not_stand_for_themselves_is_refused(
    tmp_path, monkeypatch, options, said, pillow_reads
):
    path = tmp_path / "a.tiff"
    tifffile.imwrite(path, np.zeros((SIZE, SIZE), np.uint8), **options)
    if pillow_reads:  # as it does where tifffile has no codec
        monkeypatch.setattr(tifffile.TiffFile, "asarray", None)
    with pytest.raises(InputError, match=rf"a\.tiff: {said}"):
        read_map(path, NATIVE, SIZE)


def test_scores_whose_mean_would_be_infinite_are_refused(tmp_path, values):
    np.save(tmp_path / "a.npy", values.astype(np.float64) * 1e307)
    with pytest.raises(InputError, match=r"a\.npy: values up to .e\+307, which have no mean"):
        read_map(tmp_path / "a.npy", NATIVE, SIZE)


def test_a_file_of_gigabytes_is_refused_and_never_read(folder, names):
    path = folder / "test" / f"{names[0]}.tiff"
    os.truncate(path, LARGEST + 1)
    (fault,) = scan_maps(folder, names).faults
    assert fault == f"{path}: a file of 2.1 GB, which no image or map has; write the map again."


@pytest.mark.parametrize("name", ["a.tiff", "a.npy", "a.png", "pages.tiff"])
def test_a_small_file_of_a_large_map_is_not_decoded(tmp_path, monkeypatch, name):
    shape = (2000, 1000)
    path = tmp_path / name
    if name == "a.png":
        Image.fromarray(np.zeros(shape, np.uint8)).save(path)
    elif name == "a.npy":
        np.save(path, np.zeros(shape, np.uint8))
    else:
        many = np.zeros((3 if name == "pages.tiff" else 1, *shape), np.uint8)
        tifffile.imwrite(path, many, compression="zlib", photometric="minisblack")
    monkeypatch.setattr("bench.data.maps.decoded", None)
    said = "an array of shape" if name == "pages.tiff" else "1000x2000 pixels, its image has 36x40"
    with pytest.raises(InputError, match=said):
        read_map(path, NATIVE, SIZE)


def test_without_a_folder_there_is_one_fault(tmp_path, names):
    found = scan_maps(tmp_path, names)
    assert found.maps == (None, None, None)
    assert len(found.faults) == 1
