"""The images of a training: which they are, and what they must be."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from destseg.errors import InputError, input_faults
from destseg.folders import image_files, images_below, require_folder
from destseg.images import bit_depth, read_rgb, resize_rgb

SMALLEST = 32
"""Pixels of a part's side: two cells of the teacher's coarsest level, and at 256 px eight times
enlarged."""

FOLDER = "give a folder that has some"


def normal_folder(data: Path) -> Path:
    """Return the folder of normal images: ``train/good`` below ``data``, or ``data`` itself."""
    require_folder(data, "give one with train/good, or of images")
    good = data / "train" / "good"
    if good.is_dir():
        return good
    if not image_files(data):
        raise InputError(f"{data}: neither has a folder train/good nor images; give one that has.")
    return data


def normal_files(data: Path) -> list[Path]:
    """List the normal images of a folder as `normal_folder` finds it, with those below it."""
    return images_below(normal_folder(data), FOLDER, own=True)


def too_small(file: Path | None, image: NDArray[np.uint8], least: int = SMALLEST) -> str:
    """Say that an image, (H, W, 3), has too few pixels to show anything."""
    height, width = image.shape[:2]
    return (
        f"{file}: {width} x {height} pixels; the smallest useful part has {least} x {least}: give "
        "the original, not a thumbnail"
    )


def read_images(
    files: Sequence[Path], size: int, where: str, *, least: int = 1
) -> tuple[NDArray[np.uint8], int | None]:
    """Read all images of a folder.

    Parameters
    ----------
    files : sequence of Path
        At least one.
    size : int
        Side of the square that each is resized to.
    where : str
        The folder, for what is said of faults.
    least : int
        Pixels that each side of an image must have.

    Returns
    -------
    images : ndarray
        (N, size, size, 3) uint8.
    depth : int or None
        The bits of those that are stored with 16, see `destseg.images.bit_depth`.

    Raises
    ------
    InputError
        With all that cannot be read or are too small.
    """
    images, faults = [], []
    depth = bit_depth(files)
    for file in files:
        try:
            image = read_rgb(file, None, depth=depth)
        except InputError as error:
            faults.append(str(error))
            continue
        if min(image.shape[:2]) < least:
            faults.append(too_small(file, image, least))
        images.append(resize_rgb(image, size))
    if faults:
        raise input_faults(where, faults)
    return np.stack(images), depth
