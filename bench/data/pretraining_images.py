"""Labelled images on which the procedural teacher is pretrained: textures and shapes."""

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from destseg.procedural import FAMILIES, Floats, colour, draw, soften, unit_coordinates

SCALES = ((3.0, 5.5), (7.0, 12.0))
"""Bins of the periods along an image's side."""

DIRECTIONS = 4
"""Bins of the orientation, 180 degrees in all."""

ORIENTED = ("stripes", "zigzag", "wood", "brushed")
"""Families whose orientation is part of the label."""

SHAPES = ("disc", "ring", "triangle", "square", "pentagon", "star", "cross", "bar")


@dataclass(frozen=True)
class ImageClass:
    """One class: a texture (family, scale, perhaps direction) or a shape on a texture."""

    family: str
    scale: int | None = None
    direction: int | None = None


CLASSES: tuple[ImageClass, ...] = (
    *(
        ImageClass(family, scale, direction)
        for family, scale, direction in product(ORIENTED, range(len(SCALES)), range(DIRECTIONS))
    ),
    *(
        ImageClass(family, scale)
        for family, scale in product(FAMILIES, range(len(SCALES)))
        if family not in ORIENTED
    ),
    *(ImageClass(shape) for shape in SHAPES),
)
"""The classes; a label is an index into this tuple."""


def draw_classes(
    rng: Generator, per_class: int, size: int
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Draw images of every class, ``size`` pixels a side.

    Returns
    -------
    images : ndarray
        (len(CLASSES) * per_class, size, size, 3) uint8, ordered by class.
    labels : ndarray
        (len(CLASSES) * per_class,) int64.
    """
    images = np.concatenate([_draw_class(rng, one, per_class, size) for one in CLASSES])
    return images, np.repeat(np.arange(len(CLASSES)), per_class)


def _draw_class(rng: Generator, described: ImageClass, count: int, size: int) -> NDArray[np.uint8]:
    """Draw one class under random colours, contrast, lighting and sensor noise."""
    painted: Floats
    if described.family in SHAPES:
        cover = _shape(rng, described.family, count, size)[..., None]
        ground, figure = (_any_texture(rng, count, size) for _ in range(2))
        painted = ground + (figure - ground) * cover
    else:
        low, high = SCALES[described.scale or 0]
        turn = rng.uniform(0, 1, count)
        if described.direction is not None:
            # The bins keep a distance from each other: a label must be decidable.
            turn = (described.direction + rng.uniform(-0.35, 0.35, count)) / DIRECTIONS
        pattern = draw(rng, described.family, size, rng.uniform(low, high, count), np.pi * turn)
        painted = colour(rng, pattern, contrast=(0.15, 0.7))
    return _photograph(rng, painted)


def _any_texture(rng: Generator, count: int, size: int) -> Floats:
    """Draw (B, S, S, 3) textures of all families, often plain or of low contrast."""
    each = -(-count // len(FAMILIES))
    drawn = [
        draw(rng, family, size, rng.uniform(3, 12, each), rng.uniform(0, np.pi, each))
        for family in FAMILIES
    ]
    pattern = rng.permutation(np.concatenate(drawn))[:count]
    return colour(rng, pattern, contrast=(0.0, 0.3))


def _photograph(rng: Generator, images: Floats) -> NDArray[np.uint8]:
    """Light images from a random side, add noise and quantise them."""
    count, size = images.shape[:2]
    x, y = unit_coordinates(size)
    slope = rng.uniform(-0.4, 0.4, (2, count, 1, 1)).astype(np.float32)
    light = 1 + slope[0] * x + slope[1] * y
    level = rng.uniform(0, 0.06, (count, 1, 1, 1)).astype(np.float32)
    noise = level * rng.standard_normal(images.shape, dtype=np.float32)
    lit = np.clip(images * light[..., None] + noise, 0, 1)
    result: NDArray[np.uint8] = (lit * 255 + 0.5).astype(np.uint8)
    return result


def _shape(rng: Generator, kind: str, count: int, size: int) -> Floats:
    """Draw the coverage (B, S, S) of a shape at a random place, size and angle."""

    def uniform(low: float, high: float) -> Floats:
        return rng.uniform(low, high, (count, 1, 1)).astype(np.float32)

    x, y = unit_coordinates(size)
    x, y, angle = x - uniform(-0.25, 0.25), y - uniform(-0.25, 0.25), uniform(0, 2 * np.pi)
    x, y = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    extent = uniform(0.12, 0.3)
    radius = np.hypot(x, y)
    if kind == "ring":
        inside = extent * uniform(0.2, 0.35) - np.abs(radius - extent * 0.75)
    elif kind == "bar":
        inside = np.minimum(extent * uniform(0.1, 0.25) - np.abs(y), 1.3 * extent - np.abs(x))
    elif kind == "cross":
        arm = extent * uniform(0.2, 0.35)
        wide, high = np.abs(x), np.abs(y)
        inside = np.minimum(extent - np.maximum(wide, high), arm - np.minimum(wide, high))
    elif kind == "star":
        inside = extent * (0.65 + 0.35 * np.cos(5 * np.arctan2(y, x))) - radius
    else:
        corners = {"triangle": 3, "square": 4, "pentagon": 5}.get(kind)
        if corners is None:
            inside = extent - radius
        else:
            sector = np.float32(2 * np.pi / corners)
            turn = np.mod(np.arctan2(y, x), sector) - sector / 2
            inside = extent * np.cos(sector / 2) - radius * np.cos(turn)
    return soften(inside, size / 1.5)
