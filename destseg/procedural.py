"""Procedural patterns, many at a time: anomaly sources and the teacher's pretraining images.

A pattern is a grey (B, S, S) float32 array in [0, 1]. It is drawn in coordinates that do not
depend on the size: a period is a fraction of the image's side, whatever its pixels.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.floating[Any]]

TAU = np.float32(2 * np.pi)
LATTICE = 64
"""Period of the random lattices; no pattern shows more cells along a side."""


@dataclass(frozen=True)
class Canvas:
    """What a pattern is drawn on: B images with a rotated and scaled coordinate system each.

    Parameters
    ----------
    rng : Generator
        Source of everything that is random in the pattern.
    u, v : ndarray
        (B, S, S) coordinates in periods, along and across the pattern's direction.
    """

    rng: Generator
    u: Floats
    v: Floats

    def uniform(self, low: float, high: float) -> Floats:
        """Draw one number for each image, (B, 1, 1)."""
        drawn = self.rng.uniform(low, high, (len(self.u), 1, 1))
        return drawn.astype(np.float32)

    def noise(self, u: Floats, v: Floats) -> Floats:
        """Smooth value noise in [0, 1] with lattice points at the integers of (u, v)."""
        table = self.rng.random((len(u), LATTICE * LATTICE), dtype=np.float32)
        column, row = np.floor(u), np.floor(v)
        x, y = smooth(u - column), smooth(v - row)
        left = column.astype(np.int32) % LATTICE
        right = (left + 1) % LATTICE
        top = row.astype(np.int32) % LATTICE * LATTICE
        bottom = (top + LATTICE) % (LATTICE * LATTICE)
        corner = (_take(table, top + left), _take(table, top + right))
        other = (_take(table, bottom + left), _take(table, bottom + right))
        upper = corner[0] + (corner[1] - corner[0]) * x
        lower = other[0] + (other[1] - other[0]) * x
        result: Floats = upper + (lower - upper) * y
        return result

    def octaves(self, count: int) -> Floats:
        """Sum noises of doubling frequency and halving weight, stretched to [0, 1]."""
        total = np.zeros_like(self.u)
        for octave in range(count):
            total += self.noise(self.u * 2**octave, self.v * 2**octave) / 2**octave
        return stretch(total)

    def cells(self) -> tuple[Floats, Floats, Floats]:
        """Distances to the nearest and second nearest random point, and the cell's own grey."""
        u, v = self.u, self.v
        points = self.rng.random((3, len(u), LATTICE * LATTICE), dtype=np.float32)
        column, row = np.floor(u), np.floor(v)
        first = np.full_like(u, np.inf)
        second, grey = first.copy(), np.zeros_like(u)
        for down in (-1, 0, 1):
            for across in (-1, 0, 1):
                x, y = column + across, row + down
                node = y.astype(np.int32) % LATTICE * LATTICE + x.astype(np.int32) % LATTICE
                distance = np.hypot(x + _take(points[0], node) - u, y + _take(points[1], node) - v)
                nearer = distance < first
                second = np.where(nearer, first, np.minimum(second, distance))
                first = np.where(nearer, distance, first)
                grey = np.where(nearer, _take(points[2], node), grey)
        return first, second, grey


def smooth(x: Floats) -> Floats:
    """Ease from 0 to 1 over [0, 1] with flat ends."""
    result: Floats = x * x * (3 - 2 * x)
    return result


def soften(x: Floats, steepness: Floats | float) -> Floats:
    """Turn a signed field into coverage: 0 well below zero, 1 well above."""
    result: Floats = np.clip(0.5 + x * steepness, 0, 1)
    return result


def stretch(x: Floats) -> Floats:
    """Stretch every image of the batch to [0, 1]; a constant one becomes 0."""
    low = x.min((1, 2), keepdims=True)
    span = x.max((1, 2), keepdims=True) - low
    result: Floats = (x - low) / np.maximum(span, np.float32(1e-6))
    return result


def triangle(x: Floats) -> Floats:
    """Triangle wave of period 1 between -1 and 1."""
    result: Floats = 4 * np.abs(x - np.floor(x) - 0.5) - 1
    return result


def _take(table: Floats, index: NDArray[np.int32]) -> Floats:
    """Look every image's indices up in its own row of the table."""
    flat = np.take_along_axis(table, index.reshape(len(index), -1), axis=1)
    result: Floats = flat.reshape(index.shape)
    return result


def _stripes(c: Canvas) -> Floats:
    return soften(triangle(c.u) + c.uniform(-0.5, 0.5), c.uniform(0.5, 4))


def _checks(c: Canvas) -> Floats:
    return soften(triangle(c.u / 2) * triangle(c.v / 2), c.uniform(1.5, 12))


def _dots(c: Canvas) -> Floats:
    shifted = c.u + np.where(np.floor(c.v) % 2 == 0, 0, c.uniform(0, 0.5))
    distance = np.hypot(shifted - np.floor(shifted) - 0.5, c.v - np.floor(c.v) - 0.5)
    return soften(c.uniform(0.2, 0.42) - distance, c.uniform(4, 16))


def _rings(c: Canvas) -> Floats:
    u, v = (axis - axis.mean((1, 2), keepdims=True) for axis in (c.u, c.v))
    radius = np.hypot(u - c.uniform(-2, 2), v - c.uniform(-2, 2))
    return soften(triangle(radius) + c.uniform(-0.3, 0.3), c.uniform(0.5, 4))


