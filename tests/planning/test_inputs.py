import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.data import cache, miniature
from bench.data.cache import NotCached, only_cached
from bench.data.categories import load_category
from bench.data.kinds import find_kind
from bench.data.teacher import load_backbone, prepare_teacher
from bench.data.textures import load_textures, prepare_textures
from bench.metrics import Protocol
from bench.planning import inputs
from bench.planning.inputs import (
    UNPREPARED,
    RequiredInputs,
    Sources,
    cached_images,
    look_up_inputs,
    prepare_inputs,
)
from destseg.errors import InputError
from destseg.weights import PublishedWeights
from tests.folders import empty, flip, truncate


@pytest.fixture
def sources(shared_cache):
    return Sources(None, None, shared_cache)


@pytest.fixture
def required(weights):
    """What the tiny experiment reads."""
    kind, protocol = find_kind("miniature"), Protocol(name="tiny", size=32, top_t=10)
    return RequiredInputs(kind, 32, protocol, ("bottle", "tile"), {(str(weights), 8): "width"})


@pytest.fixture
def mvtec(required):
    return replace(required, kind=find_kind("mvtec"), categories=("bottle",))


def test_the_miniature_is_drawn_once_and_read_as_real_data(tiny_inputs, shared_cache):
    folder = shared_cache / f"miniature-v{miniature.VERSION}-32"
    assert {path.name for path in folder.iterdir()} >= {"bottle", "tile"}
    for category, ref in tiny_inputs.categories.items():
        data = load_category(ref)
        assert ref.category == category
        assert data.train.shape == (ref.train, 32, 32, 3)
        first = miniature.render(category, "train/good", 0, 32)
        np.testing.assert_array_equal(data.train[0], first.image)


def test_inputs_from_the_cache_are_the_same(required, tiny_inputs, sources):
    assert prepare_inputs(required, sources, 1) == tiny_inputs
    assert look_up_inputs(required, sources) == tiny_inputs
    assert cached_images(required, sources) == tiny_inputs.categories


def test_what_is_cached_is_prepared_without_a_worker(
    required, tiny_inputs, sources, monkeypatch, capsys
):
    """Workers take seconds to start, and a second run is to be quick."""
    monkeypatch.setattr(inputs, "Parallel", lambda **_: pytest.fail("workers were started"))
    assert prepare_inputs(required, sources, 2) == tiny_inputs
    assert capsys.readouterr().err == ""


def test_only_what_is_lacking_is_made(required, tiny_inputs, sources, capsys):
    ref = tiny_inputs.categories["tile"]
    shutil.rmtree(ref.path)
    assert prepare_inputs(required, sources, 1) == tiny_inputs
    assert ref.path.is_dir()
    assert "1/1" in capsys.readouterr().err


def test_several_backbones_are_each_found_by_source_and_width(required, tiny_inputs, tmp_path):
    others = {("untrained", 4): "width", ("untrained", 8): "width"}
    backbones = {**required.backbones, **others}
    several = replace(required, backbones=backbones, categories=("tile",))
    sources = Sources(None, None, tmp_path)
    blank = look_up_inputs(several, sources).backbones
    assert {ref.digest for ref in blank.values()} == {UNPREPARED}
    found = prepare_inputs(several, sources, 1)
    assert list(found.backbones) == list(backbones)
    named = [(ref.name, ref.width) for ref in found.backbones.values()]
    assert named == [("random", 8), ("untrained", 4), ("untrained", 8)]
    assert found.categories["tile"].digest == tiny_inputs.categories["tile"].digest
    assert found.textures.digest == tiny_inputs.textures.digest


def test_without_their_folder_images_are_not_prepared_and_no_fault(mvtec, tiny_inputs, sources):
    found = look_up_inputs(mvtec, sources)
    assert {name: ref.digest for name, ref in found.categories.items()} == {"bottle": UNPREPARED}
    assert found.textures == tiny_inputs.textures
    assert cached_images(mvtec, sources) == {}


def test_looking_makes_nothing(required, tmp_path):
    prepares = [
        lambda: prepare_textures(None, 32, tmp_path),
        lambda: prepare_teacher("procedural", tmp_path, width=8),
        lambda: required.kind.prepare(
            "tile", size=32, protocol=required.protocol, data=None, cache=tmp_path
        ),
    ]
    with only_cached(check=True):
        for prepare in prepares:
            with pytest.raises(NotCached):
                prepare()
    assert list(tmp_path.iterdir()) == []


