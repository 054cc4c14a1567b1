"""DSR's three trainings (section 2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it

from bench.methods._two_class import adam, focal_loss, in_float32, train
from bench.methods.dsr.anomalies import corrupted
from bench.methods.dsr.quantiser import Quantised, Reseeding, perplexity
from destseg.precision import autocast

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from numpy.random import Generator
    from torch import Tensor

    from bench.methods.dsr.batches import Normal, Smudged
    from bench.methods.dsr.latent import LatentModel
    from bench.methods.dsr.networks import DSR
    from destseg.config import Precision
    from destseg.descent import OnStep

IMAGE_WEIGHT = 10.0
"""Of the reconstruction's loss, against 1 of the others."""

DECAY_AFTER, DECAY = 8 / 10, 0.1
"""When the second training's learning rate is multiplied, and by what."""


class LatentLosses(NamedTuple):
    """The terms of the first training's loss; each weighs 1."""

    reconstruction: Tensor
    lo: Tensor
    hi: Tensor


class Seen(NamedTuple):
    """A batch of the second training, as the frozen latent model sees it."""

    images: Tensor
    """(B, 3, H, W)."""
    clean_lo: Tensor
    """(B, D, H/8, W/8), the images' codes."""
    clean_hi: Tensor
    """(B, D, H/4, W/4)."""
    lo: Tensor
    """(B, D, H/8, W/8), codes with anomalies in them."""
    hi: Tensor
    """(B, D, H/4, W/4)."""
    general: Tensor
    """(B, 3, H, W), these decoded."""
    truth: Tensor
    """(B, 1, H, W) float of 0 and 1, where the anomalies are."""


class SubspaceLosses(NamedTuple):
    """The terms of the second training's loss, unweighted."""

    focal: Tensor
    lo: Tensor
    hi: Tensor
    image: Tensor

    @property
    def total(self) -> Tensor:
        """The weighted sum."""
        return self.focal + self.lo + self.hi + IMAGE_WEIGHT * self.image


def train_latent(
    model: LatentModel,
    batches: Iterable[Tensor],
    *,
    lr: float,
    precision: Precision = "float32",
    rng: Generator | None,
    on_step: OnStep | None = None,
) -> None:
    """Train a latent model in place, and leave it frozen, in evaluation mode.

    Parameters
    ----------
    model : LatentModel
        On the device of the batches.
    batches : iterable of Tensor
        (B, 3, H, W), BGR in [0, 1]; one update each.
    lr : float
        Of Adam.
    precision : {"float32", "tf32", "bf16"}
        In what convolutions compute; codes and losses are float32.
    rng : Generator or None
        Of the features that codes are set to; None to leave dead codes alone.
    on_step
        See `destseg.descent.descend`.

    Raises
    ------
    TrainingDiverged
        When the loss is not finite.
    InputError
        When the device has not the precision.
    """
    levels = model.lo, model.hi
    parameters = [each for each in model.parameters() if each.requires_grad]
    last: list[Quantised] = []

    def reseeding(rng: Generator) -> Iterator[Tensor]:
        # Between updates: what it does depends on which codes are dead.
        seeds: list[Reseeding] = []
        for images in batches:
            if not seeds:
                with in_float32(images.device):
                    seeds = _started(model, images, rng)
            yield images
            for seed, found in zip(seeds, last, strict=True):
                seed.see(found, rng)

    def loss(images: Tensor) -> Tensor:
        latent = model(images)
        # Without what leads to them, see `destseg.descent`.
        last[:] = [Quantised(*map(torch.detach, level)) for level in (latent.lo, latent.hi)]
        found = LatentLosses(
            F.mse_loss(model.reconstruct(latent), images),
            latent.lo.commitment,
            latent.hi.commitment,
        )
        return found.reconstruction + found.lo + found.hi

    model.train()
    assert not any(level.embedding.requires_grad for level in levels)
    shown = batches if rng is None else reseeding(rng)
    train(adam(parameters, lr), loss, shown, precision=precision, on_step=on_step)
    model.requires_grad_(False).eval()


@torch.no_grad()
def _started(model: LatentModel, images: Tensor, rng: Generator) -> list[Reseeding]:
    """Put all codes among the features of an untrained encoder."""
    model.eval()
    lo, hi = Reseeding(model.lo), Reseeding(model.hi)
    fine, features = model.features(images)
    lo.start(features, rng)
    enlarged = model.upsample_t(model.lo(features).values)
    hi.start(model.features_hi(fine, enlarged), rng)
    model.train()
    return [lo, hi]


