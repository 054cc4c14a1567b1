"""Natural irregularity: smooth noise, layered noise and cells, all independent of resolution.

The noise is looked up in tables that are made once; a call draws only a place in the table from its
generator. The same sample can so be rendered at any size, and thousands of them in seconds.
"""

from functools import cache

import numpy as np

from bench.data.miniature.draw import Plane

_TABLE = 64
"""Cells along a side of the tables, after which they repeat."""

_FINE = 4
"""Entries of a noise's table along a side of a cell."""


def smooth(x: Plane, y: Plane, cells: float, rng: np.random.Generator) -> Plane:
    """Return noise in -1..1 that changes over 1/`cells` of the image's width."""
    return layered(x, y, cells, rng, 1)


def layered(x: Plane, y: Plane, cells: float, rng: np.random.Generator, layers: int = 3) -> Plane:
    """Return the sum of `layers` noises, each of twice the detail and half the strength.

    It is the same for the four sub-pixels of a pixel, which halves the time of a scene.
    """
    tables, side = _layers(layers), _TABLE * _FINE
    start = rng.random(2) * side
    scale = cells / 2 * _FINE
    u, v = x[::2, ::2] * scale + float(start[0]), y[::2, ::2] * scale + float(start[1])
    column, row = np.floor(u), np.floor(v)
    u -= column
    v -= row
    place = (row.astype(np.intp) & (side - 1)) * side
    place += column.astype(np.intp) & (side - 1)
    corner, right, down, both = (table.take(place) for table in tables)
    both *= v
    both += right
    both *= u
    down *= v
    both += down
    both += corner
    found = np.empty(x.shape, np.float32)
    rows, columns = x.shape[0] // 2, x.shape[1] // 2
    found[::2, ::2] = both
    found[1::2, ::2] = both[:rows]
    found[::2, 1::2] = both[:, :columns]
    found[1::2, 1::2] = both[:rows, :columns]
    return found


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
    start = rng.random(2) * _TABLE
    u, v = x * (cells / 2) + float(start[0]), y * (cells / 2) + float(start[1])
    column, row = np.floor(u), np.floor(v)
    u -= column
    v -= row
    place = (row.astype(np.intp) & (_TABLE - 1)) * _TABLE
    place += column.astype(np.intp) & (_TABLE - 1)
    first = np.full(u.shape, 2**30, np.int32)
    second = first.copy()
    for across, down, value in _neighbours():
        dx, dy = across.take(place), down.take(place)
        dx -= u
        dy -= v
        dx *= dx
        dy *= dy
        dx += dy
        # Numbers above 0 sort as their bits do, so the last bits can carry the cell's value along.
        away = dx.view(np.int32)
        away &= -256
        away |= value.take(place)
        np.minimum(second, np.maximum(first, away), out=second)
        np.minimum(first, away, out=first)
    found = (first & 255).astype(np.float32) * np.float32(1 / 256)
    centre = np.sqrt(first.view(np.float32))
    return centre, np.sqrt(second.view(np.float32)) - centre, found


@cache
def _layers(count: int) -> list[Plane]:
    """Make the table of a layered noise: value, slope across, slope down and twist of an entry."""
    rng = np.random.default_rng(count)
    side = _TABLE * _FINE
    total = np.zeros((side, side), np.float32)
    for layer in range(count):
        cells, fine = _TABLE * 2**layer, _FINE // 2**layer
        knots = rng.random((cells, cells), dtype=np.float32) * 2 - 1
        ease = np.arange(fine, dtype=np.float32) / fine
        ease = ease * ease * (3 - 2 * ease)
        rows = knots[:, None] + (np.roll(knots, -1, 0) - knots)[:, None] * ease[:, None]
        rows = rows.reshape(side, cells)
        both = rows[..., None] + (np.roll(rows, -1, 1) - rows)[..., None] * ease
        total += 0.5**layer * both.reshape(side, side)
    right = np.roll(total, -1, 1) - total
    down = np.roll(total, -1, 0) - total
    return [total, right, down, np.roll(right, -1, 0) - right]


@cache
def _neighbours() -> list[tuple[Plane, Plane, Plane]]:
    """List where the seeds of a cell and its neighbours lie, from the cell's corner, and values."""
    seeds = np.random.default_rng(0).random((3, _TABLE, _TABLE), dtype=np.float32)
    found = []
    for down in (-1, 0, 1):
        for across in (-1, 0, 1):
            x, y, value = np.roll(seeds, (-down, -across), (1, 2))
            bits = (value * 256).astype(np.int32)
            found.append((across + 0.1 + 0.8 * x, down + 0.1 + 0.8 * y, bits))
    return found
