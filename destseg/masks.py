"""Ground truth masks from files: grey levels, class numbers or colours."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from destseg.errors import InputError
from destseg.images import decode, flatten, is_deep
from destseg.labels import dark_labels, find_labels

CLASS_NUMBERS = 31
"""Masks of no larger values hold class numbers, as labelling tools export them."""

HALF = 128
"""What a grey level must reach to mark a pixel, unless a protocol has another rule."""

TINT = 32
"""Differences between channels that are no colour yet, such as those that JPEG leaves."""

COLOURS = 32
"""A mask of no more colours is painted in colours of classes."""


class Mask(NamedTuple):
    """A decoded mask."""

    levels: NDArray[np.uint8]
    """As `read_mask` returns them."""
    labels: bool
    """Whether more is marked than its grey levels do: classes, colours."""


def read_mask(path: Path) -> NDArray[np.uint8]:
    """Read a ground truth mask as 8-bit grey at its own size.

    A mask with a single value besides 0 marks anomalies with that value, be it 255 as in
    MVTec AD, 1, 65535 or a palette's colour: it is returned as 0 and 255. So is one of several
    class numbers, or of colours too dark to count as marks, each of which marks anomalies, and so
    are the labels of one whose classes are spread over the grey levels, see
    `destseg.labels.find_labels`. Others keep their grey levels; where colours, such as red, would
    be darker than they look, those of the strongest channel. Transparent pixels are unmarked.

    Returns
    -------
    ndarray
        (H, W) uint8.

    Raises
    ------
    InputError
        When the file is missing, empty, damaged, not an image, has negative values, or labels too
        dark to be marked among more levels than labels have.
    """
    return decode_mask(path).levels


def decode_mask(path: Path) -> Mask:
    """Read a mask as `read_mask` does, and tell what was found in it.

    Raises
    ------
    InputError
        As `read_mask`.
    """
    image, _ = decode(path)
    deep = is_deep(image)
    levels: NDArray[Any] = np.asarray(
        image if deep else flatten(str(path), image, "L", background=0)
    )
    if deep and levels.min() < 0:
        raise InputError(
            f"{path}: has values down to {levels.min()}, whose meaning is unknown; store what is "
            "normal as 0 and what is anomalous as 255."
        )
    marked = levels != 0
    first = levels[marked][:1]
    if first.size and (levels[marked] == first).all():
        return Mask(np.where(marked, np.uint8(255), np.uint8(0)), labels=False)
    grey = np.array(np.clip(levels >> 8, 0, 255) if deep else levels, dtype=np.uint8)
    colours = None if deep else _colours(path, image)
    bright = False
    if colours is not None:
        strongest = colours.max(axis=-1)
        bright = bool(((strongest >= HALF) & (grey < HALF)).any())
        if bright:
            grey = levels = strongest
    if first.size and grey.max() < HALF:
        few = colours is not None and len(np.unique(colours @ (1 << 16, 1 << 8, 1))) <= COLOURS
        if few or levels.max() <= CLASS_NUMBERS:
            return Mask(np.where(marked, np.uint8(255), np.uint8(0)), labels=True)
    labels = None if image.format == "JPEG" else find_labels(levels)
    if labels is not None and (grey[labels] < 255).any():
        return Mask(np.where(labels, np.uint8(255), grey), labels=True)
    if image.format != "JPEG" and (dark := dark_labels(levels, 256 if deep else 1)):
        raise InputError(
            f"{path}: areas of {_listed(dark)} look like labels, but among so many levels they "
            "would not be marked; paint what is anomalous with 255, the rest with 0."
        )
    return Mask(grey, labels=bright)


def _listed(levels: list[int]) -> str:
    """List levels, of many the first."""
    shown = ", ".join(map(str, levels[:8]))
    return f"level{'s' * (len(levels) > 1)} {shown}{' and others' * (len(levels) > 8)}"


def _colours(path: Path, image: Image.Image) -> NDArray[np.uint8] | None:
    """Return the (H, W, 3) pixels of a mask that is painted in colours; None for a grey one."""
    if image.mode in ("1", "L", "LA"):
        return None
    colours = np.asarray(flatten(str(path), image, "RGB", background=0))
    spread = colours.max(axis=-1) - colours.min(axis=-1)
    return colours if (spread > TINT).any() else None
