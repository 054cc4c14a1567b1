"""Perlin's gradient noise, from NumPy alone."""

import itertools
import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray


def perlin_noise(
    angles: NDArray[np.float64], cells: NDArray[np.int64], size: tuple[int, int]
) -> NDArray[np.float64]:
    """Gradient noise on a lattice of its own for each sample.

    Parameters
    ----------
    angles : ndarray
        (B, R + 1, C + 1) gradient angles in radians; a sample with r rows and c columns of
        cells uses the first r + 1 rows and c + 1 columns.
    cells : ndarray
        (B, 2) rows and columns of cells, at most R and C.
    size : tuple of int
        Height H and width W of the result.

    Returns
    -------
    ndarray
        (B, H, W) float64, about [-1, 1].
    """
    noise = np.empty((len(cells), *size))
    for out, lattice, (rows, columns) in zip(noise, angles, cells.tolist(), strict=True):
        write_noise(out, lattice[: rows + 1, : columns + 1])
    return noise


def write_noise(out: NDArray[np.floating], angles: NDArray[np.float64]) -> None:
    """Write the (H, W) noise of a lattice of (R + 1, C + 1) angles.

    The noise in a cell is a sum of four products of a term of the pixel's row with one of its
    column, so that the noise in a row of cells is the product of two thin matrices.
    """
    height, width = out.shape
    row, down = _axis(angles.shape[0] - 1, height)
    column, right = _axis(angles.shape[1] - 1, width)
    cosines, sines = gradients(angles)
    # Of each row of nodes, for every pixel's column: what a pixel's distance from it is multiplied
    # with, and what is left where that is zero.
    nodes = np.empty((len(angles), 2, width))
    nodes[:, 0] = cosines[:, column] * right[1] + cosines[:, column + 1] * right[3]
    nodes[:, 1] = sines[:, column] * right[0] + sines[:, column + 1] * right[2]
    nodes *= math.sqrt(2)
    ends = np.searchsorted(row, np.arange(len(angles)))
    for cell, (start, end) in enumerate(itertools.pairwise(ends.tolist())):
        out[start:end] = down[:, start:end].T @ nodes[cell : cell + 2].reshape(4, width)


def gradients(angles: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the cosines and sines of angles, correctly rounded.

    In long double first: NumPy's own differ in their last bits from one processor to another,
    and seeds are to mean the same everywhere.
    """
    wide = angles.astype(np.longdouble)
    return np.cos(wide).astype(np.float64), np.sin(wide).astype(np.float64)


def fade(t: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return Perlin's blending weight 6t^5 - 15t^4 + 10t^3, its powers correctly rounded."""
    wide = t.astype(np.longdouble)
    cube = wide * wide * wide
    t3, t4, t5 = (p.astype(np.float64) for p in (cube, cube * wide, cube * wide * wide))
    weight: NDArray[np.float64] = 6 * t5 - 15 * t4 + 10 * t3
    return weight


@lru_cache(maxsize=64)
def _axis(cells: int, length: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Cell of each pixel along an axis, (length,), and its terms, (4, length).

    Distance from the node before it and 1, both by that node's weight, then the same of the node
    after it.
    """
    position = np.arange(length) * cells / length
    index = np.floor(position).astype(np.int64)
    t = position - index
    after = fade(t)
    return index, np.stack([t * (1 - after), 1 - after, (t - 1) * after, after])
