"""Masks: of all pixels that a flaw changes, the region that a person would outline."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import ndimage

VISIBLE = 10
"""A pixel differs if a channel does by more than this, in units of 1/255 ..."""

SHARE = 0.2
"""... and by more than this share of the flaw's greatest difference, which cuts off its blur."""

_BRIDGED = 0.06
"""Gaps narrower than this are closed, in widths of the image: 4 pixels of 64."""

_SPECK = 0.0015
"""Islands that cover less of the image than this are left out: 6 pixels of 64 x 64."""

Mask: TypeAlias = npt.NDArray[np.bool_]


def contrast(first: npt.NDArray[np.uint8], second: npt.NDArray[np.uint8]) -> npt.NDArray[np.int16]:
    """Return by how much (S, S, 3) uint8 images differ in the channel that differs most, (S, S)."""
    gap = np.abs(first.astype(np.int16) - second.astype(np.int16))
    return np.asarray(gap.max(axis=2))


def difference(gap: npt.NDArray[np.int16]) -> Mask:
    """Mark the pixels (S, S) of a contrast that show a flaw."""
    return np.asarray(gap > max(VISIBLE, SHARE * int(gap.max())))


def outline(changed: Mask) -> Mask:
    """Return the region around marked pixels (S, S): gaps bridged, holes filled, specks dropped.

    All lengths are relative to the image, so that the region is the same at every size.
    """
    if not changed.any():
        return changed
    side = len(changed)
    radius = _BRIDGED / 2 * side + 0.5  # distances are those of the pixels' centres
    margin = int(radius) + 2
    padded = np.pad(changed, margin)
    grown = ndimage.distance_transform_edt(~padded) <= radius
    closed = ndimage.distance_transform_edt(grown) > radius
    region = ndimage.binary_fill_holes((closed | padded)[margin:-margin, margin:-margin])
    islands, count = ndimage.label(region, np.ones((3, 3)))
    areas = np.bincount(islands.ravel(), minlength=count + 1)
    areas[0] = 0
    kept = areas >= min(_SPECK * side * side, areas.max())
    return np.asarray(kept[islands])
