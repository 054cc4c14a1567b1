"""Labels among the grey levels of a mask, told from soft edges and from what compression leaves.

A soft edge passes through a level on its way from black to white, a label fills areas with it.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

FEW = 31
"""A mask of more levels besides 0 holds no labels: edges, blur and compression make many."""

NOISE = 31
"""What compression and resizing leave beside edges rarely exceeds this level."""

NEAR = 8
"""Pixels from an edge up to which JPEG leaves noise: it compresses blocks of so many."""

EVEN = 4
"""Levels by which an even area may vary after compression; wide edges vary by more."""

HARD = 0.5
"""Of a label's outline next to black: blur ends in level 1, and JPEG's blocks lie in groups."""

MOSTLY = 0.75
"""Of what is dark and not beside white: labels fill so much of it, tails of blur do not."""

_AROUND = np.ones((3, 3), np.bool_)
"""Neighbours are those by side or corner."""


def find_labels(levels: NDArray[Any]) -> NDArray[np.bool_] | None:
    """Find the pixels of a mask's labels; None where its levels are no labels.

    A level is a label where it fills 3 x 3 pixels, be it the white that soft edges belong to; every
    level is one where each region is of one level throughout.

    Parameters
    ----------
    levels : ndarray of int, shape (H, W)
        As they are in the file, 0 where nothing is marked, and not from a JPEG.

    Returns
    -------
    ndarray of bool or None
    """
    from scipy import ndimage  # takes long, and most masks have one level

    present = np.unique(levels)
    present = present[present > 0]
    if not 2 <= len(present) <= FEW or _is_compressed(levels):
        return None
    smallest, largest = _extremes(levels, 3)
    labels = np.isin(levels, np.unique(levels[(smallest == largest) & (levels > 0)]))
    regions, count = ndimage.label(levels > 0, _AROUND)
    index = np.arange(1, count + 1)
    pure = ndimage.minimum(levels, regions, index) == ndimage.maximum(levels, regions, index)
    return levels > 0 if pure.all() else labels


def dark_labels(levels: NDArray[Any], scale: int = 1) -> list[int]:
    """Find labels too dark for `even_area` in a mask of too many levels for `find_labels`.

    They are even areas with hard outlines away from white, and nearly all that is dark there.

    Parameters
    ----------
    levels : ndarray of int, shape (H, W)
        As they are in the file, and not from a JPEG.
    scale : int
        256 for levels of 16 bits.

    Returns
    -------
    list of int
        Their levels; none where they may be what blur and compression leave.
    """
    from skimage import measure

    if len(np.unique(levels)) <= FEW + 1:
        return []
    # A soft edge that was enlarged by repeating pixels is as even as a label.
    step = _repeats(levels)
    levels = levels[::step, ::step]
    dark = (levels > 0) & (levels < (NOISE + 1) * scale)
    if not dark.any() or not (dark := dark & ~_near(levels, 128 * scale)).any():
        return []
    smallest, largest = _extremes(levels, 3)
    regions: NDArray[np.int_] = measure.label(levels, connectivity=2)  # type: ignore[no-untyped-call]
    count = int(regions.max()) + 1

    def sizes(where: NDArray[np.bool_]) -> NDArray[np.int_]:
        return np.bincount(regions[where], minlength=count)

    outline = smallest != largest  # regions are of one level each
    hard = sizes(outline & (smallest == 0)) >= HARD * sizes(outline)
    hard &= sizes(dark & ~outline) > 0
    hard &= sizes(levels > 0) < levels.size / 2  # or it is the background
    found = hard[regions] & dark
    values = [int(level) for level in np.unique(levels[found])]
    return values if values != [1] and found.sum() >= MOSTLY * dark.sum() else []


def even_area(levels: NDArray[np.uint8], least: int) -> tuple[int, int, int] | None:
    """Find an even area of a mask below the level that marks: no soft edge, and not black.

    Returns
    -------
    tuple of int or None
        Its level, and the row and column of a pixel in it.
    """
    if not _has_faint(levels, least):
        return None
    smallest, largest = _extremes(levels, 5)
    even = (smallest > NOISE) & (largest < least) & (largest - smallest <= EVEN)
    even &= ~_noisy_place(levels, least)
    if not even.any():
        return None
    row, column = (int(place) for place in np.argwhere(even)[0])
    return int(levels[row, column]), row, column


def faint_regions(levels: NDArray[np.uint8], least: int) -> int:
    """Count the regions of a mask that nowhere reach the level that marks, such as specks."""
    if not _has_faint(levels, least):
        return 0
    from scipy import ndimage

    # A region is black around; what of it is above the noise may lie in pieces.
    regions, count = ndimage.label(levels > 0, _AROUND)
    index = np.arange(1, count + 1)
    strongest = ndimage.maximum(np.where(_noisy_place(levels, least), 0, levels), regions, index)
    whole = ndimage.maximum(levels, regions, index)
    return int(((strongest > NOISE) & (whole < least)).sum())


def _has_faint(levels: NDArray[np.uint8], least: int) -> bool:
    return bool(((levels > NOISE) & (levels < least)).any())


def _is_compressed(levels: NDArray[Any]) -> bool:
    """Tell a mask that was a JPEG once: it has levels next to black and next to white.

    Compression leaves noise beside edges only: what is dark and fills an area elsewhere is a label.
    """
    present = np.unique(levels)
    if present[-1] != 255 or not (
        np.isin((1, 2), present).any() and np.isin((253, 254), present).any()
    ):
        return False
    smallest, largest = _extremes(levels, 3)
    even = (smallest == largest) & (levels > 0) & (levels <= NOISE)
    return not (even & ~_near(levels, 128)).any()


def _noisy_place(levels: NDArray[np.uint8], least: int) -> NDArray[np.bool_]:
    """Return where a mask that was a JPEG once may hold noise."""
    if not _is_compressed(levels):
        return np.zeros(levels.shape, np.bool_)
    return _near(levels, least)


def _repeats(levels: NDArray[Any]) -> int:
    """Return how many pixels each was repeated to along an axis, at least: 1 where none was.

    By the runs of pixels between two changes, on either side of which there are others than black.
    """
    runs = []
    for along in (levels, levels.T):
        rows, columns = np.nonzero(along[:, 1:] != along[:, :-1])
        here = (np.diff(rows) == 0) & (along[rows, columns] > 0)[:-1]
        here &= (along[rows, columns + 1] > 0)[:-1] & (along[rows, columns + 1] > 0)[1:]
        runs.append(np.diff(columns)[here])
    lengths = np.concatenate(runs)
    if not lengths.size:
        return 1
    least = int(lengths.min())
    return least if np.mean(lengths <= least + 1) >= HARD else 1


def _near(levels: NDArray[Any], least: int) -> NDArray[np.bool_]:
    """Return where compression may have left something of an edge of what is marked."""
    from scipy import ndimage

    near: NDArray[np.bool_] = ndimage.maximum_filter(levels, 2 * NEAR + 1) >= least
    return near


def _extremes(levels: NDArray[Any], side: int) -> tuple[NDArray[Any], NDArray[Any]]:
    from scipy import ndimage

    return ndimage.minimum_filter(levels, side), ndimage.maximum_filter(levels, side)
