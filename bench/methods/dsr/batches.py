"""The images of DSR's three trainings; each batch is a function of a seed and its index."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np
import torch

from bench.methods._perlin import draw_masks, draw_normal
from bench.methods._two_class import blended
from bench.methods.dsr.anomalies import Draws, draw
from destseg import feeding
from destseg.batches import as_tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.random import Generator
    from numpy.typing import NDArray
    from torch import Tensor

T = TypeVar("T")

ROTATED, ROTATED_LAST = 0.4, 0.3
"""Share of the normal images that are rotated, in the second and the third training."""

DEGREES = 90.0

MAX_ORIGINAL_WEIGHT = 0.8
"""Of the image under a smudge."""

CELL = 8
"""Pixels of a coarse cell; the sides of crops are multiples of it."""


class Normal(NamedTuple):
    """A batch of the second training; images are BGR in [0, 1]."""

    images: Tensor
    """(B, 3, H, W) float32."""
    mask: Tensor
    """(B, 1, H, W) float32 of 0 and 1: where codes are to be replaced."""
    draws: Draws
    """How."""


class Smudged(NamedTuple):
    """A batch of the third training."""

    images: Tensor
    """(B, 3, H, W) float32, some with a patch of one colour."""
    mask: Tensor
    """(B, 1, H, W) float32 of 0 and 1."""


def stream(
    draw_one: Callable[[Generator], T], *, steps: int, seed: int, device: str
) -> Iterator[T]:
    """Yield batches on a device; for an accelerator they are drawn ahead.

    Parameters
    ----------
    draw_one : callable
        Random generator -> a tensor, or a named tuple of such.
    steps, seed : int
        Number of batches, and the seed of everything random.
    device : str
        Where they go.
    """

    def one(index: int) -> T:
        return draw_one(np.random.default_rng((seed, index)))

    return feeding.stream(one, range(steps), device)


def draw_crops(rng: Generator, images: NDArray[np.uint8], count: int) -> Tensor:
    """Draw (count, 3, s, s) crops of (N, S, S, 3), flipped at random; s is about 7/8 of S."""
    side = images.shape[1]
    size = side * 7 // 8 // CELL * CELL
    crops = []
    for index in rng.integers(len(images), size=count):
        top, left = rng.integers(side - size + 1, size=2)
        crop = images[index, top : top + size, left : left + size]
        across, down = rng.integers(2, size=2)
        crops.append(crop[:: -1 if down else 1, :: -1 if across else 1])
    return as_tensor(np.stack(crops))


def draw_normal_batch(
    rng: Generator,
    images: NDArray[np.uint8],
    count: int,
    *,
    lattice_exponents: int,
    clean_share: float,
    least_strength: float,
) -> Normal:
    """Draw a batch of the second training.

    Parameters
    ----------
    rng : Generator
        Advanced by the draws.
    images : (N, S, S, 3) uint8
        BGR.
    count : int
        Images in the batch.
    lattice_exponents, clean_share, least_strength
        See `bench.methods.dsr.config.Config`.
    """
    shown = draw_normal(rng, images, count, share=ROTATED, degrees=DEGREES)
    mask = _masks(rng, count, images.shape[1], lattice_exponents, clean_share)
    return Normal(as_tensor(shown), mask.float(), draw(rng, count, images.shape[1], least_strength))


def draw_smudged_batch(
    rng: Generator,
    images: NDArray[np.uint8],
    count: int,
    *,
    lattice_exponents: int,
    clean_share: float,
) -> Smudged:
    """Draw a batch of the third training; see `draw_normal_batch`."""
    shown = draw_normal(rng, images, count, share=ROTATED_LAST, degrees=DEGREES)
    mask = _masks(rng, count, images.shape[1], lattice_exponents, clean_share)
    colours = torch.from_numpy(rng.random((count, 3, 1, 1), dtype=np.float32))
    weights = torch.from_numpy(rng.random((count, 1, 1, 1), dtype=np.float32))
    smudged = blended(as_tensor(shown), colours, mask, MAX_ORIGINAL_WEIGHT * weights)
    return Smudged(smudged, mask.float())


def _masks(
    rng: Generator, count: int, side: int, lattice_exponents: int, clean_share: float
) -> Tensor:
    masks = draw_masks(rng, count, side, lattice_exponents)
    masks[rng.random(count) > 1 - clean_share] = False
    return torch.from_numpy(masks).unsqueeze(1)
