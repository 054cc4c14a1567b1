"""Anomalous regions: the connected components of each mask."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage


def label_regions(
    masks: NDArray[np.bool_], connectivity: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Find and number the regions of a block of masks (n, H, W).

    Regions never join across images (docs/method.md, Metrics); with a connectivity of 8, pixels
    that share only a corner belong together. Returned are the flat indices of the P anomalous
    pixels, ascending, and the region of each, from 0.

    Examples
    --------
    >>> diagonal = np.eye(2, dtype=bool)[None]
    >>> label_regions(diagonal, 8)[1].tolist(), label_regions(diagonal, 4)[1].tolist()
    ([0, 0], [0, 1])
    """
    structure = np.zeros((3, 3, 3), np.bool_)  # no neighbour in the next image
    structure[1] = ndimage.generate_binary_structure(2, 2 if connectivity == 8 else 1)
    anomalous = masks[masks.any(axis=(1, 2))]
    labels, _ = ndimage.label(anomalous, structure)
    return np.flatnonzero(masks), labels[anomalous].astype(np.int64) - 1
