import functools
import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from bench.data import miniature
from bench.data.miniature import CATEGORIES, DEFECTS, Sample, render, sheet, write
from bench.data.miniature.camera import Camera, Play
from bench.data.miniature.defects import Flaw
from bench.data.miniature.masks import SHARE, VISIBLE, contrast, difference, outline
from bench.data.miniature.shapes import GLYPHS

ALL_SPLITS = [
    (category, split)
    for category in CATEGORIES
    for split in ("train/good", "test/good", *(f"test/{defect}" for defect in DEFECTS[category]))
]
DEFECTIVE = [(category, split) for category, split in ALL_SPLITS if not split.endswith("/good")]


def test_the_categories_are_those_of_mvtec_ad_in_order():
    assert len(CATEGORIES) == 15
    assert list(CATEGORIES) == sorted(CATEGORIES)
    assert set(DEFECTS) == set(CATEGORIES)
    for defects in DEFECTS.values():
        assert len(defects) >= 3
        assert list(defects) == sorted(set(defects))
        assert "good" not in defects


def specks(mask):
    """Islands and holes of a mask that are too small for a person to have drawn."""
    kinds = []
    for region in (mask, ~mask):
        islands, count = ndimage.label(region, np.ones((3, 3)))
        areas = np.bincount(islands.ravel(), minlength=count + 1)[1:]
        kinds += [int(area) for area in areas if area < 0.0015 * mask.size]
    return kinds


@pytest.mark.parametrize(("category", "split"), ALL_SPLITS)
def test_every_split_renders_with_a_mask_exactly_where_it_is_defective(category, split):
    sample = render(category, split, 0, 64)
    assert sample.image.shape == (64, 64, 3)
    assert sample.image.dtype == np.uint8
    assert sample.mask.shape == (64, 64)
    assert sample.mask.dtype == np.bool_
    assert sample.mask.any() == (not split.endswith("/good"))
    assert sample.mask.mean() < 0.6
    assert not specks(sample.mask)
    assert sample.image.std() > 8


@pytest.mark.parametrize(("category", "split"), DEFECTIVE)
def test_a_defect_is_visible_at_every_size_and_at_the_same_place(category, split):
    small, large = (render(category, split, 3, size).mask for size in (32, 64))
    shrunk = large.reshape(32, 2, 32, 2).mean(axis=(1, 3)) >= 0.5
    overlap = np.logical_and(small, shrunk).sum() / np.logical_or(small, shrunk).sum()
    assert overlap > 0.5


@pytest.mark.parametrize("size", [33, 96])
@pytest.mark.parametrize("category", CATEGORIES)
def test_any_size_can_be_rendered(category, size):
    sample = render(category, f"test/{DEFECTS[category][-1]}", 1, size)
    assert sample.image.shape == (size, size, 3)
    assert sample.mask.any()


def test_a_sample_does_not_depend_on_what_was_rendered_before():
    first = render("screw", "test/thread_side", 2, 64)
    for category in CATEGORIES[:3]:
        render(category, "train/good", 7, 64)
    np.random.default_rng(0).random(9)
    again = render("screw", "test/thread_side", 2, 64)
    np.testing.assert_array_equal(first.image, again.image)
    np.testing.assert_array_equal(first.mask, again.mask)


