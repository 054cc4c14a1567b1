"""Folders of small images in MVTec AD's layout, archives, and what can happen to files."""

import io
import shutil
import tarfile

import numpy as np
from PIL import Image


def write_category(folder, shape, train, tests, mask=(10, 20, 8, 24)):
    """Write a category of noise; each mask is a row higher than the one before.

    ``tests`` gives the number of images of each folder, ``mask`` the first rows and columns.
    """
    rng = np.random.default_rng(0)
    top, bottom, left, right = mask
    for place, count in {"train/good": train, **{f"test/{k}": n for k, n in tests.items()}}.items():
        kind = place.partition("/")[2]
        for index in range(count):
            pixels = rng.integers(0, 256, (*shape, 3), np.uint8)
            save(folder / place / f"{index:03d}.png", pixels)
            if kind != "good":
                truth = np.zeros(shape, np.uint8)
                truth[top : bottom + index, left:right] = 255
                save(folder / "ground_truth" / kind / f"{index:03d}_mask.png", truth)


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def flip(path):
    """Flip a bit in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def truncate(path):
    path.write_bytes(path.read_bytes()[:-40])


def empty(path):
    path.write_bytes(b"")


def empty_folder(path):
    shutil.rmtree(path)
    path.mkdir()


def file_instead(path):
    shutil.rmtree(path)
    path.touch()


def other_size(path):
    Image.new("L", (10, 12), 255).save(path)


def write_tar(path, files=(), members=(), mode="w:xz"):
    """Write an archive of files, by name, then of members as they are."""
    with tarfile.open(path, mode) as tar:
        for name, content in dict(files).items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        for member in members:
            tar.addfile(member, io.BytesIO(b"evil"[: member.size]))
    return path
