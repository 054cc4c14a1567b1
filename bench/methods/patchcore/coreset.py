"""The patches that PatchCore keeps: a greedy cover of all of them, chosen by their projections.

Of N patches of d numbers it holds N * (d + 128) float32 numbers, and no matrix of N x N.
"""

import math
from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

PROJECTED = 128
"""Numbers of a patch by which the choice is made."""

STARTS = 10
"""Random patches whose mean distance is a patch's first value."""


def draw_projection(dims: int, seed: int) -> Tensor | None:
    """Draw the weights (128, dims) of torch's default linear layer; None if no fewer than dims.

    The program projects patches of less than 128 numbers as well, up to 128.
    """
    if dims <= PROJECTED:
        return None
    bound = 1 / math.sqrt(dims)
    drawn = np.random.default_rng(seed).uniform(-bound, bound, (PROJECTED, dims))
    return torch.from_numpy(drawn.astype(np.float32))


def draw_starts(count: int, seed: int) -> Tensor:
    """Draw ten of so many patches, or all where there are fewer."""
    return torch.from_numpy(np.random.default_rng(seed).permutation(count)[:STARTS])


def collect(parts: Iterable[Tensor], count: int) -> Tensor:
    """Put the patches of ``count`` images, some images (b, h, w, d) at a time, into one bank.

    Returns
    -------
    Tensor
        (count * h * w, d); the parts are not kept.
    """
    bank: Tensor | None = None
    filled = 0
    for part in parts:
        vectors = part.flatten(0, 2)
        if bank is None:
            bank = vectors.new_empty(count * part[0, ..., 0].numel(), part.shape[3])
        bank[filled : filled + len(vectors)] = vectors
        filled += len(vectors)
    assert bank is not None
    assert filled == len(bank)
    return bank


def project(bank: Tensor, weights: Tensor | None) -> Tensor:
    """Project patches (N, d) by weights (m, d); without them they stay as they are."""
    return bank if weights is None else bank @ weights.to(bank).T


def greedy_cover(points: Tensor, count: int, starts: Tensor | None) -> tuple[Tensor, Tensor]:
    """Pick again and again the point that is farthest from those picked.

    Parameters
    ----------
    points : Tensor
        (N, m) float.
    count : int
        How many to pick; where there are fewer distinct ones, some are picked again.
    starts : Tensor or None
        Indices of points. A point's first value is the mean of its distances to them, which stays
        as an upper limit; they are not picked themselves. None for the program's exact sampler,
        where it is the root of the sum of squared distances to all.

    Returns
    -------
    picks : Tensor
        (count,) int64 indices in the order in which they were picked, of equals the first.
    values : Tensor
        (count,) the value of each when it was picked.
    """
    squares = points.square().sum(dim=1)

    def distances(index: Tensor) -> Tensor:
        product = points @ points[index]
        return (squares + squares[index] - 2 * product).clamp_(min=0).sqrt_()

    if starts is None:
        # The norms of the rows of the matrix of distances, without the matrix.
        sums = len(points) * squares + squares.sum() - 2 * points @ points.sum(dim=0)
        value = sums.clamp_(min=0).sqrt_()
    else:
        value = torch.zeros_like(squares)
        for start in starts:
            value += distances(start)
        value /= len(starts)
    picks = torch.empty(count, dtype=torch.int64, device=points.device)
    values = points.new_empty(count)
    for turn in range(count):
        index = value.argmax()
        picks[turn], values[turn] = index, value[index]
        torch.minimum(value, distances(index), out=value)
    return picks, values
