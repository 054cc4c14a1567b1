import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from bench.data.cache import content_digest
from bench.data.categories import load_category, prepare_category
from bench.data.kinds import find_kind
from bench.data.layout import Extent, list_categories, scan_category, tell_strangers
from bench.metrics import Protocol
from destseg.errors import InputError, tell
from tests.folders import empty, empty_folder, file_instead, other_size, truncate, write_category

SIZE = 16


def prepare(root, cache, category="bottle", *, size=SIZE, rule="nearest"):
    protocol = Protocol(name="small", size=size, mask_rule=rule)
    return prepare_category(root, category, size, cache, protocol)


@pytest.fixture
def root(tmp_path):
    """A category of 3 training and 4 test images, 24x20 pixels."""
    tests = {"good": 1, "hole": 2, "bent": 1}
    write_category(tmp_path / "data" / "bottle", (20, 24), 3, tests, mask=(0, 5, 0, 6))
    return tmp_path / "data"


def test_category_is_decoded(root, cache):
    ref = prepare(root, cache)
    assert (ref.category, ref.extent) == ("bottle", Extent(3, 4, (20, 24)))
    data = load_category(ref)
    assert data.names == ("bent/000", "good/000", "hole/000", "hole/001")
    assert data.train.shape == (3, SIZE, SIZE, 3)
    assert data.test.shape == (4, SIZE, SIZE, 3)
    assert data.masks.shape == (4, SIZE, SIZE)
    assert [a.dtype for a in (data.train, data.test, data.masks)] == [np.uint8, np.uint8, np.bool_]
    assert data.masks.sum((1, 2)).tolist() == [16, 0, 16, 20]
    with Image.open(root / "bottle" / "test" / "hole" / "001.png") as image:
        expected = image.resize((SIZE, SIZE), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(data.test[3], np.asarray(expected))


def test_arrays_are_mapped_and_read_only(root, cache):
    data = load_category(prepare(root, cache))
    assert isinstance(data.train, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        data.train[0] = 0


def test_second_preparation_decodes_nothing(root, cache, monkeypatch):
    first = prepare(root, cache)
    monkeypatch.setattr("bench.data.categories.read_rgb", None)
    assert prepare(root, cache) == first


def test_digest_is_independent_of_the_folder(root, cache, tmp_path):
    shutil.copytree(root, tmp_path / "elsewhere")
    assert prepare(tmp_path / "elsewhere", tmp_path / "other") == prepare(root, tmp_path / "other")


@pytest.mark.parametrize(
    "part", ["train/good/000.png", "test/good/000.png", "ground_truth/hole/000_mask.png"]
)
def test_digest_changes_with_any_file(root, cache, part):
    before = prepare(root, cache)
    path = root / "bottle" / part
    with Image.open(path) as image:
        flipped = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    flipped.save(path)
    os.utime(path, ns=(1, 1))
    after = prepare(root, cache)
    assert after.digest != before.digest
    assert after.path != before.path


def test_sizes_and_mask_rules_are_kept_apart(root, cache):
    paper = prepare(root, cache)
    wide = prepare(root, cache, rule="any")
    assert paper.digest == wide.digest
    assert (load_category(paper).masks < load_category(wide).masks).any((1, 2))[[0, 2, 3]].all()
    small = prepare(root, cache, size=8)
    assert load_category(small).test.shape == (4, 8, 8, 3)


def test_other_suffixes_and_modes(root, cache):
    good = root / "bottle" / "train" / "good"
    for name, mode in {"a.jpg": "L", "b.JPEG": "RGB", "c.bmp": "P", "d.tiff": "RGBA"}.items():
        Image.new("RGB", (24, 20)).convert(mode).save(good / name)
    (good / "._000.png").write_bytes(b"resource fork")
    (good / "Thumbs.db").touch()
    assert prepare(root, cache).train == 7


def test_categories_are_the_folders_with_train(root):
    (root / "zipper" / "train").mkdir(parents=True)
    (root / "cable" / "train").mkdir(parents=True)
    (root / "notes").mkdir()
    (root / "license.txt").touch()
    assert list_categories(root) == ("bottle", "cable", "zipper")


def move(root, *names, to):
    for name in names:
        path = root / "bottle" / name
        (path.parent / to).mkdir(exist_ok=True)
        path.rename(path.parent / to / path.name)


def test_subfolders_and_further_suffixes_belong_to_the_category(root, cache, caplog):
    move(root, "train/good/000.png", "test/hole/001.png", to="day2")
    image = root / "bottle" / "test" / "bent" / "000.png"
    with Image.open(image) as opened:
        opened.save(image.with_suffix(".webp"), lossless=True)
    image.unlink()
    ref = prepare(root, cache)
    assert ref.extent.counts == (3, 4)
    data = load_category(ref)
    assert data.names == ("bent/000", "good/000", "hole/000", "hole/day2/001")
    assert data.masks.any((1, 2)).tolist() == [True, False, True, True]
    assert not caplog.records


@pytest.mark.parametrize("place", ["test", "train/good", "test/good", ".", "ground_truth"])
def test_hidden_folders_are_no_data(root, cache, place):
    expected = prepare(root, cache)
    for name in (".ipynb_checkpoints", "__MACOSX"):
        folder = root / "bottle" / place / name
        folder.mkdir()
        shutil.copy(root / "bottle/test/hole/000.png", folder / "000.png")
    assert prepare(root, cache) == expected
    hidden = root / ".Trash"
    (hidden / "train").mkdir(parents=True)
    assert list_categories(root) == ("bottle",)


def test_images_that_belong_nowhere_are_told(root, cache, caplog):
    tell.cache_clear()
    shutil.copytree(root / "bottle/test/hole", root / "bottle/train/hole")
    shutil.copytree(root / "bottle/test/hole", root / "bottle/validation/good")
    shutil.copytree(root / "bottle/test", root / "cable/test")
    shutil.copy(root / "bottle/test/hole/000.png", root / "bottle/preview.png")
    (root / "papers").mkdir()
    prepare(root, cache)
    find_kind("mvtec").available(root)
    outside = "passed over, images outside of train/good and test"
    assert {record.getMessage() for record in caplog.records} == {
        f"note: {root / 'bottle'}: {outside} (1)",
        f"note: {root / 'bottle/train/hole'}: {outside} (2)",
        f"note: {root / 'bottle/validation'}: {outside} (2)",
        f"note: {root / 'cable'}: passed over, since it has no folder train/good",
    }


@pytest.mark.parametrize(
    ("name", "said"),
    [("000.png", "neither in test/good nor in test/<defect>"), ("hole/9.heic", "are not read")],
)
def test_a_test_image_that_cannot_be_counted_is_a_fault_also_of_what_was_decoded(
    root, cache, name, said
):
    prepare(root, cache)
    path = root / "bottle" / "test" / name
    shutil.copy(root / "bottle/test/good/000.png", path)
    with pytest.raises(InputError, match=f"{path}: .*{said}"):
        prepare(root, cache)


IRREGULAR = {
    "dangling": lambda path: path.symlink_to("absent"),
    "pipe": os.mkfifo,
    "folder": Path.mkdir,
    "foreign": lambda path: path.with_suffix(".heic").touch(),
}


@pytest.mark.parametrize("kind", IRREGULAR)
@pytest.mark.parametrize(
    "names",
    [
        ("test/hole/001.png",),
        ("test/bent/000.png",),
        ("test/good/000.png",),
        ("ground_truth/hole/001_mask.png",),
        ("ground_truth/hole/000_mask.png", "ground_truth/hole/001_mask.png"),
        tuple(f"train/good/00{k}.png" for k in range(3)),
    ],
)
def test_what_is_no_image_has_one_fault_and_nothing_else_is_told_of_it(root, kind, names):
    for name in names:
        (root / "bottle" / name).unlink()
        IRREGULAR[kind](root / "bottle" / name)
    found = scan_category(root / "bottle")
    assert len(found.faults) == len(names)
    assert not found.passed_over


@pytest.mark.parametrize(
    "name", ["test/bent", "test/good", "train/good", "test/hole/day2", "train/good/day2"]
)
def test_a_link_to_a_folder_that_is_away_is_one_fault(root, name):
    place = root / "bottle" / name
    shutil.rmtree(place, ignore_errors=True)
    place.symlink_to(root / "away")
    found = scan_category(root / "bottle")
    assert found.faults == (f"{place}: a link to a file that is not there; replace or remove it",)
    assert not found.passed_over


def test_a_category_that_is_away_is_told_and_a_note_that_is_away_is_not(root, caplog):
    tell.cache_clear()
    (root / "cable").symlink_to(root / "away")
    (root / "bottle/test/hole/notes.txt").symlink_to("away")
    tell_strangers(root)
    assert scan_category(root / "bottle").faults == ()
    (record,) = caplog.records
    assert record.getMessage().startswith(f"note: {root / 'cable'}: a link to a file that is not")


def test_images_that_viewers_turn_are_told_each_time(root, cache, caplog):
    path = root / "bottle/test/hole/001.png"
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    with Image.open(path) as image:
        image.save(path.with_suffix(".jpg"), exif=exif)
    path.unlink()
    for _ in range(2):
        tell.cache_clear()
        caplog.clear()
        prepare(root, cache)
        assert "bottle: 1 image, such as test/hole/001.jpg, would be turned" in caplog.text


def test_an_empty_folder_called_as_an_image_in_the_place_of_a_defect_is_a_fault(root):
    (root / "bottle/test/2.png").mkdir()
    (fault,) = scan_category(root / "bottle").faults
    assert fault.endswith("2.png: a folder, not a file; replace or remove it")


def test_a_name_that_would_break_a_line_is_spelt_out(root, cache):
    (root / "bottle/test/hole/a\nb\x1b.png").write_bytes(b"text")
    with pytest.raises(InputError) as caught:
        prepare(root, cache)
    first, *lines = str(caught.value).splitlines()
    assert "2 faults found" in first
    assert [r"/a\nb\x1b" in line for line in lines] == [True, True]


# Masks that mark nothing, or less than they show


def paint(root, values, *, part=slice(None)):
    path = root / "bottle" / "ground_truth" / "hole" / "001_mask.png"
    mask = np.zeros((20, 24), np.uint8)
    for row, value in enumerate(values):
        mask[4 * row : 4 * row + 4, :6][part] = value
    Image.fromarray(mask).save(path)
    return path


THIN = (slice(None), slice(0, 1))
"""Too thin for labels."""


def test_labels_spread_over_the_grey_levels_mark_and_have_a_digest_of_their_own(root, cache):
    paint(root, (50, 200))
    ref = prepare(root, cache)
    assert load_category(ref).masks[3].sum() == 6 * 4
    paint(root, (255, 255))
    whole = prepare(root, cache)
    np.testing.assert_array_equal(load_category(whole).masks, load_category(ref).masks)
    assert whole.digest == content_digest(
        root / "bottle", scan_category(root / "bottle").paths, cache
    )


def test_an_even_area_below_the_marks_is_a_fault_of_the_rules_that_lose_it(root, cache):
    ramp = 12 * np.arange(20)[:, None] + np.arange(24)
    levels = np.where(np.arange(24) < 6, 60, np.where(np.arange(24) < 8, 0, ramp))
    path = paint(root, (255,))
    Image.fromarray(levels.astype(np.uint8)).save(path)
    fault = f"{path}: an area of level 60 at row 0, column 0 would not be marked"
    with pytest.raises(InputError, match=re.escape(fault)):
        prepare(root, cache)
    assert load_category(prepare(root, cache, rule="any")).masks[3][:, :3].all()


def test_regions_that_became_faint_are_told_each_time(root, cache, caplog):
    path = paint(root, (255,))
    levels = np.array(Image.open(path))
    levels[10, 10:14] = (60, 90, 70, 40)
    Image.fromarray(levels).save(path)
    for rule, told in (("nearest", True), ("nearest", True), ("any", False)):
        tell.cache_clear()
        caplog.clear()
        prepare(root, cache, rule=rule)
        said = "bottle: regions of 1 mask, such as ground_truth/hole/001_mask.png, are not marked"
        assert (said in caplog.text) == told


def test_class_numbers_mark_and_have_a_digest_of_their_own(root, cache):
    files = scan_category(root / "bottle").paths
    paint(root, (1, 2))
    ref = prepare(root, cache)
    # Rows 0 to 7 of 20 and columns 0 to 5 of 24, at 16 px.
    assert load_category(ref).masks[3].sum() == 6 * 4
    digest = content_digest(root / "bottle", files, cache)
    assert ref.digest != digest, "earlier releases found no mark in these files"
    paint(root, (1, 1))
    assert prepare(root, cache).digest == content_digest(root / "bottle", files, cache)


@pytest.mark.parametrize(
    ("values", "rule", "said"),
    [
        ((0, 0), "nearest", r"marks nothing \(all of it is 0, marks begin at 128\)"),
        ((40, 90), "nearest", r"marks nothing \(its levels reach 90 of 255, marks begin at 128\)"),
        ((200, 254), "floor", r"marks nothing \(its levels reach 254 of 255, marks begin at 255\)"),
        ((0, 0), "any", r"marks nothing \(all of it is 0, marks begin at 1\)"),
    ],
)
def test_a_mask_that_marks_nothing_is_a_fault(root, cache, values, rule, said):
    path = paint(root, values, part=THIN)
    with pytest.raises(InputError, match=f"{path}: {said}, but its image is in a defect folder"):
        prepare(root, cache, rule=rule)


def test_faint_marks_count_where_the_rule_takes_any(root, cache):
    paint(root, (40, 90), part=THIN)
    assert load_category(prepare(root, cache, rule="any")).masks[3].any()


def test_marks_that_are_lost_in_resizing_are_told_each_time(root, cache, caplog):
    paint(root, (255,), part=(slice(0, 1), slice(0, 1)))
    for _ in range(2):
        tell.cache_clear()
        caplog.clear()
        assert not load_category(prepare(root, cache, size=4, rule="antialias")).masks[3].any()
        said = "bottle: at 4x4 pixels no mark is left of hole/001, which count as normal"
        assert said in caplog.text


# Depth


def deepen(root, bits):
    for path in list((root / "bottle").rglob("*.png")):
        if "ground_truth" not in path.parts:
            with Image.open(path) as image:
                grey = np.asarray(image.convert("L")).astype(np.uint16)
            Image.fromarray(grey << (bits - 8)).save(path.with_suffix(".tif"))
            path.unlink()


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_a_category_of_deep_images_is_that_of_8_bits(root, cache, bits):
    for path in (root / "bottle").rglob("*.png"):
        with Image.open(path) as image:
            grey = image.convert("L")
        grey.save(path)
    expected = load_category(prepare(root, cache))
    deepen(root, bits)
    ref = prepare(root, cache)
    assert ref.depth == bits
    np.testing.assert_array_equal(load_category(ref).train, expected.train)
    np.testing.assert_array_equal(load_category(ref).test, expected.test)
    files = scan_category(root / "bottle").paths
    plain = content_digest(root / "bottle", files, cache)
    assert (ref.digest == plain) == (bits == 16), "earlier releases read them as nearly black"


def only_good(path):
    for name in ("hole", "bent"):
        shutil.rmtree(path / name)


MASK = "bottle/ground_truth/hole/001_mask.png"
GOOD = "bottle/train/good"
DAMAGE = {
    "missing root": ("", shutil.rmtree, "no such folder; give"),
    "file as root": ("", file_instead, "is not a folder; give"),
    "empty root": ("", empty_folder, "no category in it.*; give"),
    "no category": (
        "",
        lambda root: (root / "bottle").rename(root / "bottles"),
        "no category 'bottle'; did you mean bottles",
    ),
    "no train/good": (GOOD, shutil.rmtree, "no such folder; the training images belong there"),
    "train/ok": (GOOD, lambda path: path.rename(path.with_name("ok")), "belong there, not into ok"),
    "empty train/good": (GOOD, empty_folder, "has no images; the training images belong there"),
    "no test": ("bottle/test", shutil.rmtree, "no such folder; test/good and test/<defect> belong"),
    "no normal test": ("bottle/test/good", shutil.rmtree, "no normal test images"),
    "no defects": ("bottle/test", only_good, "no defect folder with images"),
    "mask missing": (MASK, Path.unlink, "no such mask for hole/001.png"),
    "mask of another size": (MASK, other_size, "10x12 pixels, its image has 24x20; give the mask"),
    "empty mask file": (MASK, empty, r"empty \(0 bytes\); copy it again"),
    "zero bytes": ("bottle/test/hole/001.png", empty, r"empty \(0 bytes\); copy it again"),
    "truncated": ("bottle/train/good/002.png", truncate, "truncated or damaged image"),
}


def sabotage(root, kind):
    """Damage a category; return the path that the message must name."""
    name, damage, _ = DAMAGE[kind]
    damage(root / name)
    return root / name


@pytest.mark.parametrize("kind", DAMAGE)
def test_fault_is_named(root, cache, kind):
    path = sabotage(root, kind)
    with pytest.raises(InputError, match=DAMAGE[kind][2]) as caught:
        prepare(root, cache)
    assert f"{path}: " in str(caught.value)
    assert not list(cache.glob("categories/*"))


def test_all_faults_are_listed_at_once(root, cache):
    kinds = ("mask missing", "truncated", "no normal test")
    paths = [sabotage(root, kind) for kind in kinds]
    with pytest.raises(InputError, match="3 faults found; mend the files listed") as caught:
        prepare(root, cache)
    assert len(str(caught.value).splitlines()) == 4
    assert all(str(path) in str(caught.value) for path in paths)


def test_damage_keeps_what_was_decoded_and_what_is_mended_is_decoded_afresh(root, cache):
    ref = prepare(root, cache)
    path = sabotage(root, "zero bytes")
    with pytest.raises(InputError):
        prepare(root, cache)
    assert len(load_category(ref).train) == 3
    Image.new("RGB", (24, 20)).save(path)
    assert prepare(root, cache).digest != ref.digest


def test_unlike_any_category_lists_those_there(root, cache):
    with pytest.raises(InputError, match="no category 'xyz'; there are bottle"):
        prepare(root, cache, "xyz")


def test_category_given_as_root_is_explained(root, cache):
    with pytest.raises(InputError, match=r"is itself a category.*give its parent"):
        prepare(root / "bottle", cache)


def test_real_bottle(real_data, cache):
    ref = prepare(real_data / "mvtec256", cache)
    assert ref.extent == Extent(209, 83, (256, 256))
    data = load_category(ref)
    assert data.names[0] == "broken_large/000"
    good = np.array([name.startswith("good/") for name in data.names])
    assert good.sum() == 20
    assert not data.masks[good].any()
    assert data.masks[~good].any((1, 2)).mean() > 0.9


def test_native_grey_screw_has_no_training_images(real_data):
    with pytest.raises(InputError, match="no category in it"):
        list_categories(real_data / "mvtec_native")
