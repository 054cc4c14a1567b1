"""Distillation of a small teacher from ImageNet's ResNet-18, level by level.

What a student-teacher method uses of a teacher is the geometry of its features: which places of an
image are alike, and along which directions they differ. So the small trunk learns both: to tell the
large one's features by a linear map of its own, and to have the same cosines between the places of
an image. The large one sees the images enlarged, since its filters are coarse for 64 pixels.
"""

import argparse
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from numpy.typing import NDArray
from torch import Tensor, nn

from bench.data.distillation_images import distillation_images
from bench.data.teacher import tensor_digest
from destseg.application.options import positive
from destseg.application.progress import heartbeat
from destseg.batches import as_tensor, normalise
from destseg.errors import InputError
from destseg.features import normalised
from destseg.resnet import ResNet18, initialise
from destseg.teacher import TEACHER_LAYERS
from destseg.weights import find_weights, load_trunk, write_file

IMAGES = 20_000
"""Images that are looked at again and again."""

ENLARGED = 2
"""Times that the large network sees the images enlarged; its features are averaged to the places of
the small one."""

KEPT = (32, 48, 64)
"""Principal directions of each level that are kept of the large network's unit features."""

PLACES = 64
"""Places of an image whose cosines are compared, drawn anew in each step."""

WARM_UP = 0.02
"""Share of the steps in which the learning rate rises."""

LARGEST_GRADIENT = 1.0
"""Norm to which a longer gradient is cut, without which the first steps at this rate diverge."""


@dataclass(frozen=True)
class Distillation:
    """What determines a distilled teacher, source and images apart."""

    width: int = 16  # channels of layer 1
    steps: int = 26_000
    batch: int = 32  # images in a step
    rate: float = 0.1  # peak learning rate
    geometry: float = 2.0  # weight of the cosines between places, beside 1 for the features
    seed: int = 0


class _Pupil(nn.Module):
    """The small trunk, and the linear maps from its levels to the large one's."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.trunk = ResNet18(width, layers=TEACHER_LAYERS)
        initialise(self.trunk)
        self.maps = nn.ModuleList(
            nn.Conv2d(mine, kept, 1) for mine, kept in zip(self.trunk.channels, KEPT, strict=True)
        )

    def loss(self, images: Tensor, targets: Sequence[Tensor], geometry: float) -> Tensor:
        """Compare with the large network's features of the images, all levels alike."""
        total = torch.zeros(())
        for mine, theirs, to_theirs in zip(self.trunk(images), targets, self.maps, strict=True):
            spread = theirs.var(dim=(0, 2, 3)).sum()
            off = (to_theirs(mine) - theirs).square().sum(1).mean()
            places = torch.randperm(mine.shape[2] * mine.shape[3])[:PLACES]
            wanted, found = (_cosines(level, places) for level in (theirs, mine))
            unlike = (found - wanted).square().mean() / wanted.var(dim=(1, 2)).mean()
            total = total + off / spread + geometry * unlike
        return total


def _cosines(features: Tensor, places: Tensor) -> Tensor:
    """Return the cosines between places of each image, (B, P, P), of features (B, C, H, W)."""
    (unit,) = normalised([features])
    chosen = unit.flatten(2)[:, :, places]
    return chosen.transpose(1, 2) @ chosen


@torch.no_grad()
def targets(large: ResNet18, images: NDArray[np.uint8], *, chunk: int = 128) -> tuple[Tensor, ...]:
    """Compute what is to be learned, once and for all.

    Returns
    -------
    tuple of Tensor
        (N, `KEPT`, H_k, W_k) float16, unit features along their principal directions.
    """
    bases: list[Tensor] = []
    kept: list[list[Tensor]] = [[] for _ in KEPT]
    for start in range(0, len(images), chunk):
        enlarged = F.interpolate(
            normalise(as_tensor(images[start : start + chunk])),
            scale_factor=ENLARGED,
            mode="bilinear",
            align_corners=False,
        )
        levels = normalised([F.avg_pool2d(level, ENLARGED) for level in large(enlarged)])
        if not bases:
            bases = [_directions(level, count) for level, count in zip(levels, KEPT, strict=True)]
        for level, basis, there in zip(levels, bases, kept, strict=True):
            there.append(torch.einsum("bchw,ck->bkhw", level, basis).half())
    return tuple(torch.cat(level) for level in kept)


