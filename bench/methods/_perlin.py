"""What DRAEM and DSR draw alike: normal images turned at random, and the masks of anomalies.

Images are BGR, as OpenCV reads them and the authors' weights want them. Everything is drawn and
computed on the CPU, so that a seed gives the same on every device.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from destseg.images import resize_rgb

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

D = TypeVar("D", bound=np.generic)

MULTIPLE = 32
"""Sides that the networks can halve often enough."""

THRESHOLD = 0.5
"""Noise above it is anomalous."""

DEGREES = 90.0
"""The noise is rotated by an angle uniform in plus or minus this."""


def fitted(images: NDArray[np.uint8], least: int) -> NDArray[np.uint8]:
    """Bring RGB images to a side that the networks can take, and to BGR.

    Parameters
    ----------
    images : (N, S, S, 3) uint8
        RGB.
    least : int
        The least side, a multiple of 32.

    Returns
    -------
    (N, S', S', 3) uint8
        BGR; S' is the next multiple of 32, and S where that is one.
    """
    side = max(least, MULTIPLE * math.ceil(images.shape[1] / MULTIPLE))
    if side != images.shape[1]:
        images = np.stack([resize_rgb(image, side) for image in images])
    return images[..., ::-1]


def draw_normal(
    rng: Generator, images: NDArray[np.uint8], count: int, *, share: float, degrees: float
) -> NDArray[np.uint8]:
    """Draw (count, S, S, 3) images with replacement, some of them rotated.

    Parameters
    ----------
    rng : Generator
        Advanced by the draws.
    images : (N, S, S, 3) uint8
        What is drawn from.
    count : int
        How many.
    share : float
        Of images that are rotated, their corners black.
    degrees : float
        They are rotated by an angle uniform in plus or minus this.
    """
    chosen = rng.integers(len(images), size=count)
    turns = rng.random(count) > 1 - share
    angles = rng.uniform(-degrees, degrees, size=count)
    return np.stack(
        [
            rotated(images[index], angle) if turn else images[index]
            for index, turn, angle in zip(chosen, turns, angles, strict=True)
        ]
    )


def draw_masks(rng: Generator, count: int, side: int, lattice_exponents: int) -> NDArray[np.bool_]:
    """Draw (count, side, side) masks of anomalies; about one in twenty is empty.

    Perlin noise on lattices of 2**t cells along each axis, t uniform in 0 .. lattice_exponents - 1,
    rotated and compared with `THRESHOLD`.
    """
    from destseg.perlin import perlin_noise

    cells = 2 ** rng.integers(lattice_exponents, size=(count, 2))
    nodes = 2 ** (lattice_exponents - 1) + 1
    angles = 2 * math.pi * rng.random((count, nodes, nodes))
    degrees = rng.uniform(-DEGREES, DEGREES, size=count)
    noise = perlin_noise(angles, cells, (side, side))
    return np.stack([rotated(one, angle) for one, angle in zip(noise, degrees, strict=True)]) > (
        THRESHOLD
    )


def rotated(image: NDArray[D], degrees: float) -> NDArray[D]:
    """Rotate clockwise about the centre, bilinear, zero outside, as OpenCV 4 does it.

    In its fixed point: positions in 1/32 of a pixel, 8-bit results rounded half up.

    Parameters
    ----------
    image : (H, W) or (H, W, C)
        uint8 or float64.
    degrees : float
        The angle.
    """
    height, width = image.shape[:2]
    u, w = (width - 1) / 2, (height - 1) / 2
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    x, y = np.arange(width), np.arange(height)[:, None]

    def fixed(values: NDArray[Any]) -> NDArray[np.int64]:
        found: NDArray[np.int64] = np.rint(1024 * values).astype(np.int64)
        return found

    across = (fixed(c * x) + fixed(s * y + u - c * u - s * w) + 16) >> 5
    down = (fixed(-s * x) + fixed(c * y + w + s * u - c * w) + 16) >> 5
    padded = np.pad(image, [(1, 1), (1, 1), *[(0, 0)] * (image.ndim - 2)])
    exact = padded.astype(np.int64 if image.dtype == np.uint8 else np.float64)
    columns = [np.clip((across >> 5) + step, -1, width) + 1 for step in (0, 1)]
    rows = [np.clip((down >> 5) + step, -1, height) + 1 for step in (0, 1)]
    right, lower = across & 31, down & 31
    if image.ndim == 3:
        right, lower = right[..., None], lower[..., None]
    upper_row, lower_row = (
        exact[row, columns[0]] * (32 - right) + exact[row, columns[1]] * right for row in rows
    )
    total = upper_row * (32 - lower) + lower_row * lower
    eight_bit = image.dtype == np.uint8
    found: NDArray[D] = ((total + 512) >> 10 if eight_bit else total / 1024).astype(image.dtype)
    return found
