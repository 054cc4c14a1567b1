"""Codes that features are replaced by, and how they follow the features (section 1.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor, nn

from bench.methods._two_class import in_float32

if TYPE_CHECKING:
    from numpy.random import Generator

COMMITMENT = 0.25
DECAY = 0.99
EPSILON = 1e-5

AT_A_TIME = 2**14
"""Features whose distances to all codes are in memory at once."""

RESEED_EVERY = 20
RECENT_DECAY = 0.98
LEAST_RECENT = 0.5
"""A code with fewer recent hits becomes a feature of the batch."""


class Quantised(NamedTuple):
    """What a quantiser makes of features."""

    features: Tensor
    """(B, D, H, W), what came in."""
    codes: Tensor
    """(B, H, W) int64."""
    values: Tensor
    """(B, D, H, W), the codes; the gradient goes through to the features."""
    commitment: Tensor
    """Scalar, weighted."""


class Quantiser(nn.Module):
    """Replaces each feature by the nearest code; in train mode the codes follow the features.

    All in float32, whatever convolutions around it compute in: with fewer bits
    other codes would be the nearest, and the hundredth by which they follow be rounded away.

    Parameters
    ----------
    codes, length : int
        Number K of the codes, and their length D.
    """

    _ema_cluster_size: Tensor
    _ema_w: Tensor

    def __init__(self, codes: int, length: int) -> None:
        super().__init__()
        self._embedding = nn.Embedding(codes, length).requires_grad_(False)
        self.register_buffer("_ema_cluster_size", torch.zeros(codes))
        self.register_buffer("_ema_w", torch.randn(codes, length))

    @property
    def embedding(self) -> Tensor:
        """(K, D), the codes."""
        return self._embedding.weight

    def forward(self, features: Tensor) -> Quantised:
        """Quantise (B, D, H, W); in train mode the codes are updated behind it."""
        vectors = as_vectors(features)
        codes = self.nearest(vectors)
        count, _, height, width = features.shape
        maps = codes.view(count, height, width)
        values = self.values(maps)
        commitment = COMMITMENT * F.mse_loss(features, values)
        if self.training:
            self.follow(vectors.detach(), codes)
        return Quantised(features, maps, features + (values - features).detach(), commitment)

    def values(self, codes: Tensor) -> Tensor:
        """Return the codes of maps (B, H, W), as (B, D, H, W)."""
        return self.embedding[codes].permute(0, 3, 1, 2).contiguous()

    def distances(self, vectors: Tensor) -> Tensor:
        """Return the squared distances of (n, D) to all codes, (n, K)."""
        norms = vectors.pow(2).sum(dim=1, keepdim=True) + self.embedding.pow(2).sum(dim=1)
        with in_float32(vectors.device):
            return norms - 2 * vectors @ self.embedding.T

    @torch.no_grad()
    def nearest(self, vectors: Tensor) -> Tensor:
        """Return the nearest code of each of (n, D), (n,) int64."""
        return torch.cat(
            [self.distances(part).argmin(dim=1) for part in torch.split(vectors, AT_A_TIME)]
        )

    def hits(self, codes: Tensor) -> Tensor:
        """Count how often each code is among (n,), (K,) in the codes' type."""
        # Not bincount, which on a GPU waits for the largest code; whole numbers in any order.
        counts = torch.zeros(len(self.embedding), dtype=torch.int64, device=codes.device)
        flat = codes.flatten()
        return counts.scatter_add_(0, flat, torch.ones_like(flat)).to(self.embedding)

    @torch.no_grad()
    def follow(self, vectors: Tensor, codes: Tensor) -> None:
        """Move the codes towards the mean of the features that they were nearest to."""
        sums = torch.zeros_like(self._ema_w)
        every = torch.arange(len(sums), device=sums.device)
        # Not index_add_, whose order of addition is open on a GPU.
        for part, nearest in zip(
            torch.split(vectors, AT_A_TIME), torch.split(codes, AT_A_TIME), strict=True
        ):
            with in_float32(part.device):
                sums += (nearest[:, None] == every).to(part).T @ part
        size = DECAY * self._ema_cluster_size + (1 - DECAY) * self.hits(codes)
        total = size.sum()
        size = (size + EPSILON) / (total + len(size) * EPSILON) * total
        self._ema_cluster_size.copy_(size)
        self._ema_w.copy_(DECAY * self._ema_w + (1 - DECAY) * sums)
        self.embedding.copy_(self._ema_w / size[:, None])

    @torch.no_grad()
    def put(self, places: Tensor, vectors: Tensor) -> None:
        """Set codes of some indices to features, each as if it had been hit once."""
        self.embedding[places] = vectors
        self._ema_w[places] = vectors
        self._ema_cluster_size[places] = 1


class Reseeding:
    """Keeps a quantiser's codes among the features: none of them dies for long.

    Parameters
    ----------
    quantiser : Quantiser
        All its codes are set to the first features.
    """

    def __init__(self, quantiser: Quantiser) -> None:
        self._quantiser = quantiser
        self._recent = torch.zeros_like(quantiser.embedding[:, 0])
        self._steps = 0

    def see(self, found: Quantised, rng: Generator) -> None:
        """Count the hits of a step; now and then set codes without any to random features."""
        self._recent = RECENT_DECAY * self._recent + self._quantiser.hits(found.codes)
        self._steps += 1
        if self._steps % RESEED_EVERY == 0:
            self._set(torch.nonzero(self._recent < LEAST_RECENT).flatten(), found.features, rng)

    def start(self, features: Tensor, rng: Generator) -> None:
        """Set all codes to random features."""
        self._set(torch.arange(len(self._recent), device=features.device), features, rng)

    def _set(self, places: Tensor, features: Tensor, rng: Generator) -> None:
        vectors = as_vectors(features.detach())
        drawn = torch.from_numpy(rng.integers(len(vectors), size=len(places)))
        self._quantiser.put(places, vectors[drawn.to(vectors.device)])
        self._recent[places] = 1


def as_vectors(features: Tensor) -> Tensor:
    """Flatten (B, D, H, W) to (n, D), position by position."""
    return features.permute(0, 2, 3, 1).reshape(-1, features.shape[1])


def perplexity(quantiser: Quantiser, codes: Tensor) -> float:
    """Return how many codes are in use, weighted by how often: exp of the entropy."""
    shares = quantiser.hits(codes) / codes.numel()
    return float(torch.exp(-(shares * torch.log(shares + 1e-10)).sum()))