@torch.no_grad()
def fidelity(model: LatentModel, images: Iterable[Tensor]) -> Mapping[str, Tensor]:
    """Measure how well a trained latent model reconstructs images, and how many codes it uses.

    Parameters
    ----------
    model : LatentModel
        In evaluation mode.
    images : iterable of Tensor
        Batches (B, 3, H, W).

    Returns
    -------
    mapping
        ``mse``, ``perplexity_lo`` and ``perplexity_hi``, scalars; nothing of no images.
    """
    found = [(model(batch), batch) for batch in images]
    if not found:
        return {}
    squared = [(model.reconstruct(latent) - batch).pow(2).flatten() for latent, batch in found]
    lo, hi = (
        perplexity(level, torch.cat([codes.flatten() for codes in maps]))
        for level, maps in (
            (model.lo, [latent.lo.codes for latent, _ in found]),
            (model.hi, [latent.hi.codes for latent, _ in found]),
        )
    )
    values = {"mse": float(torch.cat(squared).mean()), "perplexity_lo": lo, "perplexity_hi": hi}
    return {name: torch.tensor(value) for name, value in values.items()}


@torch.no_grad()
def see(model: LatentModel, batch: Normal) -> Seen:
    """Encode a batch, put anomalies into its codes, and decode these.

    It waits for the device, to learn how many codes are replaced.
    """
    latent = model(batch.images)
    shown = corrupted(model, latent, batch.mask, batch.draws)
    general = model.decode(model.joined(shown.lo, shown.hi))
    clean = latent.lo.values, latent.hi.values
    return Seen(batch.images, *clean, shown.lo, shown.hi, general, shown.truth)


def subspace_losses(networks: DSR, seen: Seen) -> SubspaceLosses:
    """Compute the losses of the second training; the focal loss reaches the detection alone."""
    restricted = networks.restrict(seen.lo, seen.hi)
    specific = networks.specific(restricted)
    return SubspaceLosses(
        focal_loss(networks.detect(specific.detach(), seen.general), seen.truth),
        F.mse_loss(restricted.lo.features, seen.clean_lo),
        F.mse_loss(restricted.hi.features, seen.clean_hi),
        F.mse_loss(specific, seen.images),
    )


def train_subspaces(
    networks: DSR,
    batches: Iterable[Normal],
    *,
    lr: float,
    precision: Precision = "float32",
    steps: int,
    on_step: OnStep | None = None,
) -> None:
    """Train subspaces, object decoder and detection in place, and leave all frozen.

    Parameters
    ----------
    networks : DSR
        Its latent model trained; on the device of the batches.
    batches : iterable of Normal
        One update each.
    lr : float
        Of Adam.
    precision : {"float32", "tf32", "bf16"}
        In what convolutions compute; codes and losses are float32.
    steps : int
        Number of the batches.
    on_step
        See `destseg.descent.descend`.

    Raises
    ------
    TrainingDiverged
        When the loss is not finite.
    InputError
        When the device has not the precision.
    """
    # The latent model in evaluation mode, or its codes would move; the others have no modes.
    networks.requires_grad_(False).eval()
    parts = networks.srm_hi, networks.srm_lo, networks.dec, networks.seg
    parameters = [each for part in parts for each in part.requires_grad_(True).parameters()]

    def seen() -> Iterator[Seen]:
        for batch in batches:
            with autocast(precision, batch.images.device):
                found = see(networks.vq, batch)
            yield found

    train(
        adam(parameters, lr),
        lambda batch: subspace_losses(networks, batch).total,
        seen(),
        precision=precision,
        milestones=[int(DECAY_AFTER * steps)],
        factor=DECAY,
        on_step=on_step,
    )
    networks.requires_grad_(False)


def train_upsampling(
    networks: DSR,
    batches: Iterable[Smudged],
    *,
    lr: float,
    precision: Precision = "float32",
    on_step: OnStep | None = None,
) -> None:
    """Train the upsampling module in place; see `train_subspaces`."""
    networks.requires_grad_(False).eval()
    networks.up.requires_grad_(True)

    def loss(batch: Smudged) -> Tensor:
        return focal_loss(networks.refine(*networks.compare(batch.images)), batch.mask)

    optimiser = adam(networks.up.parameters(), lr)
    train(optimiser, loss, batches, precision=precision, on_step=on_step)
    networks.requires_grad_(False)
