import shutil

import numpy as np
import pytest
from PIL import Image

from destseg.application.parts import normal_files, read_images
from destseg.errors import InputError
from destseg.images import read_rgb


@pytest.fixture
def parts(tmp_path):
    """Three parts in MVTec AD's layout."""
    folder = tmp_path / "parts"
    (folder / "train" / "good").mkdir(parents=True)
    for index in range(3):
        pixels = np.random.default_rng(index).integers(80, 120, (40, 32, 3), np.uint8)
        Image.fromarray(pixels).save(folder / "train" / "good" / f"{index}.png")
    return folder


def test_all_are_read_as_one_alone(parts):
    files = normal_files(parts)
    images, depth = read_images(files, 24, "")
    assert depth is None
    assert np.array_equal(images, [read_rgb(file, 24) for file in files])


def test_hidden_folders_are_not_trained_on_and_subfolders_are(parts):
    folder = parts / "train" / "good"
    known, _ = read_images(normal_files(folder), 32, "")
    for name, count in ((".ipynb_checkpoints", 0), ("__MACOSX", 0), ("day2", 1)):
        (folder / name).mkdir()
        shutil.copy(next(folder.glob("*.png")), folder / name / "new.png")
        images, _ = read_images(normal_files(folder), 32, "")
        assert len(images) == len(known) + count


def test_all_damaged_images_are_named(parts):
    for name in ("a.png", "b.png"):
        (parts / "train" / "good" / name).write_bytes(b"damaged")
    with pytest.raises(InputError) as caught:
        read_images(normal_files(parts), 32, "damaged")
    assert "a.png" in str(caught.value)
    assert "b.png" in str(caught.value)


def test_parts_too_small_to_show_anything_are_refused(parts):
    small = parts / "train" / "good" / "small.png"
    Image.new("RGB", (40, 31)).save(small)
    with pytest.raises(InputError, match="40 x 31 pixels; the smallest useful part has 32 x 32"):
        read_images(normal_files(parts), 64, "parts", least=32)
    assert len(read_images(normal_files(parts), 64, "textures")[0]) == 4
