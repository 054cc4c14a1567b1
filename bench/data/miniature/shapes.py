"""Signed distances to the shapes that scenes are made of: negative inside, in the frame's units.

All functions take a `Frame` and return an (N, N) float32 plane.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from bench.data.miniature.camera import Point
from bench.data.miniature.draw import Frame, Plane, hypot, odd, wrapped

_OVAL = [(0.5 + 0.5 * math.cos(a), 0.5 + 0.5 * math.sin(a)) for a in np.linspace(0, math.tau, 9)]
GLYPHS: dict[str, list[list[Point]]] = {
    "0": [_OVAL],
    "5": [[(1, 0), (0.1, 0), (0, 0.45), (0.7, 0.42), (1, 0.7), (0.7, 1), (0, 0.95)]],
    "F": [[(1, 0), (0, 0), (0, 1)], [(0, 0.48), (0.8, 0.48)]],
    "H": [[(0, 0), (0, 1)], [(1, 0), (1, 1)], [(0, 0.5), (1, 0.5)]],
    "K": [[(0, 0), (0, 1)], [(1, 0), (0, 0.55), (1, 1)]],
}
"""The strokes of each letter in a unit box, y down."""


def circle(f: Frame, radius: float, at: Point = (0.0, 0.0)) -> Plane:
    """Return the distance to a disc."""
    return hypot(f.x - at[0], f.y - at[1]) - radius


def box(f: Frame, half: Point, round_by: float = 0.0, at: Point = (0.0, 0.0)) -> Plane:
    """Return the distance to a rectangle of half sides `half` whose corners are rounded."""
    x = np.abs(f.x - at[0]) - (half[0] - round_by)
    y = np.abs(f.y - at[1]) - (half[1] - round_by)
    outside = hypot(np.maximum(x, 0), np.maximum(y, 0))
    return outside + np.minimum(np.maximum(x, y), 0) - round_by


def ellipse(f: Frame, half: Point) -> Plane:
    """Return an approximate distance to an ellipse, exact to first order at its edge."""
    inner = hypot(f.x / half[0], f.y / half[1])
    slope = hypot(f.x / half[0] ** 2, f.y / half[1] ** 2)
    distance: Plane = inner * (inner - 1) / np.maximum(slope, 1e-3)
    return distance


def ngon(f: Frame, sides: int, apothem: float) -> Plane:
    """Return the distance to a regular polygon's edges (inexact beyond its corners)."""
    radius, angle = f.polar()
    step = math.tau / sides
    return radius * np.cos((wrapped(angle / step) - 0.5) * step) - apothem


def line(f: Frame, points: Sequence[Point], reach: float = 0.3) -> Plane:
    """Return the distance, never negative, to an open chain of straight segments.

    Farther away than `reach` it may be any greater number.
    """
    xs, ys = zip(*points, strict=True)
    window = f.window((min(xs) - reach, min(ys) - reach), (max(xs) + reach, max(ys) + reach))
    here = f.cut(window)
    nearest = np.full_like(here.x, 16.0)  # squared
    for (ax, ay), (bx, by) in pairwise(points):
        dx, dy = bx - ax, by - ay
        square = max(dx * dx + dy * dy, 1e-9)
        x, y = here.x - ax, here.y - ay
        along = np.clip(x * (dx / square) + y * (dy / square), 0, 1)
        x -= dx * along
        y -= dy * along
        np.minimum(nearest, x * x + y * y, out=nearest)
    distance = np.full_like(f.x, 4.0)
    distance[window] = np.sqrt(nearest)
    return distance


def lettering(f: Frame, text: str, height: float) -> Plane:
    """Return the distance to the strokes of a centred word, or more where it is above 0.15."""
    width, pitch = 0.6 * height, 0.95 * height
    left = -0.5 * (pitch * (len(text) - 1) + width)
    margin = 0.15
    window = f.window((left - margin, -height / 2 - margin), (margin - left, height / 2 + margin))
    here = f.cut(window)
    nearest = np.full_like(here.x, 4.0)
    for place, letter in enumerate(text):
        for stroke in GLYPHS[letter]:
            points = [(left + place * pitch + x * width, (y - 0.5) * height) for x, y in stroke]
            nearest = np.minimum(nearest, line(here, points, margin))
    distance = np.full_like(f.x, 4.0)
    distance[window] = nearest
    return distance


def lattice(f: Frame, pitch: Point, stagger: float = 0.0) -> tuple[Frame, Plane, Plane]:
    """Repeat a cell over the plane.

    Returns
    -------
    cell : Frame
        Coordinates relative to the centre of the nearest cell.
    column, row : (N, N) float32
        Whole numbers of that cell; the origin is the centre of cell (0, 0). Every odd row is
        shifted by `stagger` cells.
    """
    row = np.round(f.y * (1 / pitch[1]))
    shift = stagger * odd(row)
    column = np.round(f.x * (1 / pitch[0]) - shift)
    return f.moved(-(column + shift) * pitch[0], -row * pitch[1]), column, row
