"""PatchCore's description of a patch: neighbourhoods of two feature levels, averaged to d numbers.

The authors' program is followed; what differs from the paper is in ``docs/differences.md``.
"""

import copy
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from numpy.typing import NDArray
from torch import Tensor, nn

from destseg.batches import as_tensor, normalise

BATCH = 8
"""Images that are looked at together."""

Backbone = Callable[[Tensor], tuple[Tensor, ...]]
"""Normalised images (B, 3, H, W) to layers 1, 2 and 3."""


def with_moved_statistics(backbone: nn.Module, size: Sequence[int]) -> nn.Module:
    """Return a copy whose BatchNorms have seen one image of ones in training mode.

    As happens when the authors' program loads a model, to learn how many channels it has.

    Parameters
    ----------
    backbone : nn.Module
        Left as it is.
    size : sequence of int
        Height and width of the image, such that layer 3 has more than one cell.
    """
    moved = copy.deepcopy(backbone).train()
    ones = torch.ones(1, 3, *size, device=next(moved.parameters()).device)
    with torch.no_grad():
        moved(ones)
    return moved.eval()


def patches(features: Tensor, side: int) -> Tensor:
    """Cut the square neighbourhood of every cell, in zeros beyond the border.

    Parameters
    ----------
    features : Tensor
        (B, C, h, w).
    side : int
        Of a neighbourhood in cells, odd.

    Returns
    -------
    Tensor
        (B, C * side**2, h, w): for each cell the values by channel, row and column.
    """
    cut = F.unfold(features, kernel_size=side, padding=(side - 1) // 2)
    return cut.reshape(*cut.shape[:2], *features.shape[2:])


def embed(levels: Sequence[Tensor], *, side: int, level_dims: int, dims: int) -> Tensor:
    """Describe every patch of the first level's grid by ``dims`` numbers.

    Each level's neighbourhoods are cut on its own grid, brought to the first one's plane by plane,
    and averaged to ``level_dims`` numbers; these, one level after the other, to ``dims``. Both
    averages are over neighbours in the flattened order of channels, rows and columns.

    Parameters
    ----------
    levels : sequence of Tensor
        (B, C_k, h_k, w_k).
    side : int
        Of a patch in cells.
    level_dims, dims : int
        Numbers after the first and the second average.

    Returns
    -------
    Tensor
        (B * h_1 * w_1, dims), images one after the other, cells row by row.
    """
    grid = levels[0].shape[2:]
    pooled = []
    for level in levels:
        aligned = F.interpolate(patches(level, side), size=grid, mode="bilinear")
        vectors = aligned.flatten(2).transpose(1, 2).flatten(0, 1)
        pooled.append(F.adaptive_avg_pool1d(vectors.unsqueeze(1), level_dims).squeeze(1))
    return F.adaptive_avg_pool1d(torch.cat(pooled, dim=1).unsqueeze(1), dims).squeeze(1)


def centre(images: NDArray[np.uint8], side: int | None) -> NDArray[np.uint8]:
    """Cut images (N, H, W, 3) to a centre of a side, where one is given.

    Raises
    ------
    ValueError
        When it is larger than the images.
    """
    height, width = images.shape[1:3]
    if side is None:
        return images
    if side > min(height, width):
        raise ValueError(f"crop is {side}, images are {height}x{width}; set a smaller crop")
    top, left = (height - side) // 2, (width - side) // 2
    return images[:, top : top + side, left : left + side]


@torch.no_grad()
def embeddings(
    backbone: Backbone,
    images: NDArray[np.uint8],
    *,
    side: int,
    dims: int | None,
    device: torch.device | str = "cpu",
) -> Iterator[Tensor]:
    """Describe the patches of images (N, H, W, 3), a few images at a time.

    Parameters
    ----------
    backbone : callable
        In evaluation mode, on the device.
    images : ndarray
        uint8 RGB.
    side : int
        Of a patch in cells.
    dims : int or None
        Numbers of a patch; None for as many as layer 3 has channels.

    Yields
    ------
    Tensor
        (b, h, w, dims) float32, on the device.
    """
    for start in range(0, len(images), BATCH):
        shown = normalise(as_tensor(images[start : start + BATCH], device))
        levels = backbone(shown)[1:]
        numbers = levels[1].shape[1] if dims is None else dims
        found = embed(levels, side=side, level_dims=numbers, dims=numbers)
        yield found.reshape(len(shown), *levels[0].shape[2:], numbers)