def test_masks_have_the_size_of_the_protocol(mvtec, mvtec_folder, shared_cache):
    """The metrics of 32-pixel images may be measured at 48 pixels."""
    required = replace(mvtec, protocol=replace(mvtec.protocol, size=48))
    sources = Sources(mvtec_folder, None, shared_cache)
    data = load_category(prepare_inputs(required, sources, 1).categories["bottle"])
    assert data.test.shape == (6, 32, 32, 3)
    assert data.masks.shape == (6, 48, 48)
    assert data.masks.any(axis=(1, 2)).tolist() == [False] * 3 + [True] * 3
    # Rows 10 to 20 of 40 and columns 8 to 24 of 36.
    assert data.masks[3].sum() == pytest.approx(48 * 48 * (10 / 40) * (16 / 36), rel=0.15)


def test_all_faults_are_told_together(mvtec, mvtec_folder, shared_cache, tmp_path):
    (mvtec_folder / "bottle" / "train" / "good" / "000.png").write_bytes(b"")
    required = replace(mvtec, backbones={(str(tmp_path / "none.pth"), 8): "width"})
    sources = Sources(mvtec_folder, tmp_path / "no textures", shared_cache)
    with pytest.raises(InputError) as caught:
        prepare_inputs(required, sources, 1)
    message = str(caught.value)
    for part in ("none.pth", "no textures", "000.png"):
        assert part in message


def test_weights_that_cannot_be_had_are_told_before_images_are_decoded(
    mvtec, mvtec_folder, tmp_path, monkeypatch
):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    nowhere = PublishedWeights("stand-in", "http://127.0.0.1:9/net.pth", "0")
    monkeypatch.setattr("bench.data.teacher.imagenet", lambda: nowhere)
    required = replace(mvtec, backbones={("imagenet", 64): "width"})
    with pytest.raises(InputError, match=r"net.pth: stand-in cannot be obtained .* --teacher"):
        prepare_inputs(required, Sources(mvtec_folder, None, tmp_path / "cache"), 1)
    assert not (tmp_path / "cache").exists()


def test_a_miniature_too_small_to_draw_is_refused(required, sources):
    with pytest.raises(InputError, match=r"dataset\.size is 31; .* 32 pixels at least"):
        prepare_inputs(replace(required, size=31), sources, 1)


def test_a_cache_that_cannot_be_written_is_named_once(required, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError) as caught:
        prepare_inputs(required, Sources(None, None, tmp_path / "file"), 1)
    (line,) = str(caught.value).splitlines()
    assert line.startswith(f"{tmp_path / 'file'}: the cache cannot be written (")
    assert "DESTSEG_BENCH_CACHE" in line


@pytest.fixture
def own(mvtec, mvtec_folder, tmp_path):
    """A small folder prepared in a cache that a test may damage: inputs, and how to prepare."""
    required = replace(mvtec, backbones={("untrained", 4): "width"})
    sources = Sources(mvtec_folder, mvtec_folder / "bottle" / "train", tmp_path / "cache")
    return prepare_inputs(required, sources, 1), lambda: prepare_inputs(required, sources, 1)


def load_all(prepared):
    load_category(prepared.categories["bottle"])
    load_textures(prepared.textures)
    load_backbone(*prepared.backbones.values())


ARRAYS = ("train.npy", "test.npy", "masks.npy", "images.npy")
KEPT = (*ARRAYS, "names.json", "lost.json", "trunk.pth", "seal.json")


@pytest.mark.parametrize("damage", [flip, truncate, empty, Path.unlink])
def test_whatever_is_damaged_in_the_cache_is_never_computed_with(own, tmp_path, damage, capsys):
    """One flipped byte of a mask or a weight moves metrics, and nothing else would tell."""
    prepared, prepare = own
    for name in KEPT:
        for file in (tmp_path / "cache").rglob(name):
            damage(file)
            if file.parent.parent.name != "readings":  # only preparation asks those
                with pytest.raises(InputError, match=f"{file.parent}.*start again"):
                    load_all(prepared)
            assert prepare() == prepared
            assert str(file.parent) in capsys.readouterr().err
            load_all(prepared)


def test_looking_up_reads_no_arrays(own, mvtec, tmp_path, monkeypatch):
    """What computes nothing, such as a plan, need not read gigabytes."""
    known = cache.file_digest

    def only_of_the_source(file):
        assert tmp_path / "cache" not in file.parents, "an array was read"
        return known(file)

    monkeypatch.setattr(cache, "file_digest", only_of_the_source)
    sources = Sources(tmp_path / "mvtec", tmp_path / "mvtec" / "bottle" / "train", tmp_path)
    required = replace(mvtec, backbones={})
    sources = replace(sources, cache=tmp_path / "cache")
    assert look_up_inputs(required, sources).categories == own[0].categories
