"""DSR's anomalies: codes replaced by others that are near, at one level or both (section 2.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor

from bench.methods.dsr.quantiser import as_vectors

if TYPE_CHECKING:
    from numpy.random import Generator

    from bench.methods.dsr.latent import Latent, LatentModel
    from bench.methods.dsr.quantiser import Quantised, Quantiser

LEFT_OUT = 0.05
"""Share of the codes, the nearest, that never replace another."""

LO, HI = 8, 4
"""Pixels along a side of a cell of either level."""


class Draws(NamedTuple):
    """The random parts of a batch's anomalies, apart from their masks."""

    strength_lo: Tensor
    """(B,) float32, the share of the codes among which replacements are drawn."""
    strength_hi: Tensor
    """(B,) float32."""
    lo: Tensor
    """(B, H/8, W/8) in [0, 1), of which rank the replacement is."""
    hi_after_lo: Tensor
    """(B, H/4, W/4) in [0, 1), where the coarse level is anomalous too."""
    hi_alone: Tensor
    """(B, H/4, W/4) in [0, 1), where it is not."""
    both: Tensor
    """(B,) bool: whether both levels are anomalous."""
    only_lo: Tensor
    """(B,) bool: of the others, whether the coarse one is."""


class Corrupted(NamedTuple):
    """Codes with anomalies in them."""

    lo: Tensor
    """(B, D, H/8, W/8)."""
    hi: Tensor
    """(B, D, H/4, W/4)."""
    truth: Tensor
    """(B, 1, H, W) float of 0 and 1, in blocks of the cells that were changed."""


def draw(rng: Generator, count: int, side: int, least_strength: float) -> Draws:
    """Draw the random parts of a batch of square images.

    Parameters
    ----------
    rng : Generator
        Advanced by the draws.
    count, side : int
        Number of images, and their side.
    least_strength : float
        Strengths are uniform from this to 1.
    """

    def uniform(*shape: int) -> Tensor:
        return torch.from_numpy(rng.random(shape, dtype=np.float32))

    lo, hi = (count, side // LO, side // LO), (count, side // HI, side // HI)
    return Draws(
        least_strength + (1 - least_strength) * uniform(count),
        least_strength + (1 - least_strength) * uniform(count),
        uniform(*lo),
        uniform(*hi),
        uniform(*hi),
        uniform(count) > 0.5,
        uniform(count) > 0.5,
    )


def replaced(
    found: Quantised, quantiser: Quantiser, mask: Tensor, strength: Tensor, ranks: Tensor
) -> Tensor:
    """Replace codes under a mask by others that are near the unquantised features.

    Parameters
    ----------
    found : Quantised
        Features of a level and their codes.
    quantiser : Quantiser
        Of the level.
    mask : Tensor
        (B, 1, H, W) of 0 and 1; a cell is anomalous if any of its pixels is.
    strength : Tensor
        (B,), the share of the codes among which replacements are drawn.
    ranks : Tensor
        (B, h, w) in [0, 1).

    Returns
    -------
    Tensor
        (B, D, h, w).
    """
    height, width = ranks.shape[1:]
    small = F.adaptive_max_pool2d(mask, (height, width)).squeeze(1) > 0
    places = small.flatten().nonzero().squeeze(1)  # once: a GPU is waited for
    codes = len(quantiser.embedding)
    first = int(LEFT_OUT * codes)
    most = ((strength * codes).long() + 1).clamp(1, codes - 1)
    count = (most - first)[:, None, None].expand_as(ranks).flatten()[places].double()
    rank = first + (ranks.flatten()[places] * count).floor().long()
    distances = quantiser.distances(as_vectors(found.features)[places])
    others = distances.argsort(dim=1).gather(1, rank[:, None]).squeeze(1)
    maps = found.codes.flatten().index_copy(0, places, others).view_as(found.codes)
    return torch.where(small.unsqueeze(1), quantiser.values(maps), found.values)


@torch.no_grad()
def corrupted(model: LatentModel, latent: Latent, mask: Tensor, draws: Draws) -> Corrupted:
    """Put anomalies into the codes of images.

    Parameters
    ----------
    model : LatentModel
        In evaluation mode.
    latent : Latent
        What it makes of the clean images.
    mask : Tensor
        (B, 1, H, W) float of 0 and 1.
    draws : Draws
        The other random parts.
    """
    lo = replaced(latent.lo, model.lo, mask, draws.strength_lo, draws.lo)
    # The fine level's features see the coarse codes: they are others everywhere around.
    after = model.hi(model.features_hi(latent.fine, model.upsample_t(lo)))
    with_lo = replaced(after, model.hi, mask, draws.strength_hi, draws.hi_after_lo)
    alone = replaced(latent.hi, model.hi, mask, draws.strength_hi, draws.hi_alone)
    both, only_lo = (flag[:, None, None, None] for flag in (draws.both, draws.only_lo))
    return Corrupted(
        torch.where(both | only_lo, lo, latent.lo.values),
        torch.where(both, with_lo, torch.where(only_lo, latent.hi.values, alone)),
        torch.where(both | only_lo, in_cells(mask, LO), in_cells(mask, HI)),
    )


def in_cells(mask: Tensor, side: int) -> Tensor:
    """Fill every cell of (B, 1, H, W) that has something of the mask in it."""
    small = F.max_pool2d(mask, side)
    return small.repeat_interleave(side, dim=2).repeat_interleave(side, dim=3)
