"""Synthetic anomalies: Perlin-noise masks filled with foreign textures (paper, section 3.1).

Everything is drawn and computed on the CPU, so that a seed gives the same bits on every device;
image by image, which stay in the processor's cache.
"""

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import TypeVar

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from numpy.typing import NDArray
from torch import Tensor

from destseg.config import AnomalyConfig
from destseg.perlin import write_noise

T = TypeVar("T", NDArray[np.float32], Tensor)


def draw_angles(rng: np.random.Generator, count: int, config: AnomalyConfig) -> NDArray[np.float64]:
    """Draw (count,) angles in degrees by which noises are rotated."""
    return rng.uniform(-config.max_rotation, config.max_rotation, size=count)


def draw_masks(
    rng: np.random.Generator,
    count: int,
    size: tuple[int, int],
    config: AnomalyConfig = AnomalyConfig(),
    *,
    degrees: NDArray[np.float64] | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Draw anomaly masks; about one in twenty is empty, as in the program.

    Parameters
    ----------
    rng : numpy.random.Generator
        Advanced by the draws.
    count : int
        Number of masks.
    size : tuple of int
        Height H and width W.
    config : AnomalyConfig
        How anomalies are drawn.
    degrees : ndarray, optional
        (count,) angles of the noises; drawn when None.
    out : Tensor, optional
        Where masks are written, instead of new memory: float32 or bool.

    Returns
    -------
    Tensor
        (count, 1, H, W) of 0 and 1, float32 unless ``out`` is not.
    """
    cells = 2 ** rng.integers(config.lattice_exponents, size=(count, 2))
    nodes = 2 ** (config.lattice_exponents - 1) + 1
    angles = 2 * math.pi * rng.random((count, nodes, nodes))
    if degrees is None:
        degrees = draw_angles(rng, count, config)
    masks = torch.empty(count, 1, *size) if out is None else out
    noise = torch.empty(1, 1, *size)
    grids = _rotations(degrees, size)
    lattices = zip(angles, cells.tolist(), grids, masks, strict=True)
    for lattice, (rows, columns), grid, mask in lattices:
        write_noise(noise.numpy()[0, 0], lattice[: rows + 1, : columns + 1])
        torch.gt(_sampled(noise, grid), config.threshold, out=mask.unsqueeze(0))
    return masks


def draw_weights(
    rng: np.random.Generator, count: int, config: AnomalyConfig = AnomalyConfig()
) -> NDArray[np.float32]:
    """Draw the (count, 1) weights in [0, 1) of original images under their masks."""
    return (config.max_original_weight * rng.random((count, 1))).astype(np.float32)


def blended(images: T, sources: T, original: T) -> T:
    """Blend images with sources, both in [0, 1]; ``original`` is the weight of the images."""
    return (1 - original) * sources + original * images


def corrupt(
    images: Tensor,
    sources: Tensor,
    rng: np.random.Generator,
    config: AnomalyConfig = AnomalyConfig(),
) -> tuple[Tensor, Tensor]:
    """Blend foreign textures into images under random masks.

    Parameters
    ----------
    images, sources : Tensor
        (B, 3, H, W) float32 in [0, 1] on the CPU, normal images and anomaly source textures.
    rng, config
        See `draw_masks`.

    Returns
    -------
    corrupted : Tensor
        (B, 3, H, W) float32 in [0, 1].
    mask : Tensor
        (B, 1, H, W) float32 of 0 and 1.
    """
    count, _, height, width = images.shape
    mask = draw_masks(rng, count, (height, width), config)
    original = torch.from_numpy(draw_weights(rng, count, config)).view(-1, 1, 1, 1)
    return torch.where(mask > 0, blended(images, sources, original), images), mask


def _rotations(degrees: NDArray[np.float64], size: tuple[int, int]) -> Iterator[Tensor]:
    """Where pixels of noise rotated about the image centre come from, (1, H, W, 2) for each.

    The bits of ``affine_grid`` of all, without its homogeneous grid for each of a batch. All
    coordinates across lie before all those down in memory: ``grid_sample`` has less to sort then.
    """
    height, width = size
    radians = torch.from_numpy(np.radians(degrees)).float()
    cos, sin = torch.cos(radians), torch.sin(radians)
    # grid_sample's coordinates run over [-1, 1] on each axis: keep the angle true off square.
    aspect = (height - 1) / max(width - 1, 1)
    turned = torch.stack([cos, -sin * aspect, sin / aspect, cos], dim=1).view(-1, 2, 2)
    upright = _upright(height, width)
    for matrix in turned:
        yield (matrix @ upright).view(1, 2, height, width).permute(0, 2, 3, 1)


@lru_cache(maxsize=8)
def _upright(height: int, width: int) -> Tensor:
    """Coordinates of pixels, across and down: (2, H W)."""
    across, down = torch.linspace(-1, 1, width), torch.linspace(-1, 1, height)
    return torch.stack(torch.meshgrid(across, down, indexing="xy")).view(2, -1)


def _sampled(noise: Tensor, grid: Tensor) -> Tensor:
    """Bilinear, zero outside."""
    return F.grid_sample(noise, grid, mode="bilinear", padding_mode="zeros", align_corners=True)
