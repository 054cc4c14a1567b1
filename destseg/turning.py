"""Normal images turned at random: by Pillow, or on any device to the bits that Pillow makes."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from destseg.config import Rotation

ROTATION_FILL = (114, 114, 114)
_QUARTERS = (
    Image.Transpose.ROTATE_90,
    Image.Transpose.ROTATE_180,
    Image.Transpose.ROTATE_270,
)


class Turn(NamedTuple):
    """How an image is turned, counter-clockwise: first by quarters, then by an angle."""

    quarters: int
    degrees: float


def draw_turn(rotation: Rotation, rng: np.random.Generator) -> Turn:
    """Draw how an image is turned; the generator is advanced by what the policy leaves open."""
    quarters = int(rng.integers(4)) if rotation.quarter_turns else 0
    limit = rotation.degrees
    return Turn(quarters, rng.uniform(-limit, limit) if limit > 0 else 0.0)


def turned(image: NDArray[np.uint8], turn: Turn) -> NDArray[np.uint8]:
    """Turn an image (H, W, 3); corners turned into view are grey."""
    if not any(turn):
        return image
    result = Image.fromarray(image)
    # Pillow moves pixels, NumPy bytes, for which it takes five times as long.
    if turn.quarters:
        result = result.transpose(_QUARTERS[turn.quarters - 1])
    if turn.degrees:
        result = result.rotate(turn.degrees, Image.Resampling.BILINEAR, fillcolor=ROTATION_FILL)
    return np.asarray(result)


class PlacedImages:
    """Images on a device, where they are turned as `turned` does it, to the same bits.

    All arithmetic is of single operations that IEEE 754 rounds, in the order of Pillow's, so that
    no device has a choice. Nothing waits for the device.

    Parameters
    ----------
    images : ndarray
        (N, H, W, 3) uint8, square where quarter turns are asked for.
    device : torch.device or str
        Where they are; it must know float64 where they are to be rotated.
    """

    def __init__(self, images: NDArray[np.uint8], device: torch.device | str) -> None:
        self._height, self._width = images.shape[1:3]
        self._pixels = torch.from_numpy(np.array(images)).to(device).view(-1, 3)
        self._fill = torch.tensor(ROTATION_FILL, dtype=torch.uint8, device=device)
        self._rows = torch.arange(self._height, device=device).view(-1, 1)
        self._columns = torch.arange(self._width, device=device)

    def turned(self, ways: Tensor, matrices: Tensor | None = None) -> Tensor:
        """Return images, turned.

        Parameters
        ----------
        ways : Tensor
            (B, 3) int64, a `way` for each.
        matrices : Tensor, optional
            (B, 6) float64, a `matrix` for each; none is rotated without.

        Returns
        -------
        Tensor
            (B, H, W, 3) uint8.
        """
        start, down, right = ways[:, :, None, None].unbind(1)

        def pixels(rows: Tensor, columns: Tensor) -> Tensor:
            return self._pixels[start + down * rows + right * columns]

        if matrices is None:
            return pixels(self._rows, self._columns)
        a, b, c, d, e, f = matrices[:, :, None, None].unbind(1)
        across, along = self._columns.double() + 0.5, self._rows.double() + 0.5
        x, y = a * across + b * along + c, d * across + e * along + f
        inside = (x >= 0) & (x < self._width) & (y >= 0) & (y < self._height)
        (left, behind), x = _neighbours(x, self._width)
        (above, below), y = _neighbours(y, self._height)
        upper = _between(pixels(above, left), pixels(above, behind), x)
        lower = _between(pixels(below, left), pixels(below, behind), x)
        values = _between(upper, lower, y).to(torch.uint8)  # towards zero, as Pillow rounds
        return torch.where(inside[..., None], values, self._fill)


def way(place: int, quarters: int, size: Sequence[int]) -> tuple[int, int, int]:
    """Say how to go through the pixels of all images to find an image turned by quarters.

    Parameters
    ----------
    place : int
        Of the image, among those of one size.
    quarters : int
        Quarter turns.
    size : sequence of int
        Height and width.

    Returns
    -------
    tuple of int
        Where its first pixel is, and how far from each pixel those below and to the right are.
    """
    height, width = size
    start, down, right = (
        (0, width, 1),
        (width - 1, -1, width),
        (height * width - 1, -width, -1),
        ((height - 1) * width, 1, -width),
    )[quarters]
    return place * height * width + start, down, right


def matrix(degrees: float, size: Sequence[int]) -> tuple[float, float, float, float, float, float]:
    """Say where pixels come from in an image (height, width) rotated about its middle.

    As Pillow's ``rotate`` computes it: the pixel x, y comes from a x + b y + c, d x + e y + f.
    """
    height, width = size
    angle = -math.radians(degrees % 360.0)
    a, b, d = (round(v, 15) for v in (math.cos(angle), math.sin(angle), -math.sin(angle)))
    c = a * (-width / 2) + b * (-height / 2) + width / 2
    f = d * (-width / 2) + a * (-height / 2) + height / 2
    return a, b, c, d, a, f


def _neighbours(position: Tensor, length: int) -> tuple[tuple[Tensor, Tensor], Tensor]:
    """Return the pixels before and after positions on an axis, and how far from the first."""
    position = position - 0.5
    before = position.floor()
    index = before.long()
    pair = index.clamp(0, length - 1), (index + 1).clamp(0, length - 1)
    return pair, (position - before)[..., None]


def _between(one: Tensor, other: Tensor, share: Tensor) -> Tensor:
    one = one.double()
    return one + (other.double() - one) * share
