"""DRAEM's training batches: normal images, half of them with foreign textures blended in."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from bench.methods._perlin import draw_masks, draw_normal
from bench.methods._two_class import blended
from bench.methods.draem.operations import OPERATIONS, PAPER, augment
from destseg.batches import as_tensor
from destseg.feeding import stream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.random import Generator
    from numpy.typing import NDArray
    from torch import Tensor

    from bench.methods.draem.config import Anomalies

    Floats = NDArray[np.floating]


class Batch(NamedTuple):
    """One training batch; images are BGR in [0, 1]."""

    clean: Tensor
    """(B, 3, H, W) float32, what is to be reconstructed."""
    augmented: Tensor
    """(B, 3, H, W) float32, what the network sees."""
    mask: Tensor
    """(B, 1, H, W) float32 of 0 and 1."""


def draw_batch(
    rng: Generator,
    images: NDArray[np.uint8],
    textures: NDArray[np.uint8],
    count: int,
    anomalies: Anomalies,
) -> Batch:
    """Draw a batch.

    Parameters
    ----------
    rng : Generator
        Advanced by the draws.
    images, textures : (N, S, S, 3) uint8
        BGR.
    count : int
        Images in the batch.
    anomalies : Anomalies
        How.
    """
    normal = draw_normal(
        rng,
        images,
        count,
        share=anomalies.rotated_share,
        degrees=anomalies.max_image_rotation,
    )
    pool = PAPER if anomalies.operations == "paper" else tuple(OPERATIONS)
    chosen = rng.integers(len(textures), size=count)
    sources = np.stack([augment(textures[index], rng, pool) for index in chosen])
    masks = draw_masks(rng, count, images.shape[1], anomalies.lattice_exponents)
    weights = anomalies.max_original_weight * rng.random(count)
    masks[rng.random(count) > 1 - anomalies.clean_share] = False
    clean, foreign = as_tensor(normal), as_tensor(sources)
    mask = torch.from_numpy(masks).unsqueeze(1)
    original = torch.from_numpy(weights.astype(np.float32)).view(-1, 1, 1, 1)
    return Batch(clean, blended(clean, foreign, mask, original), mask.float())


def training_batches(
    images: NDArray[np.uint8],
    textures: NDArray[np.uint8],
    *,
    batch_size: int,
    steps: int,
    seed: int,
    anomalies: Anomalies,
    device: str,
) -> Iterator[Batch]:
    """Yield batches, each a function of the seed and its index; for an accelerator drawn ahead."""

    def draw(index: int) -> Batch:
        rng = np.random.default_rng((seed, index))
        return draw_batch(rng, images, textures, batch_size, anomalies)

    return stream(draw, range(steps), device)
