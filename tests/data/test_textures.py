import numpy as np
import pytest
from PIL import Image

from bench.data.textures import (
    CROPS,
    PHOTOGRAPHS,
    embedded_textures,
    load_textures,
    prepare_textures,
)
from destseg.errors import InputError
from destseg.procedural import FAMILIES, colour, draw
from destseg.textures import VARIATIONS, procedural_texture


@pytest.fixture(scope="module")
def embedded(tmp_path_factory):
    cache = tmp_path_factory.mktemp("cache")
    return embedded_textures(48, cache), prepare_textures(None, 48, cache)


@pytest.mark.parametrize("family", FAMILIES)
def test_pattern_is_in_range_and_seeded(family):
    def pattern(seed):
        rng = np.random.default_rng(seed)
        return draw(rng, family, 32, np.array([3.0, 6.0, 12.0]), np.array([0.0, 1.0, 2.0]))

    first = pattern(1)
    assert first.shape == (3, 32, 32)
    assert first.dtype == np.float32
    assert 0 <= first.min() <= first.max() <= 1
    assert first.std((1, 2)).min() > 0.05
    np.testing.assert_array_equal(first, pattern(1))
    assert (first != pattern(2)).any()


@pytest.mark.parametrize("family", FAMILIES)
def test_pattern_does_not_depend_on_the_size(family):
    """Halving a fine drawing gives about the coarse one."""

    def pattern(size):
        rng = np.random.default_rng(3)
        return draw(rng, family, size, np.array([3.0]), np.array([0.4]))[0]

    halved = pattern(128).reshape(64, 2, 64, 2).mean((1, 3))
    assert np.corrcoef(halved.ravel(), pattern(64).ravel())[0, 1] > 0.95


def test_frequency_and_angle_are_obeyed():
    rng = np.random.default_rng(0)
    upright, lying = draw(rng, "stripes", 64, np.array([8.0, 8.0]), np.array([0.0, np.pi / 2]))
    assert np.ptp(upright, axis=0).max() < 1e-3
    assert np.ptp(lying, axis=1).max() < 1e-3
    spectrum = np.abs(np.fft.rfft(upright[0] - upright[0].mean()))
    assert spectrum.argmax() == 8


def test_colours_have_the_wanted_contrast():
    pattern = np.tile(np.linspace(0, 1, 16, dtype=np.float32), (200, 16, 1))

    def spread(contrast):
        painted = colour(np.random.default_rng(0), pattern, contrast=contrast)
        assert painted.shape == (200, 16, 16, 3)
        assert 0 <= painted.min() <= painted.max() <= 1
        return np.ptp(painted.mean(-1), axis=(1, 2)).mean()

    assert spread((0.6, 0.7)) > spread((0.0, 0.1)) + 0.3


def test_embedded_set_is_complete_and_varied(embedded):
    folder, ref = embedded
    assert ref.count == VARIATIONS * len(FAMILIES) + CROPS * len(PHOTOGRAPHS)
    images = load_textures(ref)
    assert isinstance(images, np.memmap)
    assert images.dtype == np.uint8
    assert images.shape == (ref.count, 48, 48, 3)
    assert images.std((1, 2, 3)).min() > 4
    assert len({image.tobytes() for image in images}) == ref.count
    drawn, cut = (sorted((folder / name).glob("*.png")) for name in ("procedural", "photographs"))
    assert (len(drawn), len(cut)) == (VARIATIONS * len(FAMILIES), CROPS * len(PHOTOGRAPHS))
    expected = procedural_texture(20, 48)
    with Image.open(drawn[20]) as image:
        np.testing.assert_array_equal(np.asarray(image), expected)
    np.testing.assert_array_equal(images[len(cut) + 20], expected)


def test_embedded_set_is_written_once(embedded, monkeypatch):
    folder, ref = embedded
    monkeypatch.setattr("bench.data.textures.procedural_texture", None)
    monkeypatch.setattr("bench.data.textures.read_rgb", None)
    assert prepare_textures(None, 48, folder.parents[1]) == ref


def texture_folder(root):
    for index, name in enumerate(("zigzag/b.jpg", "banded/a.png", "banded/deep/c.tif", "x.png")):
        path = root / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (30 + index, 20), (60 * index, 0, 0)).save(path)
    (root / "images" / "banded" / ".directory.png").touch()
    (root / "labels.txt").touch()
    return root


def test_folder_is_read_in_the_order_of_paths(tmp_path, cache):
    ref = prepare_textures(texture_folder(tmp_path / "dtd"), 8, cache)
    images = load_textures(ref)
    assert ref.count == 4
    assert images.shape == (4, 8, 8, 3)
    # banded/a.png, banded/deep/c.tif, x.png, zigzag/b.jpg
    assert images[:3, 0, 0, 0].tolist() == [60, 120, 180]
    assert images[3].max() <= 3


def test_digest_is_independent_of_the_folder(tmp_path, cache):
    first = prepare_textures(texture_folder(tmp_path / "one"), 8, cache)
    assert prepare_textures(texture_folder(tmp_path / "two"), 8, cache) == first
    larger = prepare_textures(tmp_path / "one", 9, cache)
    assert larger.digest == first.digest
    assert larger.path != first.path


def test_folder_without_images(tmp_path, cache):
    (tmp_path / "readme.txt").touch()
    with pytest.raises(InputError, match="no images in it; give a folder of texture images"):
        prepare_textures(tmp_path, 8, cache)


def test_a_folder_that_is_missing_names_the_option(tmp_path, cache):
    with pytest.raises(InputError, match="nosuch: no such folder; give --textures a folder of im"):
        prepare_textures(tmp_path / "nosuch", 8, cache)


def test_damaged_images_are_listed(tmp_path, cache):
    root = texture_folder(tmp_path / "dtd")
    (root / "images" / "x.png").write_bytes(b"")
    (root / "images" / "banded" / "a.png").write_bytes(b"<html>")
    with pytest.raises(InputError, match="2 faults found; mend") as caught:
        prepare_textures(root, 8, cache)
    assert "a.png: not an image" in str(caught.value)
    assert "x.png: the file is empty" in str(caught.value)
    assert not list(cache.glob("textures/*"))


def test_real_textures(real_data, cache):
    ref = prepare_textures(real_data / "dtd72", 16, cache)
    assert ref.count == 47 * 24
    assert load_textures(ref).std((1, 2, 3)).min() > 0
