"""Anomalous regions: the connected components of each mask."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from numpy.typing import NDArray


def label_regions(
    masks: NDArray[np.bool_], connectivity: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Find and number the regions of a block of masks.

    Regions never join across images. Specification, section 4.1, item 1.

    Parameters
    ----------
    masks : ndarray of bool, shape (n, H, W)
    connectivity : {8, 4}
        Whether pixels that share only a corner belong together.

    Returns
    -------
    pixels : ndarray of int64, shape (P,)
        Flat indices of the anomalous pixels, ascending.
    region : ndarray of int64, shape (P,)
        Region of each of these pixels, from 0.

    Examples
    --------
    >>> diagonal = np.eye(2, dtype=bool)[None]
    >>> label_regions(diagonal, 8)[1].tolist(), label_regions(diagonal, 4)[1].tolist()
    ([0, 0], [0, 1])
    """
    structure = ndimage.generate_binary_structure(2, 2 if connectivity == 8 else 1)
    region = np.empty(np.count_nonzero(masks), dtype=np.int64)
    filled = regions = 0
    for image in np.flatnonzero(masks.any(axis=(1, 2))):
        mask = masks[image]
        labels, found = ndimage.label(mask, structure)
        own = labels[mask]
        region[filled : filled + own.size] = own
        region[filled : filled + own.size] += regions - 1
        filled += own.size
        regions += found
    return np.flatnonzero(masks), region
