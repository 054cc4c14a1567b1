from pathlib import Path

import pytest

from bench.data.pairing import pair_masks

NAMES = ("hole/000", "hole/001")


def pair(root, *masks, names=NAMES, suffix=".png"):
    for mask in masks:
        path = root / "ground_truth" / mask
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    images = [root / "test" / f"{name}{suffix}" for name in names]
    return pair_masks(root / "ground_truth", names, images, normal="good")


def found(root, pairing):
    return [mask and mask.relative_to(root / "ground_truth").as_posix() for mask in pairing.masks]


@pytest.mark.parametrize(
    "pattern",
    ["{}_mask.png", "{}_mask.PNG", "{}_mask.bmp", "{}_mask.tif", "{}.png", "{}.bmp", "{}.JPG"],
)
def test_masks_of_one_name_are_found_whatever_their_suffix(tmp_path, pattern):
    masks = [f"hole/{pattern.format(stem)}" for stem in ("000", "001")]
    pairing = pair(tmp_path, *masks, names=("good/000", *NAMES), suffix=".JPG")
    assert found(tmp_path, pairing) == [None, *masks]
    assert pairing.faults == pairing.passed_over == ()


def test_mvtecs_name_goes_before_others(tmp_path):
    pairing = pair(tmp_path, *(f"hole/00{k}{end}.png" for k in (0, 1) for end in ("", "_mask")))
    assert found(tmp_path, pairing) == ["hole/000_mask.png", "hole/001_mask.png"]
    (told,) = pairing.passed_over
    assert "hole: passed over, 2 masks of no image, such as 000.png" in told


def test_nothing_is_chosen_between_two(tmp_path):
    pairing = pair(
        tmp_path, "hole/000_mask.png", "hole/000_mask.bmp", "hole/001.png", "hole/001.tif"
    )
    assert [fault.partition(": ")[2] for fault in pairing.faults] == [
        "has two masks, 000_mask.bmp and 000_mask.png; remove one",
        "has two masks, 001.png and 001.tif; remove one",
    ]


def test_masks_of_a_defect_without_images_are_told(tmp_path):
    pairing = pair(tmp_path, *(f"{name}.png" for name in NAMES), "bent/000.png", "good/000.png")
    folder = tmp_path / "ground_truth" / "bent"
    assert pairing.passed_over == (f"{folder}: passed over, 1 mask of no image, such as 000.png",)


def test_what_lies_there_instead_is_named(tmp_path):
    pairing = pair(tmp_path, "hole/000_gt.png", "hole/001_mask.png")
    (fault,) = pairing.faults
    assert fault.endswith(
        "hole/000_mask.png: no such mask for hole/000.png; there is 000_gt.png, "
        "call it 000_mask.png"
    )


def test_a_folder_without_masks_is_one_fault_that_says_what_normal_images_are_in(tmp_path):
    names = ("ok/000", "ok/001", "ko/000")
    pairing = pair(tmp_path, "ko/000.png", names=names)
    (fault,) = pairing.faults
    assert "ok: no masks for the 2 images of test/ok; add them, or call that folder good" in fault


def test_two_images_of_one_name_are_a_fault_also_among_normal_ones(tmp_path):
    first, second = tmp_path / "000.png", tmp_path / "000.jpg"
    pairing = pair_masks(tmp_path / "none", ("good/0", "good/0"), (first, second), normal="good")
    assert pairing.faults == (f"{first} and {second}: one name for two images; rename one",)


def test_one_mask_of_two_images_is_a_fault(tmp_path):
    pairing = pair(tmp_path, "hole/a_mask.png", names=("hole/a", "hole/a_mask"))
    (fault,) = pairing.faults
    assert fault.endswith("a_mask.png: the mask of hole/a and hole/a_mask; give each image its own")


@pytest.mark.parametrize("mask", ["hole/day2/000_mask.png", "hole/000_mask.png"])
def test_images_in_a_subfolder_have_masks_in_the_same_or_in_the_defects_folder(tmp_path, mask):
    assert found(tmp_path, pair(tmp_path, mask, names=("hole/day2/000",))) == [mask]


def test_accents_may_be_one_character_or_two(tmp_path):
    pairing = pair(tmp_path, "ma\u0308rz/e\u0301_mask.png", names=("m\u00e4rz/\u00e9",))
    assert pairing.masks == (tmp_path / "ground_truth" / "ma\u0308rz" / "e\u0301_mask.png",)


def test_a_mask_that_is_no_file_is_a_fault(tmp_path):
    (tmp_path / "ground_truth" / "hole").mkdir(parents=True)
    (tmp_path / "ground_truth" / "hole" / "000_mask.png").symlink_to(Path("000_mask.png"))
    (fault,) = pair(tmp_path, "hole/001_mask.png").faults
    assert "a link to itself" in fault
