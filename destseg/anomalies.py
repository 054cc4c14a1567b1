"""Synthetic anomalies: Perlin-noise masks filled with foreign textures (paper, section 3.1).

Everything random is drawn on the CPU from one NumPy generator, so that a seed gives the
same images on every device; the arithmetic runs where the images are.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from numpy.typing import NDArray
from torch import Tensor

from destseg.config import AnomalyConfig


def perlin_noise(
    angles: NDArray[np.float64],
    cells: NDArray[np.int64],
    size: tuple[int, int],
    device: torch.device | str = "cpu",
) -> Tensor:
    """Gradient noise on a lattice of its own for each sample.

    Parameters
    ----------
    angles : ndarray
        (B, R + 1, C + 1) gradient angles in radians; a sample with r rows and c columns of
        cells uses the first r + 1 rows and c + 1 columns.
    cells : ndarray
        (B, 2) rows and columns of cells, at most R and C.
    size : tuple of int
        Height H and width W of the result.
    device : torch.device or str
        Where the arithmetic runs.

    Returns
    -------
    Tensor
        (B, H, W) float64, about [-1, 1].
    """
    row_cell, row_part, row_fade = (
        torch.from_numpy(term).to(device).unsqueeze(2) for term in _axis(cells[:, 0], size[0])
    )
    col_cell, col_part, col_fade = (
        torch.from_numpy(term).to(device).unsqueeze(1) for term in _axis(cells[:, 1], size[1])
    )
    cosines, sines = (torch.from_numpy(part).to(device) for part in gradients(angles))
    sample = torch.arange(len(cells), device=device).unsqueeze(1)
    columns = col_cell.expand(-1, size[0], -1)

    def corner(down: int, right: int) -> Tensor:
        # Whole lattice rows first, then columns: far quicker than one gather by three indices.
        nodes = (sample, row_cell.squeeze(2) + down)
        cosine = cosines[nodes].gather(2, columns + right)
        sine = sines[nodes].gather(2, columns + right)
        return (row_part - down) * cosine + (col_part - right) * sine

    upper = _lerp(corner(0, 0), corner(1, 0), row_fade)
    lower = _lerp(corner(0, 1), corner(1, 1), row_fade)
    return math.sqrt(2) * _lerp(upper, lower, col_fade)


def gradients(angles: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the cosines and sines of angles, correctly rounded.

    In long double first: NumPy's own differ in their last bits from one processor to another,
    and seeds are to mean the same everywhere.
    """
    wide = angles.astype(np.longdouble)
    return np.cos(wide).astype(np.float64), np.sin(wide).astype(np.float64)


def fade(t: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return Perlin's blending weight 6t^5 - 15t^4 + 10t^3, its powers correctly rounded."""
    wide = t.astype(np.longdouble)
    cube = wide * wide * wide
    t3, t4, t5 = (p.astype(np.float64) for p in (cube, cube * wide, cube * wide * wide))
    weight: NDArray[np.float64] = 6 * t5 - 15 * t4 + 10 * t3
    return weight


def draw_angles(rng: np.random.Generator, count: int, config: AnomalyConfig) -> NDArray[np.float64]:
    """Draw (count,) angles in degrees by which noises are rotated."""
    return rng.uniform(-config.max_rotation, config.max_rotation, size=count)


def draw_masks(
    rng: np.random.Generator,
    count: int,
    size: tuple[int, int],
    config: AnomalyConfig = AnomalyConfig(),
    device: torch.device | str = "cpu",
    *,
    degrees: NDArray[np.float64] | None = None,
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
    device : torch.device or str
        Where the arithmetic runs.
    degrees : ndarray, optional
        (count,) angles of the noises; drawn when None.

    Returns
    -------
    Tensor
        (count, 1, H, W) float32 of 0 and 1.
    """
    cells = 2 ** rng.integers(config.lattice_exponents, size=(count, 2))
    nodes = 2 ** (config.lattice_exponents - 1) + 1
    angles = 2 * math.pi * rng.random((count, nodes, nodes))
    if degrees is None:
        degrees = draw_angles(rng, count, config)
    noise = perlin_noise(angles, cells, size, device).float().unsqueeze(1)
    return (_rotated(noise, degrees) > config.threshold).float()


def corrupt(
    images: Tensor,
    sources: Tensor,
    rng: np.random.Generator,
    config: AnomalyConfig = AnomalyConfig(),
    *,
    degrees: NDArray[np.float64] | None = None,
) -> tuple[Tensor, Tensor]:
    """Blend foreign textures into images under random masks.

    Parameters
    ----------
    images, sources : Tensor
        (B, 3, H, W) float32 in [0, 1], normal images and anomaly source textures.
    rng, config, degrees
        See `draw_masks`.

    Returns
    -------
    corrupted : Tensor
        (B, 3, H, W) float32 in [0, 1].
    mask : Tensor
        (B, 1, H, W) float32 of 0 and 1.
    """
    count, _, height, width = images.shape
    mask = draw_masks(rng, count, (height, width), config, images.device, degrees=degrees)
    weights = config.max_original_weight * rng.random((count, 1, 1, 1))
    original = torch.from_numpy(weights).to(images)
    blended = (1 - original) * sources + original * images
    return torch.where(mask > 0, blended, images), mask


def _axis(
    cells: NDArray[np.int64], length: int
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Cell index, position inside the cell and its fade, each (B, length)."""
    position = np.arange(length) * cells[:, None] / length
    index = np.floor(position).astype(np.int64)
    t = position - index
    return index, t, fade(t)


def _lerp(start: Tensor, end: Tensor, weight: Tensor) -> Tensor:
    return start + (end - start) * weight


def _rotated(noise: Tensor, degrees: NDArray[np.float64]) -> Tensor:
    """Rotate (B, 1, H, W) about the image centre, bilinear, zero outside.

    Not by torchvision, which turns a whole batch by one angle, on a grid with other last bits.
    """
    height, width = noise.shape[-2:]
    radians = torch.from_numpy(np.radians(degrees)).to(noise)
    cos, sin = torch.cos(radians), torch.sin(radians)
    # grid_sample's coordinates run over [-1, 1] on each axis: keep the angle true off square.
    aspect = (height - 1) / max(width - 1, 1)
    zero = torch.zeros_like(cos)
    matrix = torch.stack([cos, -sin * aspect, zero, sin / aspect, cos, zero], dim=1)
    grid = F.affine_grid(matrix.view(-1, 2, 3), list(noise.shape), align_corners=True)
    return F.grid_sample(noise, grid, mode="bilinear", padding_mode="zeros", align_corners=True)
