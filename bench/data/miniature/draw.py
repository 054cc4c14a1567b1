"""The canvas of the miniature: coordinates, anti-aliased coverage and painting.

A scene is drawn on twice the asked resolution and averaged down; every edge is in addition
smoothed over one sub-pixel, so a scene looks the same at 64 and at 512 pixels. All coordinates are
relative to the image: x to the right and y down, each from -1 to 1.
"""

import math
from dataclasses import dataclass, replace
from typing import Any, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from bench.data.miniature.camera import Camera, Point

Plane: TypeAlias = npt.NDArray[Any]
"""One float32 per sub-pixel, (N, N); with a first axis of length 3 a colour per sub-pixel."""

Rgb: TypeAlias = tuple[float, float, float]

Color: TypeAlias = Rgb | Plane
"""Red, green and blue in 0..1, one for all or one per sub-pixel, (3, N, N)."""

SUPERSAMPLING = 2


@dataclass(frozen=True)
class Frame:
    """A system of coordinates on the canvas."""

    x: Plane  # coordinates of the sub-pixel centres in this frame, (N, N) float32
    y: Plane
    px: float  # side of a sub-pixel in this frame's units
    light: Point  # unit vector towards the light

    @classmethod
    def of_image(cls, side: int, camera: Camera) -> Self:
        """Make the frame of an image `side` sub-pixels wide: about -1..1 in x and in y."""
        ticks = (np.arange(side, dtype=np.float32) + 0.5) * (2 / side) - 1
        x, y = np.meshgrid(ticks, ticks)
        farther = 1 + camera.tilt[0] * x + camera.tilt[1] * y
        return cls(
            x * farther, y * farther, 2 / side, (math.cos(camera.light), math.sin(camera.light))
        )

    def place(self, at: Point = (0.0, 0.0), angle: float = 0.0, scale: float = 1.0) -> "Frame":
        """Make a frame whose origin lies at `at`, turned by `angle` radians and enlarged."""
        cos, sin = math.cos(angle), math.sin(angle)
        x, y = (self.x - at[0]) * (1 / scale), (self.y - at[1]) * (1 / scale)
        toward = (
            cos * self.light[0] + sin * self.light[1],
            cos * self.light[1] - sin * self.light[0],
        )
        return Frame(cos * x + sin * y, cos * y - sin * x, self.px / scale, toward)

    def moved(self, dx: Plane | float, dy: Plane | float) -> "Frame":
        """Make a frame displaced, per sub-pixel too, which bends whatever is drawn in it."""
        return replace(self, x=self.x + dx, y=self.y + dy)

    def mirrored(self) -> "Frame":
        """Make a frame whose x runs the other way."""
        return replace(self, x=-self.x, light=(-self.light[0], self.light[1]))

    def shadow(self, length: float) -> "Frame":
        """Make a frame in which things lie where their shadows of that length fall."""
        return self.moved(length * self.light[0], length * self.light[1])

    def polar(self) -> tuple[Plane, Plane]:
        """Return radius (>= 0) and angle (-pi..pi), each (N, N)."""
        return hypot(self.x, self.y), np.arctan2(self.y, self.x)

    def lit(self) -> Plane:
        """Return how far towards the light each sub-pixel lies, (N, N)."""
        return self.x * self.light[0] + self.y * self.light[1]

    def cover(self, distance: Plane, soft: float = 0.0) -> Plane:
        """Turn a signed distance (negative inside) into coverage 0..1, blurred over `soft`."""
        return np.clip(0.5 - distance * (1 / max(self.px, soft)), 0, 1)

    def relief(self, height: Plane, strength: float = 1.0) -> Plane:
        """Shade a height field by the light: a factor around 1, (N, N)."""
        slope_y, slope_x = np.gradient(height, self.px)
        rise: Plane = slope_x * self.light[0] + slope_y * self.light[1]
        return np.clip(1 - strength * rise, 0.35, 1.6)

    def window(self, low: Point, high: Point) -> tuple[slice, slice]:
        """Return the rows and columns between which the rectangle of these corners lies."""
        inside = (self.x > low[0]) & (self.x < high[0]) & (self.y > low[1]) & (self.y < high[1])
        rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
        if not len(rows):
            return slice(0, 0), slice(0, 0)
        return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)

    def cut(self, window: tuple[slice, slice]) -> "Frame":
        """Make a frame of only these rows and columns."""
        return replace(self, x=self.x[window], y=self.y[window])


