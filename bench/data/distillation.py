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
from numpy.typing import NDArray
from torch import Tensor, nn

from destseg.batches import as_tensor, normalise
from destseg.features import normalised
from destseg.resnet import ResNet18, initialise
from destseg.teacher import TEACHER_LAYERS

POSITIONS = 1024
"""Positions of a batch's level whose cosines are compared."""

WARM_UP = 0.05
"""Share of the steps in which the learning rate rises."""


@dataclass(frozen=True)
class Distillation:
    """What determines a distilled teacher, source and images apart."""

    width: int = 16  # channels of layer 1
    steps: int = 20_000
    batch: int = 64  # images in a step
    rate: float = 2e-3  # peak learning rate
    geometry: float = 1.0  # weight of the cosines between positions, beside 1 for the channels
    seed: int = 0


class _Pupil(nn.Module):
    """The small trunk, and the linear maps from its levels to the large one's."""

    def __init__(self, width: int, target: Sequence[int]) -> None:
        super().__init__()
        self.trunk = ResNet18(width, layers=TEACHER_LAYERS)
        initialise(self.trunk)
        self.maps = nn.ModuleList(
            nn.Conv2d(mine, theirs, 1)
            for mine, theirs in zip(self.trunk.channels, target, strict=True)
        )

    def loss(self, images: Tensor, targets: Sequence[Tensor], geometry: float) -> Tensor:
        """Compare with the large network's features of the images, all levels alike."""
        total = torch.zeros(())
        for mine, theirs, to_theirs in zip(self.trunk(images), targets, self.maps, strict=True):
            centred = theirs - theirs.mean((0, 2, 3), keepdim=True)
            spread = centred.square().mean((0, 2, 3), keepdim=True) + 1e-6
            total = total + ((to_theirs(mine) - centred).square() / spread).mean()
            places = torch.randint(mine.numel() // mine.shape[1], (POSITIONS,))
            wanted, found = _cosines(theirs, places), _cosines(mine, places)
            total = total + geometry * (found - wanted).square().mean() / wanted.var()
        return total


def _cosines(features: Tensor, places: Tensor) -> Tensor:
    """Return the cosines between positions, (P, P), of features (B, C, H, W)."""
    (unit,) = normalised([features])
    chosen = unit.permute(0, 2, 3, 1).flatten(0, 2)[places]
    return chosen @ chosen.T


@torch.no_grad()
def features_of(
    large: ResNet18, images: NDArray[np.uint8], *, chunk: int = 256
) -> tuple[Tensor, ...]:
    """Compute the levels of images once and for all, in half precision: 57 kB an image."""
    parts = [
        [level.half() for level in large(normalise(as_tensor(images[start : start + chunk])))]
        for start in range(0, len(images), chunk)
    ]
    return tuple(torch.cat(level) for level in zip(*parts, strict=True))


def distil(
    large: ResNet18,
    recipe: Distillation,
    images: NDArray[np.uint8],
    *,
    on_step: Callable[[int, float], None] = lambda *_: None,
) -> ResNet18:
    """Train a small trunk to see as a large one does.

    Parameters
    ----------
    large : ResNet18
        Trained, of three layers, in evaluation mode.
    recipe : Distillation
        Width, length and loss.
    images : ndarray
        (N, S, S, 3) uint8 RGB.
    on_step : callable
        Called now and then with the number of steps done and the loss.

    Returns
    -------
    ResNet18
        Of three layers, in evaluation mode, frozen.
    """
    known = features_of(large, images)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        pupil = _Pupil(recipe.width, large.channels)
        optimiser = torch.optim.AdamW(pupil.parameters(), lr=recipe.rate, weight_decay=1e-4)
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimiser, lambda step: _rate(step, recipe.steps)
        )
        for step in range(1, recipe.steps + 1):
            chosen = torch.randint(len(images), (recipe.batch,))
            batch = normalise(as_tensor(images[chosen.numpy()]))
            loss = pupil.loss(batch, [level[chosen].float() for level in known], recipe.geometry)
            optimiser.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            optimiser.step()
            schedule.step()
            if step % 100 == 0 or step == recipe.steps:
                on_step(step, float(loss.detach()))
    return pupil.trunk.eval().requires_grad_(False)


def _rate(step: int, steps: int) -> float:
    """Rise linearly, then fall as half a cosine."""
    warm_up = max(1, round(WARM_UP * steps))
    if step < warm_up:
        return (step + 1) / warm_up
    return 0.5 + 0.5 * math.cos(math.pi * (step - warm_up) / max(1, steps - warm_up))