def _bricks(c: Canvas) -> Floats:
    row = np.floor(c.v)
    along = c.u / 2 + 0.5 * (row % 2)
    gap = np.minimum(
        2 * (0.5 - np.abs(along - np.floor(along) - 0.5)), 0.5 - np.abs(c.v - row - 0.5)
    )
    tint = c.noise(np.floor(along) * 7, row * 11)
    return soften(gap - c.uniform(0.05, 0.1), 14) * (0.55 + 0.45 * tint)


def _weave(c: Canvas) -> Floats:
    over = (np.floor(c.u) + np.floor(c.v)) % 2 == 0
    across, along = c.u - np.floor(c.u) - 0.5, c.v - np.floor(c.v) - 0.5
    thread = np.where(over, 1 - 4 * across**2, 1 - 4 * along**2)
    dip = np.where(over, 1 - 2 * along**2, 1 - 2 * across**2)
    return np.clip(thread, 0, 1) ** c.uniform(0.4, 1) * dip


def _zigzag(c: Canvas) -> Floats:
    return soften(triangle(c.v + c.uniform(0.3, 0.6) * triangle(c.u / 2)), c.uniform(0.5, 4))


def _scales(c: Canvas) -> Floats:
    height = np.zeros_like(c.u)
    for step in (0, 1):
        row = np.floor(c.v * 2) + step
        across = c.u + 0.5 * (row % 2)
        distance = np.hypot(across - np.floor(across) - 0.5, (c.v * 2 - row) / 1.6)
        height = np.where(distance < 0.58, distance / 0.58, height)
    return height ** c.uniform(1, 3)


def _cracks(c: Canvas) -> Floats:
    first, second, _ = c.cells()
    return soften(second - first - c.uniform(0.06, 0.16), c.uniform(5, 14))


def _pebbles(c: Canvas) -> Floats:
    first, second, grey = c.cells()
    return stretch((0.35 + 0.65 * grey) * np.clip((second - first) * 3, 0, 1) - 0.3 * first)


def _mosaic(c: Canvas) -> Floats:
    return c.cells()[2]


def _clouds(c: Canvas) -> Floats:
    return c.octaves(3)


def _marble(c: Canvas) -> Floats:
    vein = np.abs(np.sin(TAU * (c.u / 2 + 1.2 * c.octaves(3))))
    return vein ** c.uniform(0.4, 1.2)


def _wood(c: Canvas) -> Floats:
    bent = c.u + 1.5 * c.noise(c.u / 3, c.v / 8)
    return 0.75 * (bent - np.floor(bent)) + 0.25 * c.noise(c.u * 5, c.v / 2)


def _brushed(c: Canvas) -> Floats:
    return stretch(c.noise(c.u * 3, c.v / 4) + 0.6 * c.noise(c.u * 6, c.v / 2))


def _grain(c: Canvas) -> Floats:
    fine = c.noise(c.u * 4, c.v * 4)
    return np.where(c.uniform(0, 1) < 0.5, fine, soften(fine - c.uniform(0.6, 0.75), 8))


FAMILIES: Mapping[str, Callable[[Canvas], Floats]] = MappingProxyType(
    {
        pattern.__name__.removeprefix("_"): pattern
        for pattern in (
            *(_stripes, _checks, _dots, _rings, _bricks, _weave, _zigzag, _scales),
            *(_cracks, _pebbles, _mosaic, _clouds, _marble, _wood, _brushed, _grain),
        )
    }
)
"""Pattern families by name; a new family is one function and its name here."""


def unit_coordinates(size: int) -> tuple[Floats, Floats]:
    """Return x and y of the pixel centres in [-0.5, 0.5], both (1, S, S)."""
    line = (np.arange(size, dtype=np.float32) + np.float32(0.5)) / size - np.float32(0.5)
    y, x = np.meshgrid(line, line, indexing="ij")
    return x[None], y[None]


def draw(rng: Generator, family: str, size: int, frequency: Floats, angle: Floats) -> Floats:
    """Draw a batch of patterns of one family.

    Parameters
    ----------
    rng : Generator
        Source of randomness.
    family : str
        A key of `FAMILIES`.
    size : int
        Side in pixels.
    frequency : ndarray
        (B,) periods along the image's side.
    angle : ndarray
        (B,) radians by which the pattern is turned.

    Returns
    -------
    ndarray
        (B, S, S) float32 in [0, 1].
    """
    x, y = unit_coordinates(size)
    f, a = (np.asarray(values, np.float32)[:, None, None] for values in (frequency, angle))
    shift = rng.uniform(0, LATTICE, (2, len(f), 1, 1)).astype(np.float32)
    u = f * (x * np.cos(a) + y * np.sin(a)) + shift[0]
    v = f * (y * np.cos(a) - x * np.sin(a)) + shift[1]
    return np.clip(FAMILIES[family](Canvas(rng, u, v)), 0, 1).astype(np.float32)


def colour(rng: Generator, pattern: Floats, *, contrast: tuple[float, float]) -> Floats:
    """Paint grey patterns with two random colours each.

    Parameters
    ----------
    rng : Generator
        Source of the colours.
    pattern : ndarray
        (B, S, S) in [0, 1].
    contrast : tuple of float
        Range of the distance between the two colours' mean grey.

    Returns
    -------
    ndarray
        (B, S, S, 3) float32 in [0, 1].
    """
    count = len(pattern)
    gap = rng.uniform(*contrast, (count, 1)) * rng.choice((-1.0, 1.0), (count, 1))
    middle = rng.uniform(0.25, 0.75, (count, 1))
    tint = rng.normal(0, 0.14, (2, count, 3))
    pair = np.clip(np.stack((middle - gap / 2, middle + gap / 2)) + tint, 0, 1)
    dark, light = pair.astype(np.float32)[:, :, None, None, :]
    painted: Floats = dark + (light - dark) * pattern[..., None]
    return painted