class Picture:
    """Sub-pixels to paint on."""

    def __init__(self, rgb: Plane) -> None:
        self.rgb = rgb  # (3, N, M) float32, 0..1

    def paint(self, color: Color, alpha: Plane | float = 1.0) -> None:
        """Lay `color` over the picture, where `alpha` (N, N) in 0..1 says how opaquely."""
        over = _planar(color) - self.rgb
        over *= np.asarray(alpha, np.float32)
        self.rgb += over

    def shade(self, factor: Plane | float, alpha: Plane | float = 1.0) -> None:
        """Multiply the brightness by `factor` (N, N) where `alpha` is 1."""
        self.rgb *= 1 + (np.asarray(factor, np.float32) - 1) * np.asarray(alpha, np.float32)

    def near(self, f: Frame, reach: float) -> tuple["Picture", Frame]:
        """Return the part of the picture within `reach` of a frame's origin, to be drawn on."""
        window = f.window((-reach, -reach), (reach, reach))
        return Picture(self.rgb[:, *window]), f.cut(window)


class Canvas(Picture):
    """The square picture of a whole scene."""

    def __init__(self, size: int, camera: Camera) -> None:
        side = size * SUPERSAMPLING
        super().__init__(np.zeros((3, side, side), np.float32))
        self.frame = Frame.of_image(side, camera)
        self.part = self.frame.place(camera.at, camera.angle, camera.scale)
        self.blamed: Plane | None = None  # what is defective, (N, N), see `blame`

    def blame(self, region: Plane) -> None:
        """Say what is defective where that is not just the pixels that differ.

        `region` (N, N) is above one half there. A person outlines the whole of a part that lies the
        wrong way up, although half of its pixels look as they would on the other side.
        """
        told = np.asarray(region, np.float32)
        self.blamed = told if self.blamed is None else np.maximum(self.blamed, told)


def averaged(plane: Plane) -> Plane:
    """Average sub-pixels (..., N, N) down to pixels."""
    rows = plane[..., 0::2, :] + plane[..., 1::2, :]
    pixels: Plane = (rows[..., 0::2] + rows[..., 1::2]) * np.float32(1 / SUPERSAMPLING**2)
    return pixels


def hypot(x: Plane, y: Plane) -> Plane:
    """Return the length of (x, y); several times as fast as NumPy's, which minds overflow."""
    length: Plane = np.sqrt(x * x + y * y)
    return length


def wrapped(x: Plane) -> Plane:
    """Return the fraction of `x`, in 0..1; many times as fast as NumPy's ``mod``."""
    fraction: Plane = x - np.floor(x)
    return fraction


def odd(x: Plane) -> Plane:
    """Return 1 where the whole number `x` is odd, 0 where it is even."""
    rest: Plane = x - 2 * np.floor(x * 0.5)
    return rest


def blend(first: Color, second: Color, share: Plane) -> Plane:
    """Mix two colours per sub-pixel: `first` where `share` is 0, `second` where it is 1."""
    start = _planar(first)
    mixed: Plane = start + (_planar(second) - start) * share
    return mixed


def toned(color: Color, tone: Plane) -> Plane:
    """Return a colour made brighter or darker per sub-pixel by the factor `tone` (N, N)."""
    return _planar(color) * tone


def varied(color: Rgb, rng: np.random.Generator, by: float = 0.06) -> Rgb:
    """Draw the colour of one part: brightness and, by a third of that, each channel vary."""
    tone = rng.uniform(-by, by)
    red, green, blue = (c * (1 + tone + rng.uniform(-by, by) / 3) for c in color)
    return red, green, blue


def bump(distance: Plane, width: float) -> Plane:
    """Return a bell of height 1 around distance 0 that falls to 0.37 at `width`."""
    scaled = distance * (1 / width)
    return np.exp(-scaled * scaled)


def _planar(color: Color) -> Plane:
    planes = np.asarray(color, np.float32)
    return planes[:, None, None] if planes.ndim == 1 else planes