def test_a_sample_is_the_same_in_another_process():
    # Python's own hash() of a string differs between processes; no seed may come from it.
    code = (
        "import json; from bench.data.miniature import render;"
        "s = render('zipper', 'test/broken_teeth', 0, 32);"
        "print(json.dumps([s.image.tolist(), s.mask.tolist()]))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    image, mask = json.loads(done.stdout)
    here = render("zipper", "test/broken_teeth", 0, 32)
    np.testing.assert_array_equal(here.image, image)
    np.testing.assert_array_equal(here.mask, mask)


@pytest.mark.parametrize("category", CATEGORIES)
def test_no_good_sample_is_nearly_a_training_image(category):
    # What makes comparing raw pixels with the training images fail, as on photographs.
    train = [render(category, "train/good", index, 64).image.astype(float) for index in range(8)]
    nearest = [
        min(
            np.abs(render(category, "test/good", index, 64).image - image).mean() for image in train
        )
        for index in range(3)
    ]
    assert np.mean(nearest) > 8


@functools.cache
def look(name, indices):
    """Mean colours and variation per position: blind to texture and small turns."""
    images = [render(name, "train/good", index, 32).image.astype(float) for index in indices]
    blocks = np.reshape(images, (-1, 4, 8, 4, 8, 3))
    spread = blocks.std(axis=(2, 4)).mean(axis=0)
    return np.concatenate([blocks.mean(axis=(0, 2, 4)).ravel(), spread.ravel()])


@pytest.mark.parametrize("category", CATEGORIES)
def test_a_category_resembles_itself_more_than_any_other(category):
    own = look(category, range(8, 16))
    nearest = min(CATEGORIES, key=lambda name: np.abs(look(name, range(8)) - own).mean())
    assert nearest == category


@pytest.mark.parametrize(("category", "split"), DEFECTIVE)
def test_the_mask_is_where_the_picture_differs_from_the_one_without_the_defect(
    category, split, monkeypatch
):
    pictures = {}
    draw = miniature.sample._picture

    def keep(name, seed, flaw, size):
        pictures[flaw.kind] = draw(name, seed, flaw, size)
        return pictures[flaw.kind]

    monkeypatch.setattr(miniature.sample, "_picture", keep)
    sample = render(category, split, 5, 64)
    (good, _), (bad, blamed) = pictures["good"], pictures[split.partition("/")[2]]
    np.testing.assert_array_equal(sample.image, bad)
    gap = contrast(good, bad)
    np.testing.assert_array_equal(
        sample.mask, outline(difference(gap) if blamed is None else blamed)
    )
    # The camera is the same for both: far from the defect not a bit differs.
    far = ~ndimage.binary_dilation(sample.mask, iterations=8)
    assert gap[far].sum() <= 0.1 * gap.sum()
    assert gap[sample.mask].sum() > 0.5 * gap.sum()


def test_the_difference_has_no_overflow_and_strict_thresholds():
    first, second = np.zeros((1, 4, 3), np.uint8), np.zeros((1, 4, 3), np.uint8)
    second[0, :, 1] = VISIBLE, VISIBLE + 1, 0, 0
    assert difference(contrast(first, second)).tolist() == [[False, True, False, False]]
    first[0, 2, 1], second[0, 3, 2] = 255, int(SHARE * 255)
    gap = contrast(first, second)
    assert gap.tolist() == [[VISIBLE, VISIBLE + 1, 255, 51]]
    assert difference(gap).tolist() == [[False, False, True, False]]


@pytest.mark.parametrize("side", [64, 128])
def test_an_outline_bridges_gaps_fills_holes_and_drops_specks(side):
    unit = side // 64
    marked = np.zeros((64, 64), bool)
    marked[20:30, 10:20] = marked[20:30, 23:33] = True  # three pixels apart
    marked[23:26, 13:16] = False
    marked[50, 50] = marked[5, 0] = True
    expected = np.zeros_like(marked)
    expected[20:30, 10:33] = True
    got = outline(marked.repeat(unit, 0).repeat(unit, 1))
    wrong = got ^ expected.repeat(unit, 0).repeat(unit, 1)
    # Closing leaves a notch at each end of the gap.
    assert wrong.sum() <= 12 * unit**2
    assert got[24 * unit : 26 * unit, 10 * unit : 33 * unit].all()
    assert not got[40 * unit :].any()
    assert not got[: 15 * unit].any()


def test_an_outline_keeps_a_lone_speck():
    marked = np.zeros((64, 64), bool)
    assert not outline(marked).any()
    marked[7, 9] = True
    np.testing.assert_array_equal(outline(marked), marked)


def test_the_camera_adds_noise_alone_from_its_generator():
    camera = Camera.drawn(np.random.default_rng(3), Play(0.1, 0.2, (0.9, 1.1)))
    assert max(map(abs, camera.at)) <= 0.1
    assert abs(camera.angle) <= 0.2
    assert 0.9 <= camera.scale <= 1.1
    grey = np.full((3, 64, 64), 0.5, np.float32)
    first, second = (camera.expose(grey, np.random.default_rng(seed)) for seed in (0, 1))
    assert first.shape == (64, 64, 3)
    assert first.dtype == np.uint8
    assert 0 < np.abs(first.astype(int) - second).mean() < 6
    assert np.abs(first.mean((0, 1)) - second.mean((0, 1))).max() < 0.5


@pytest.mark.parametrize("category", CATEGORIES)
def test_defects_are_small_but_not_tiny_on_average(category):
    areas = [
        render(category, f"test/{defect}", index, 64).mask.mean()
        for defect in DEFECTS[category]
        for index in range(2)
    ]
    assert 0.006 < np.mean(areas) < 0.25
    assert min(areas) >= 0.003


def test_a_defect_too_faint_to_see_is_drawn_again(monkeypatch):
    attempts = []
    draw = miniature.sample._picture

    def faint_at_first(name, seed, flaw, size):
        attempts.extend([flaw.kind] * (flaw.kind != "good"))
        hidden = len(attempts) < 3
        return draw(name, seed, Flaw("good", flaw.rng, 0, 1) if hidden else flaw, size)

    monkeypatch.setattr(miniature.sample, "_picture", faint_at_first)
    assert render("wood", "test/hole", 0, 64).mask.any()
    assert attempts == ["hole"] * 3


@pytest.mark.parametrize(
    ("category", "split", "index", "size", "named"),
    [
        ("teapot", "train/good", 0, 64, "teapot"),
        ("wood", "train/hole", 0, 64, "train/hole"),
        ("wood", "test/bent", 0, 64, "test/bent"),
        ("wood", "test/good", -1, 64, "-1"),
        ("wood", "test/good", 0, 16, "16"),
    ],
)
def test_an_unknown_sample_is_refused_by_name(category, split, index, size, named):
    with pytest.raises(ValueError, match=named):
        render(category, split, index, size)


def test_write_makes_the_layout_of_mvtec_ad(tmp_path):
    root = tmp_path / "data" / "miniature"
    write(root, 40, "bottle", train=3, good=2, per_defect=2)
    files = {str(path.relative_to(root)) for path in root.rglob("*.png")}
    expected = {f"bottle/train/good/{index:03d}.png" for index in range(3)}
    expected |= {f"bottle/test/good/{index:03d}.png" for index in range(2)}
    for defect in DEFECTS["bottle"]:
        for index in range(2):
            expected.add(f"bottle/test/{defect}/{index:03d}.png")
            expected.add(f"bottle/ground_truth/{defect}/{index:03d}_mask.png")
    assert files == expected
    assert [path.name for path in root.iterdir()] == ["bottle"]

    sample = render("bottle", "test/contamination", 1, 40)
    with Image.open(root / "bottle/test/contamination/001.png") as image:
        assert image.mode == "RGB"
        np.testing.assert_array_equal(np.asarray(image), sample.image)
    with Image.open(root / "bottle/ground_truth/contamination/001_mask.png") as mask:
        assert mask.mode == "L"
        np.testing.assert_array_equal(np.asarray(mask), np.where(sample.mask, 255, 0))


def test_write_numbers_samples_from_any_first_one(tmp_path):
    write(tmp_path, 40, "wood", first=1000, train=1, good=1, per_defect=1)
    assert len(list(tmp_path.rglob("1000*.png"))) == len(list(tmp_path.rglob("*.png"))) == 10
    with Image.open(tmp_path / "wood/test/hole/1000.png") as image:
        np.testing.assert_array_equal(
            np.asarray(image), render("wood", "test/hole", 1000, 40).image
        )


def test_write_leaves_an_existing_category_alone(tmp_path):
    write(tmp_path, 40, "wood", train=1, good=1, per_defect=1)
    before = (tmp_path / "wood").stat()
    write(tmp_path, 40, "wood", train=2, good=1, per_defect=1)
    assert (tmp_path / "wood").stat() == before
    assert len(list((tmp_path / "wood" / "train" / "good").iterdir())) == 1


def test_the_contact_sheet_is_a_picture_of_all_categories(tmp_path, monkeypatch):
    monkeypatch.setattr(sheet, "_TILE", 32)
    asked = set()

    def blank(category, split, index, size):
        asked.add((category, split))
        mask = np.zeros((size, size), bool)
        mask[9:20, 9:20] = True
        return Sample(np.full((size, size, 3), 128, np.uint8), mask)

    monkeypatch.setattr(sheet, "render", blank)
    path = tmp_path / "docs" / "sheet.png"
    sheet.contact_sheet(path)
    with Image.open(path) as image:
        assert image.mode == "RGB"
        colors = {color for _, color in image.getcolors(1 << 20)}
        assert {(255, 255, 255), (132, 132, 132)} < colors
    assert asked == {(c, s) for c, s in ALL_SPLITS if s != "train/good"}


def test_every_letter_of_an_imprint_fits_its_box():
    for strokes in GLYPHS.values():
        assert all(0 <= x <= 1 and 0 <= y <= 1 for stroke in strokes for x, y in stroke)
