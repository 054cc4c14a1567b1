"""DRAEM's training: three losses, one Adam (the specification's sections 2 and 3)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import torch

from bench.methods._two_class import adam, focal_loss, train
from bench.methods.draem.losses import l2_loss, ssim_loss
from destseg.precision import layout

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from torch import Tensor

    from bench.methods.draem.batches import Batch
    from bench.methods.draem.networks import DRAEM
    from destseg.config import Precision
    from destseg.descent import OnStep


class Losses(NamedTuple):
    """The terms of the loss; each weighs 1."""

    l2: Tensor
    ssim: Tensor
    focal: Tensor


def losses_of(networks: DRAEM, batch: Batch) -> Losses:
    """Compute the losses; the focal loss reaches the reconstructive network too."""
    reconstruction, probabilities = networks(batch.augmented)
    return Losses(
        l2_loss(reconstruction, batch.clean),
        ssim_loss(reconstruction, batch.clean),
        focal_loss(probabilities, batch.mask),
    )


def train_networks(
    networks: DRAEM,
    batches: Iterable[Batch],
    *,
    lr: float,
    precision: Precision = "float32",
    milestones: Sequence[int] = (),
    factor: float = 1.0,
    on_step: OnStep | None = None,
) -> None:
    """Train both networks in place, and leave them frozen, in evaluation mode.

    Parameters
    ----------
    networks : DRAEM
        On the device of the batches.
    batches : iterable of Batch
        One update each.
    lr : float
        First learning rate of Adam.
    precision, milestones, factor, on_step
        See `bench.methods._two_class.train`.

    Raises
    ------
    TrainingDiverged
        When the loss is not finite.
    InputError
        When the device has not the precision.
    """
    laid = layout(math.gcd(*networks.widths), precision)
    networks.train().to(memory_format=laid)
    optimiser = adam(networks.parameters(), lr)

    def loss(batch: Batch) -> Tensor:
        found = losses_of(networks, batch)
        return found.l2 + found.ssim + found.focal

    train(
        optimiser,
        loss,
        batches,
        precision=precision,
        milestones=milestones,
        factor=factor,
        on_step=on_step,
    )
    networks.to(memory_format=torch.contiguous_format).requires_grad_(False).eval()
