import pickle
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from PIL import Image

from bench.data import miniature
from bench.data.categories import CategoryRef
from bench.data.kinds import all_kinds, find_kind, folder_origin
from bench.data.layout import scan_category
from destseg.config import Rotation
from destseg.errors import InputError

MVTEC = find_kind("mvtec")


def original(*names):
    """The references that MVTec AD itself would have."""
    extents = {name: MVTEC.published[name] for name in names or MVTEC.categories}
    return {
        name: CategoryRef(name, Path(), "", *extent.counts, extent.native)
        for name, extent in extents.items()
    }


def test_kinds_are_found_by_being_there_and_without_torch():
    assert set(all_kinds()) == {"development", "miniature", "mvtec"}
    code = "import sys, bench.data.kinds as k; k.all_kinds(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("kind", all_kinds().values(), ids=all_kinds())
def test_every_kind_is_complete(kind):
    assert kind is find_kind(kind.name)
    assert set(kind.published) <= set(kind.categories)
    assert all(isinstance(kind.rotation(name), Rotation) for name in kind.categories)
    experiments = Path(__file__).parents[2] / "experiments"
    assert (experiments / f"{kind.default_experiment}.toml").is_file()


def test_a_worker_gets_the_same_kind():
    assert pickle.loads(pickle.dumps(MVTEC)) is MVTEC


def test_an_unknown_kind_is_refused_by_name():
    with pytest.raises(
        InputError, match=r"dataset.kind is 'visa'; there are development, miniature, mvtec"
    ):
        find_kind("visa")


def test_what_is_drawn_has_its_own_categories():
    for name in ("development", "miniature"):
        assert find_kind(name).available(None) == miniature.CATEGORIES
    assert len(miniature.CATEGORIES) == 15


def test_no_development_draw_is_in_the_miniature(tmp_path, monkeypatch):
    write = partial(miniature.write, train=2, good=1, per_defect=1)
    monkeypatch.setattr(miniature, "write", write)
    images = {}
    for name in ("development", "miniature"):
        root = find_kind(name).generate(tmp_path, "wood", 32)
        images[name] = {path.read_bytes() for path in root.glob("wood/*/*/*.png")}
        assert len(list(root.glob("wood/train/good/*.png"))) == 2
    assert len(images["development"]) == len(images["miniature"])
    assert not images["development"] & images["miniature"]


def test_development_draws_are_never_called_the_miniature(tiny_inputs):
    origin = find_kind("development").origin(tiny_inputs.categories)
    assert (origin.name, origin.standing) == ("development", "own")
    assert origin.title == "the miniature's development draws v3"


def test_mvtec_has_those_of_its_folder(mvtec_folder):
    assert MVTEC.available(mvtec_folder) == ("bottle",)
    with pytest.raises(InputError, match=r"--data: .*add --data DIR"):
        MVTEC.available(None)


def test_rotations_are_the_papers():
    assert MVTEC.rotation("pill") == Rotation()
    assert MVTEC.rotation("zipper") == Rotation(quarter_turns=False, degrees=5.0)
    assert MVTEC.rotation("bottle") == Rotation(quarter_turns=True, degrees=5.0)
    assert MVTEC.rotation("something else") == Rotation()
    rotations = [MVTEC.rotation(category) for category in MVTEC.categories]
    assert sum(rotation.quarter_turns for rotation in rotations) == 7
    assert sum(rotation.degrees > 0 for rotation in rotations) == 10


# What images are


def test_the_original_is_told_by_names_numbers_and_sizes():
    for categories in (original(), original("bottle", "tile")):
        origin = MVTEC.origin(categories)
        assert (origin.name, origin.title, origin.standing) == ("mvtec", "MVTec AD", "original")
        assert folder_origin(categories) == origin


@pytest.mark.parametrize("native", [(256, 256), (900, 901), (1024, 1024), None])
def test_a_resized_copy_is_not_the_original(native):
    bottle = replace(original()["bottle"], native=native)
    categories = {**original("tile"), "bottle": bottle}
    for origin in (MVTEC.origin(categories), folder_origin(categories)):
        assert (origin.name, origin.title) == ("folder", "a resized copy of MVTec AD")
        assert origin.standing == "resized"


@pytest.mark.parametrize("change", [{"train": 208}, {"test": 84}])
def test_other_numbers_are_own_images(change):
    categories = {**original("tile"), "bottle": replace(original()["bottle"], **change)}
    assert MVTEC.origin(categories).title == "a folder of own images"


def test_other_names_are_own_images(mvtec_folder):
    files = scan_category(mvtec_folder / "bottle")
    for name in ("bottle", "screws"):
        origin = folder_origin({name: files})
        assert (origin.name, origin.standing) == ("folder", "own")


def test_the_miniature_is_always_itself(tiny_inputs):
    origin = find_kind("miniature").origin(tiny_inputs.categories)
    assert (origin.name, origin.title) == ("miniature", "the embedded miniature v3")
    assert origin.standing == "own"


def test_sizes_are_those_of_the_first_images(mvtec_folder):
    folder = mvtec_folder / "bottle"
    assert scan_category(folder).extent.native == (40, 36)
    Image.new("RGB", (8, 8)).save(folder / "test" / "good" / "000.png")
    assert scan_category(folder).extent.native is None


def test_a_real_resized_copy(real_data):
    files = scan_category(real_data / "mvtec256" / "bottle")
    assert folder_origin({"bottle": files}).title == "a resized copy of MVTec AD"
