"""What all categories have in common: how a part lies before the camera, and the photograph."""

import math
from dataclasses import dataclass
from typing import Any, Self, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Point: TypeAlias = tuple[float, float]


@dataclass(frozen=True)
class Play:
    """How freely the parts of a category lie."""

    shift: float  # farthest from the middle, in x and in y, where the image is 2 wide
    turn: float  # greatest angle in radians, to both sides
    scale: Point  # smallest and largest


@dataclass(frozen=True)
class Camera:
    """One photograph: the part's pose, the light, the lens and the sensor.

    It comes from the sample's seed alone, so that it is the same with a flaw and without.
    """

    at: Point  # where the part's origin lies
    angle: float  # of the part, in radians
    scale: float
    tilt: Point  # perspective: how much larger the picture is at x = 1 and at y = 1
    light: float  # direction to the light in the image, in radians
    gain: float
    slope: float  # how much brighter the picture is towards the light
    warmth: float  # of the light's colour: more red and less blue
    vignette: float  # share of the light that is lost in the corners
    blur: float  # standard deviation of the focus, in widths of the image
    noise: float  # standard deviation of the sensor

    @classmethod
    def drawn(cls, rng: np.random.Generator, play: Play) -> Self:
        """Draw a camera for a part that lies as freely as told."""
        return cls(
            at=(rng.uniform(-play.shift, play.shift), rng.uniform(-play.shift, play.shift)),
            angle=rng.uniform(-play.turn, play.turn),
            scale=rng.uniform(*play.scale),
            tilt=(rng.uniform(-0.04, 0.04), rng.uniform(-0.04, 0.04)),
            light=-2.1 + rng.uniform(-0.7, 0.7),
            gain=rng.uniform(0.78, 1.22),
            slope=rng.uniform(0.0, 0.26),
            warmth=rng.uniform(-0.06, 0.06),
            vignette=rng.uniform(0.0, 0.24),
            blur=rng.uniform(0.1, 0.7) / 64,
            noise=rng.uniform(0.006, 0.016),
        )

    def expose(self, picture: npt.NDArray[Any], rng: np.random.Generator) -> npt.NDArray[np.uint8]:
        """Light a scene (3, S, S), image it with lens and sensor, and return RGB (S, S, 3) uint8.

        Only the sensor's noise is drawn from `rng`.
        """
        side = picture.shape[1]
        ticks = (np.arange(side, dtype=np.float32) + 0.5) * (2 / side) - 1
        x, y = ticks, ticks[:, None]
        lit = self.gain * (1 + self.slope * (x * math.cos(self.light) + y * math.sin(self.light)))
        lit = lit * (1 - self.vignette / 2 * (x * x + y * y))
        color = np.array([1 + self.warmth, 1.0, 1 - self.warmth], np.float32)
        seen = picture * (color[:, None, None] * lit)
        for axis in (1, 2):
            seen = ndimage.gaussian_filter1d(seen, self.blur * side, axis, truncate=3)
        grey = rng.standard_normal((side, side), np.float32)
        chroma = rng.standard_normal(seen.shape, np.float32)
        seen += self.noise * (grey + 0.5 * chroma)
        return np.asarray(np.clip(255 * seen + 0.5, 0, 255).transpose(1, 2, 0), np.uint8, "C")