def _directions(features: Tensor, count: int) -> Tensor:
    """Return the first principal directions (C, count) of features, which are not centred."""
    places = features.permute(0, 2, 3, 1).flatten(0, 2).double()
    _, vectors = torch.linalg.eigh(places.T @ places)
    kept: Tensor = vectors[:, -count:].flip(1).float()
    return kept


def distil(
    large: ResNet18,
    recipe: Distillation,
    images: NDArray[np.uint8],
    *,
    start: ResNet18 | None = None,
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
    start : ResNet18, optional
        Where it begins, of the recipe's width; by default at random.
    on_step : callable
        Called now and then with the number of steps done and the loss.

    Returns
    -------
    ResNet18
        Of three layers, in evaluation mode, frozen.
    """
    known = targets(large, images)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        pupil = _Pupil(recipe.width)
        if start is not None:
            pupil.trunk.load_state_dict(start.state_dict())
        optimiser = torch.optim.SGD(
            pupil.parameters(), lr=recipe.rate, momentum=0.9, nesterov=True, weight_decay=1e-4
        )
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimiser, lambda step: _rate(step, recipe.steps)
        )
        for step in range(1, recipe.steps + 1):
            chosen = torch.randint(len(images), (recipe.batch,))
            batch = normalise(as_tensor(images[chosen.numpy()]))
            loss = pupil.loss(batch, [level[chosen].float() for level in known], recipe.geometry)
            optimiser.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            nn.utils.clip_grad_norm_(pupil.parameters(), LARGEST_GRADIENT)
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


def main() -> None:
    """Distil from the command line: ``python -m bench.data.distillation --out teacher.pth``."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.data.distillation",
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--out", type=_new_file, required=True, help="file of the small trunk")
    add("--teacher", default="imagenet", metavar="NAME|PATH", help="imagenet or a weight file")
    add("--start", type=Path, metavar="PATH", help="a small trunk to go on from")
    add("--images", type=positive, default=IMAGES, metavar="N", help="images to draw")
    add("--steps", type=positive, default=Distillation.steps, metavar="N", help="updates to make")
    add("--seed", type=_seed, default=Distillation.seed, metavar="N", help="of the training")
    options = parser.parse_args()
    torch.set_num_threads(1)
    recipe = Distillation(steps=options.steps, seed=options.seed)
    try:
        large = load_trunk(find_weights(options.teacher)).eval().requires_grad_(False)
        start = load_trunk(options.start, width=recipe.width) if options.start else None
        images = distillation_images(options.images, jobs=-1)
        trunk = distil(
            large, recipe, images, start=start, on_step=heartbeat("distillation", recipe.steps)
        )
        write_file(options.out, trunk.state_dict())
    except InputError as error:
        parser.exit(2, f"error: {error}\n")
    print(f"{options.out}: digest {tensor_digest(trunk.state_dict())}")


def _new_file(text: str) -> Path:
    """Parse the path of a file that can be written, which is known before the work is done."""
    path = Path(text)
    if path.is_dir() or not os.access(path.parent, os.W_OK):
        raise argparse.ArgumentTypeError(f"{text!r} is not a file in a folder that can be written")
    return path


def _seed(text: str) -> int:
    """Parse a whole number that torch's generators take."""
    if not text.isdecimal() or int(text) >= 2**63:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 to 2**63 - 1")
    return int(text)


if __name__ == "__main__":
    main()
