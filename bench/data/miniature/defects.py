"""The shapes that defects share between categories: scratches, cracks, blots, chips and fibres.

Each function returns a coverage (N, N) in 0..1 for the scene to paint in the colour of its own
material. They draw from the defect's own generator, never from the scene's: the scene without the
defect has to come out the same.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from bench.data.miniature.camera import Point
from bench.data.miniature.draw import Frame, Plane, Rgb
from bench.data.miniature.shapes import line

GOOD = "good"


@dataclass(frozen=True)
class Flaw:
    """What is wrong with a scene."""

    kind: str  # name of the defect, or `GOOD` for none
    rng: np.random.Generator  # of the defect's place and shape
    strength: float  # contrast, 0.5 (to be seen when looking for it) to 1 (plain)
    size: float  # factor of the extent

    def tint(self, *colors: Rgb) -> Rgb:
        """Choose one of the colours."""
        return colors[self.rng.integers(len(colors))]

    def direction(self, heading: float | None) -> float:
        """Draw any direction, or one near the heading."""
        if heading is None:
            return self.rng.uniform(0, math.tau)
        return heading + 0.2 * self.rng.normal()

    def spots(self, low: int, high: int, reach: Point, at: Point = (0.0, 0.0)) -> list[Point]:
        """Draw `low` to `high` places inside the ellipse around `at` of half axes `reach`."""
        return [self.spot(reach, at) for _ in range(self.rng.integers(low, high + 1))]

    def spot(self, reach: Point, at: Point = (0.0, 0.0)) -> Point:
        """Draw one place inside the ellipse around `at` of half axes `reach`."""
        radius, angle = math.sqrt(self.rng.random()), self.rng.uniform(0, math.tau)
        x, y = radius * math.cos(angle), radius * math.sin(angle)
        return at[0] + reach[0] * x, at[1] + reach[1] * y


def _walk(at: Point, heading: float, step: float, turns: Iterable[float]) -> list[Point]:
    """Return a path, its middle at `at`, in steps of one length with a turn before each."""
    x, y = at
    path = [at]
    for turn in turns:
        heading += turn
        x, y = x + step * math.cos(heading), y + step * math.sin(heading)
        path.append((x, y))
    middle = path[len(path) // 2]
    return [(x + at[0] - middle[0], y + at[1] - middle[1]) for x, y in path]


def scratch(
    f: Frame, flaw: Flaw, at: Point, length: float, width: float, heading: float | None = None
) -> Plane:
    """Draw a nearly straight stroke centred at `at`, in a random direction if not told one."""
    here = f.place(at, flaw.direction(heading))
    length, width = flaw.size * length, math.sqrt(flaw.size) * width
    sag = length * flaw.rng.uniform(-0.15, 0.15)
    arc = [(t * length / 2, sag * (1 - t * t)) for t in (-1, -0.67, -0.33, 0, 0.33, 0.67, 1)]
    return here.cover(line(here, arc) - width / 2)


def crack(
    f: Frame, flaw: Flaw, at: Point, length: float, width: float, heading: float | None = None
) -> Plane:
    """Draw a jagged line with a side branch, centred at `at`."""
    rng, angle = flaw.rng, flaw.direction(heading)
    length, width = flaw.size * length, math.sqrt(flaw.size) * width
    trunk = _walk(at, angle, length / 7, rng.normal(0, 0.45, 7).tolist())
    side = angle + math.copysign(rng.uniform(0.6, 1.0), rng.normal())
    reach = length * rng.uniform(0.15, 0.3)
    start = trunk[3]
    tip = start[0] + reach * math.cos(side), start[1] + reach * math.sin(side)
    away = np.minimum(line(f, trunk), line(f, [start, tip]) + width / 5)
    return f.cover(away - width / 2)


def fibre(f: Frame, flaw: Flaw, at: Point, length: float, width: float) -> Plane:
    """Draw a curling thread centred at `at`."""
    rng = flaw.rng
    bend, phase = rng.uniform(0.3, 0.6), rng.uniform(0, math.tau)
    length, width = flaw.size * length, math.sqrt(flaw.size) * width
    curl = [bend * math.cos(phase + 0.5 * knot) for knot in range(11)]
    return f.cover(line(f, _walk(at, rng.uniform(0, math.tau), length / 11, curl)) - width / 2)


def blot(f: Frame, flaw: Flaw, at: Point, radius: float, soft: float = 0.0) -> Plane:
    """Draw a round stain with a wavy outline."""
    rng = flaw.rng
    here = f.place(at, rng.uniform(0, math.tau))
    away, angle = here.polar()
    radius = flaw.size * radius
    outline = np.full_like(away, radius)
    for waves in (2, 3, 5):
        swing = radius * rng.uniform(0.05, 0.5) / waves
        outline = outline + swing * np.cos(waves * angle + rng.uniform(0, math.tau))
    return here.cover(away - outline, soft)


def chip(f: Frame, flaw: Flaw, at: Point, radius: float) -> Plane:
    """Draw an angular fragment with straight edges."""
    away, angle = f.place(at).polar()
    knots = np.linspace(-math.pi, math.pi, 10)
    radii = flaw.size * radius * flaw.rng.uniform(0.55, 1.25, 10)
    radii[-1] = radii[0]
    outline = np.interp(angle, knots, radii).astype(np.float32)
    return f.cover(away - outline)
