"""The canvas of the miniature: coordinates, anti-aliased coverage, painting and developing.

A scene is drawn on twice the asked resolution and averaged down; every edge is in addition
smoothed over one sub-pixel, so a scene looks the same at 64 and at 512 pixels. All coordinates are
relative to the image: x to the right and y down, each from -1 to 1.
"""

import math
from dataclasses import dataclass
from typing import Any, Self, TypeAlias

import numpy as np
import numpy.typing as npt

Plane: TypeAlias = npt.NDArray[Any]
"""One float32 per sub-pixel, (N, N); with a third axis of length 3 a colour per sub-pixel."""

Color: TypeAlias = tuple[float, float, float] | Plane
"""Red, green and blue in 0..1, one for all or one per sub-pixel, (N, N, 3)."""

Point: TypeAlias = tuple[float, float]

SUPERSAMPLING = 2


@dataclass(frozen=True)
class Frame:
    """A system of coordinates on the canvas."""

    x: Plane  # coordinates of the sub-pixel centres in this frame, (N, N) float32
    y: Plane
    px: float  # side of a sub-pixel in this frame's units

    @classmethod
    def of_image(cls, side: int) -> Self:
        """Make the frame of an image `side` sub-pixels wide: -1..1 in x and in y."""
        ticks = (np.arange(side, dtype=np.float32) + 0.5) * (2 / side) - 1
        x, y = np.meshgrid(ticks, ticks)
        return cls(x, y, 2 / side)

    def place(self, at: Point = (0.0, 0.0), angle: float = 0.0, scale: float = 1.0) -> "Frame":
        """Make a frame whose origin lies at `at`, turned by `angle` radians and enlarged."""
        cos, sin = math.cos(angle) / scale, math.sin(angle) / scale
        x, y = self.x - at[0], self.y - at[1]
        return Frame(cos * x + sin * y, cos * y - sin * x, self.px / scale)

    def moved(self, dx: Plane, dy: Plane) -> "Frame":
        """Make a frame displaced per sub-pixel, which bends whatever is drawn in it."""
        return Frame(self.x + dx, self.y + dy, self.px)

    def polar(self) -> tuple[Plane, Plane]:
        """Return radius (>= 0) and angle (-pi..pi), each (N, N)."""
        return np.hypot(self.x, self.y), np.arctan2(self.y, self.x)

    def cover(self, distance: Plane, soft: float = 0.0) -> Plane:
        """Turn a signed distance (negative inside) into coverage 0..1, blurred over `soft`."""
        return np.clip(0.5 - distance / max(self.px, soft), 0, 1)

    def relief(self, height: Plane, light: float, strength: float = 1.0) -> Plane:
        """Shade a height field lit from the direction `light`: a factor around 1, (N, N)."""
        slope_y, slope_x = np.gradient(height, self.px)
        lit: Plane = slope_x * math.cos(light) + slope_y * math.sin(light)
        return np.clip(1 - strength * lit, 0.35, 1.6)


class Canvas:
    """A square picture in the making, in the end ``size`` pixels a side."""

    def __init__(self, size: int, background: Color = (0.0, 0.0, 0.0)) -> None:
        self.size = size
        side = size * SUPERSAMPLING
        self.frame = Frame.of_image(side)
        self.rgb: Plane = np.empty((side, side, 3), np.float32)
        self.rgb[:] = background

    def paint(self, color: Color, alpha: Plane | float = 1.0) -> None:
        """Lay `color` over the picture, where `alpha` (N, N) in 0..1 says how opaquely."""
        opacity = np.asarray(alpha, np.float32)[..., None]
        self.rgb += (np.asarray(color, np.float32) - self.rgb) * opacity

    def shade(self, factor: Plane | float, alpha: Plane | float = 1.0) -> None:
        """Multiply the brightness by `factor` (N, N) where `alpha` is 1."""
        weight = 1 + (np.asarray(factor, np.float32) - 1) * np.asarray(alpha, np.float32)
        self.rgb *= weight[..., None]

    def develop(self, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
        """Light, average down, add sensor noise and quantise to RGB, (S, S, 3) uint8.

        The light's gradient and gain and the noise come from `rng` alone.
        """
        direction, tilt = rng.uniform(0, math.tau), rng.uniform(0, 0.07)
        gain = rng.uniform(0.95, 1.05)
        across = self.frame.x * math.cos(direction) + self.frame.y * math.sin(direction)
        lit = self.rgb * (gain * (1 + tilt * across))[..., None]
        blocks = lit.reshape(self.size, SUPERSAMPLING, self.size, SUPERSAMPLING, 3)
        picture = blocks.mean(axis=(1, 3))
        grey = rng.normal(0, 0.010, (self.size, self.size, 1))
        chroma = rng.normal(0, 0.005, picture.shape)
        return np.asarray(np.clip(255 * (picture + grey + chroma) + 0.5, 0, 255), np.uint8)


def blend(first: Color, second: Color, share: Plane) -> Plane:
    """Mix two colours per sub-pixel: `first` where `share` is 0, `second` where it is 1."""
    start = np.asarray(first, np.float32)
    return start + (np.asarray(second, np.float32) - start) * share[..., None]


def toned(color: Color, tone: Plane) -> Plane:
    """Return a colour made brighter or darker per sub-pixel by the factor `tone` (N, N)."""
    return np.asarray(color, np.float32) * tone[..., None]


def bump(distance: Plane, width: float) -> Plane:
    """Return a bell of height 1 around distance 0 that falls to 0.37 at `width`."""
    return np.exp(-((distance / width) ** 2))
