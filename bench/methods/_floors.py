"""What the floors share: how far an image is from others in colour, place by place."""

import numpy as np
from numpy.typing import NDArray

SIDE, WINDOW, SIGMA = 64, 5, 1.5
"""On images of this side the mean is over 5x5 pixels and the Gaussian has this sigma; on others
both are the same share of the image."""

_CHUNK = 2**16
"""Pixels of reference images that are compared at once: they fit a processor's cache."""


def distance_maps(
    images: NDArray[np.uint8], references: NDArray[np.uint8] | NDArray[np.float32]
) -> NDArray[np.float32]:
    """Compute each pixel's least distance to the reference images at the same place, smoothed.

    The distance is the mean, over a square window, of the squared difference of colours, summed
    over channels.

    Parameters
    ----------
    images : (M, S, S, 3) uint8
        Images to be mapped.
    references : (N, S, S, 3) uint8 or float32
        Images that they are compared with.

    Returns
    -------
    (M, S, S) float32
        At least 0; larger is further from all references.
    """
    from scipy.ndimage import gaussian_filter, uniform_filter  # takes long, and not all need it

    side = images.shape[1]
    window = 2 * (WINDOW * side // (2 * SIDE)) + 1
    chunk = max(1, _CHUNK // side**2)
    planes = np.ascontiguousarray(references.transpose(0, 3, 1, 2))
    maps = np.full(images.shape[:3], np.inf, dtype=np.float32)
    for image, least in zip(images, maps, strict=True):
        plane = image.transpose(2, 0, 1).astype(np.float32, order="C")
        for start in range(0, len(planes), chunk):
            apart = planes[start : start + chunk] - plane
            squared = (apart * apart).sum(axis=1)
            near = uniform_filter(squared, (1, window, window)).min(axis=0)
            np.minimum(least, near, out=least)
    sigma = SIGMA * side / SIDE
    smooth: NDArray[np.float32] = gaussian_filter(maps, (0, sigma, sigma))
    return smooth
