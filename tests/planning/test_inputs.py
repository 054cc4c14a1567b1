import dataclasses
import shutil

import numpy as np
import pytest

from bench.data import miniature
from bench.data.cache import NotCached, only_cached
from bench.data.mvtec import load_category
from bench.data.teacher import prepare_teacher
from bench.data.textures import prepare_textures
from bench.planning import inputs
from bench.planning.inputs import Sources, available_categories, prepare_inputs
from destseg.errors import InputError


@pytest.fixture
def sources(shared_cache):
    return Sources(None, None, shared_cache)


@pytest.fixture
def mvtec(tiny):
    return dataclasses.replace(tiny, dataset=dataclasses.replace(tiny.dataset, kind="mvtec"))


def test_the_miniature_has_its_own_categories(tiny, sources):
    assert available_categories(tiny, sources) == miniature.CATEGORIES
    assert len(miniature.CATEGORIES) == 15


def test_mvtec_has_those_of_its_folder(mvtec, mvtec_folder, tmp_path):
    assert available_categories(mvtec, Sources(mvtec_folder, None, tmp_path)) == ("bottle",)


def test_mvtec_needs_a_folder(mvtec, sources):
    with pytest.raises(InputError, match=r"--data: .*add --data DIR"):
        available_categories(mvtec, sources)


def test_the_miniature_is_drawn_once_and_read_as_real_data(tiny_inputs, shared_cache):
    folder = shared_cache / f"miniature-v{miniature.VERSION}-32"
    assert {path.name for path in folder.iterdir()} >= {"bottle", "tile"}
    for category, ref in tiny_inputs.categories.items():
        data = load_category(ref)
        assert ref.category == category
        assert data.train.shape == (ref.train, 32, 32, 3)
        first = miniature.render(category, "train/good", 0, 32)
        np.testing.assert_array_equal(data.train[0], first.image)


def test_inputs_from_the_cache_are_the_same(tiny, tiny_inputs, sources):
    again = prepare_inputs(tiny, ("bottle", "tile"), sources, 1)
    assert again == tiny_inputs


def test_what_is_cached_is_prepared_without_a_worker(
    tiny, tiny_inputs, sources, monkeypatch, capsys
):
    """Workers take seconds to start, and a second run is to be quick."""
    monkeypatch.setattr(inputs, "Parallel", lambda **_: pytest.fail("workers were started"))
    assert prepare_inputs(tiny, ("bottle", "tile"), sources, 2) == tiny_inputs
    assert capsys.readouterr().err == ""


def test_only_what_is_lacking_is_made(tiny, tiny_inputs, sources, capsys):
    ref = tiny_inputs.categories["tile"]
    shutil.rmtree(ref.path)
    assert prepare_inputs(tiny, ("bottle", "tile"), sources, 1) == tiny_inputs
    assert ref.path.is_dir()
    assert "1/1" in capsys.readouterr().err


def test_looking_makes_nothing(tiny, tmp_path):
    prepares = [
        lambda: prepare_textures(None, 32, tmp_path),
        lambda: prepare_teacher("procedural", tmp_path, width=8),
        lambda: inputs.prepare_images(tiny, "tile", Sources(None, None, tmp_path)),
    ]
    with only_cached():
        for prepare in prepares:
            with pytest.raises(NotCached):
                prepare()
    assert list(tmp_path.iterdir()) == []


def test_digests_do_not_depend_on_the_cache(tiny, tiny_inputs, tmp_path):
    fresh = prepare_inputs(tiny, ("tile",), Sources(None, None, tmp_path / "elsewhere"), 1)
    assert fresh.categories["tile"].digest == tiny_inputs.categories["tile"].digest
    assert fresh.textures.digest == tiny_inputs.textures.digest
    assert fresh.teacher.digest == tiny_inputs.teacher.digest


def test_masks_have_the_size_of_the_protocol(mvtec, mvtec_folder, shared_cache):
    """The metrics of 32-pixel images may be measured at 48 pixels."""
    experiment = dataclasses.replace(mvtec, protocol=dataclasses.replace(mvtec.protocol, size=48))
    sources = Sources(mvtec_folder, None, shared_cache)
    data = load_category(prepare_inputs(experiment, ("bottle",), sources, 1).categories["bottle"])
    assert data.test.shape == (6, 32, 32, 3)
    assert data.masks.shape == (6, 48, 48)
    assert data.masks.any(axis=(1, 2)).tolist() == [False] * 3 + [True] * 3
    # Rows 10 to 20 of 40 and columns 8 to 24 of 36.
    assert data.masks[3].sum() == pytest.approx(48 * 48 * (10 / 40) * (16 / 36), rel=0.15)


def test_all_faults_are_told_together(mvtec, mvtec_folder, shared_cache, tmp_path):
    (mvtec_folder / "bottle" / "train" / "good" / "000.png").write_bytes(b"")
    experiment = dataclasses.replace(mvtec, teacher=str(tmp_path / "none.pth"))
    sources = Sources(mvtec_folder, tmp_path / "no textures", shared_cache)
    with pytest.raises(InputError) as caught:
        prepare_inputs(experiment, ("bottle",), sources, 1)
    message = str(caught.value)
    for part in ("none.pth", "no textures", "000.png"):
        assert part in message


def test_fewer_images_than_a_batch_are_refused(mvtec, mvtec_folder, shared_cache):
    training = dataclasses.replace(mvtec.training, batch_size=7)
    experiment = dataclasses.replace(mvtec, training=training)
    with pytest.raises(InputError, match=r"bottle: 6 training images .* one batch of 7; set"):
        prepare_inputs(experiment, ("bottle",), Sources(mvtec_folder, None, shared_cache), 1)


def test_a_miniature_too_small_to_draw_is_refused(tiny, sources):
    experiment = dataclasses.replace(tiny, dataset=dataclasses.replace(tiny.dataset, size=31))
    with pytest.raises(InputError, match=r"dataset\.size is 31; .* 32 pixels at least"):
        prepare_inputs(experiment, ("bottle",), sources, 1)


def test_a_cache_that_cannot_be_written_is_named(tiny, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError) as caught:
        prepare_inputs(tiny, ("bottle",), Sources(None, None, tmp_path / "file"), 1)
    for line in str(caught.value).splitlines():
        assert str(tmp_path / "file") in line
        assert "DESTSEG_BENCH_CACHE" in line
