"""Natural irregularity: smooth noise, layered noise and cells, all independent of resolution.

Each function draws a fixed amount from its generator, whatever the size of the image, so that the
same sample can be rendered at any size.
"""

import numpy as np

from bench.data.miniature.draw import Plane

_TABLE = 64


def smooth(x: Plane, y: Plane, cells: float, rng: np.random.Generator) -> Plane:
    """Return noise in -1..1 that changes over 1/`cells` of the image's width."""
    table = rng.random(_TABLE * _TABLE, dtype=np.float32) * 2 - 1
    u, v = x * (cells / 2), y * (cells / 2)
    column, row = np.floor(u), np.floor(v)
    u, v = u - column, v - row
    u, v = u * u * (3 - 2 * u), v * v * (3 - 2 * v)
    left = column.astype(np.intp) & (_TABLE - 1)
    right = (left + 1) & (_TABLE - 1)
    top = (row.astype(np.intp) & (_TABLE - 1)) * _TABLE
    bottom = (top + _TABLE) & (_TABLE * _TABLE - 1)
    upper, lower = table.take(top + left), table.take(bottom + left)
    upper += (table.take(top + right) - upper) * u
    lower += (table.take(bottom + right) - lower) * u
    return upper + (lower - upper) * v


def layered(x: Plane, y: Plane, cells: float, rng: np.random.Generator, layers: int = 3) -> Plane:
    """Return the sum of `layers` noises, each of twice the detail and half the strength."""
    total = smooth(x, y, cells, rng)
    for layer in range(1, layers):
        total = total + 0.5**layer * smooth(x, y, cells * 2**layer, rng)
    return total


def voronoi(
    x: Plane, y: Plane, cells: float, rng: np.random.Generator
) -> tuple[Plane, Plane, Plane]:
    """Divide the plane into irregular cells.

    Returns
    -------
    centre : (N, N) float32
        Distance to the nearest cell's seed, in cells.
    border : (N, N) float32
        How much farther the second nearest seed is, in cells: 0 on the border between two.
    value : (N, N) float32
        A random number in 0..1 that is the same all over a cell.
    """
    seeds = rng.random((3, _TABLE * _TABLE), dtype=np.float32)
    u, v = x * (cells / 2), y * (cells / 2)
    column, row = np.floor(u), np.floor(v)
    first = np.full_like(u, 16.0)
    second = first.copy()
    value = np.zeros_like(u)
    for down in (-1, 0, 1):
        for across in (-1, 0, 1):
            key = (row + down).astype(np.intp) & (_TABLE - 1)
            key = key * _TABLE + ((column + across).astype(np.intp) & (_TABLE - 1))
            dx = (column + across + 0.1) + 0.8 * seeds[0].take(key) - u
            dy = (row + down + 0.1) + 0.8 * seeds[1].take(key) - v
            away = dx * dx + dy * dy  # squared
            nearer = away < first
            second = np.where(nearer, first, np.minimum(second, away))
            value = np.where(nearer, seeds[2].take(key), value)
            first = np.minimum(first, away)
    first = np.sqrt(first)
    return first, np.sqrt(second) - first, value
