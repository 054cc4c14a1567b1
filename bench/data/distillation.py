"""Distillation of a small teacher from ImageNet's ResNet-18, level by level.

What a student-teacher method uses of a teacher is the geometry of its features: which positions
are alike, and along which directions they differ. So the small trunk learns both: to tell the
large one's channels by a linear map of its own, and to have the same cosines between positions.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from numpy.typing import NDArray
from torch import Tensor, nn

from bench.data.distillation_images import image_batches
from destseg.batches import normalise
from destseg.features import normalised
from destseg.resnet import ResNet18, initialise
from destseg.teacher import TEACHER_LAYERS

POSITIONS = 1024
"""Positions of a batch's level whose cosines are compared."""

WARM_UP = 0.05
"""Share of the steps in which the learning rate rises."""


@dataclass(frozen=True)
class Distillation:
    """What determines a distilled teacher, its source apart."""

    width: int = 16  # channels of layer 1
    steps: int = 12000
    batch: int = 256  # images in a step
    images: int = 120_000  # in the pool
    rate: float = 2e-3  # peak learning rate
    # Weight of the cosines between positions, beside 1 for the channels.
    geometry: float = 1.0
    # The large network sees the images enlarged so many times, its features averaged to the
    # places of the small one: ImageNet's filters are coarse for images of 64 pixels.
    enlarged: int = 1
    seed: int = 0


class Pupil(nn.Module):
    """The small trunk, and the linear maps from its levels to the large one's."""

    def __init__(self, width: int, target: Sequence[int]) -> None:
        super().__init__()
        self.trunk = ResNet18(width, layers=TEACHER_LAYERS)
        initialise(self.trunk)
        self.maps = nn.ModuleList(
            nn.Conv2d(mine, theirs, 1)
            for mine, theirs in zip(self.trunk.channels, target, strict=True)
        )

    def loss(
        self, images: Tensor, targets: Sequence[Tensor], places: Sequence[Tensor], geometry: float
    ) -> Tensor:
        """Compare with the large network's features of the images, all levels alike."""
        total = torch.zeros((), device=images.device)
        features = self.trunk(images)
        for mine, theirs, place, to_theirs in zip(
            features, targets, places, self.maps, strict=True
        ):
            centred = theirs - theirs.mean((0, 2, 3), keepdim=True)
            spread = centred.square().mean((0, 2, 3), keepdim=True) + 1e-6
            total = total + ((to_theirs(mine) - centred).square() / spread).mean()
            wanted, found = _cosines(theirs, place), _cosines(mine, place)
            total = total + geometry * (found - wanted).square().mean() / wanted.var()
        return total


def _cosines(features: Tensor, places: Tensor) -> Tensor:
    """Return the cosines between positions, (P, P), of features (B, C, H, W)."""
    (unit,) = normalised([features])
    chosen = unit.permute(0, 2, 3, 1).flatten(0, 2)[places]
    return chosen @ chosen.T


@torch.no_grad()
def _targets(large: ResNet18, images: Tensor, enlarged: int) -> list[Tensor]:
    if enlarged > 1:
        images = F.interpolate(images, scale_factor=enlarged, mode="bilinear", align_corners=False)
    return [F.avg_pool2d(level, enlarged) if enlarged > 1 else level for level in large(images)]


def distil(
    large: ResNet18,
    recipe: Distillation,
    pool: NDArray[np.uint8],
    *,
    device: torch.device | str = "cpu",
    on_step: Callable[[int, float], None] = lambda *_: None,
) -> ResNet18:
    """Train a small trunk to see as a large one does.

    Parameters
    ----------
    large : ResNet18
        Trained, of three layers.
    recipe : Distillation
        Width, length and loss.
    pool : ndarray
        From `image_pool`.
    device : torch.device or str
        Where it is trained.
    on_step : callable
        Called after each step with its number and loss.

    Returns
    -------
    ResNet18
        Of three layers, in evaluation mode, on the CPU.
    """
    large = large.to(device).eval().requires_grad_(False)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        pupil = Pupil(recipe.width, large.channels).to(device)
    optimiser = torch.optim.AdamW(pupil.parameters(), lr=recipe.rate, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate(step, recipe.steps))
    batches = image_batches(
        pool, steps=recipe.steps, batch=recipe.batch, seed=recipe.seed, device=device
    )
    chance = torch.Generator().manual_seed(recipe.seed)
    for step, batch in enumerate(batches, start=1):
        images = normalise(batch)
        targets = _targets(large, images, recipe.enlarged)
        places = [
            torch.randint(t.shape[0] * t.shape[2] * t.shape[3], (POSITIONS,), generator=chance)
            for t in targets
        ]
        loss = pupil.loss(images, targets, [p.to(device) for p in places], recipe.geometry)
        optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        optimiser.step()
        schedule.step()
        if step % 100 == 0 or step == recipe.steps:
            on_step(step, float(loss.detach()))
    return pupil.trunk.cpu().eval().requires_grad_(False)


def _rate(step: int, steps: int) -> float:
    """Rise linearly, then fall as half a cosine."""
    warm_up = max(1, round(WARM_UP * steps))
    if step < warm_up:
        return (step + 1) / warm_up
    return 0.5 + 0.5 * math.cos(math.pi * (step - warm_up) / max(1, steps - warm_up))
