"""Pretraining of the procedural teacher: a ResNet-18 trunk of any width, in half a minute."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.random import default_rng
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from bench.data.pretraining_images import CLASSES, draw_classes
from destseg.batches import as_tensor, normalise
from destseg.resnet import ResNet18, initialise

RECIPE_VERSION = 1
"""Raised when the same recipe yields another teacher."""

HELD_OUT = 8
"""Images of each class on which the accuracy is measured."""


@dataclass(frozen=True)
class Recipe:
    """What determines a procedural teacher."""

    width: int = 16  # channels of layer 1
    steps: int = 500  # optimisation steps
    seed: int = 0  # of the images, the initial weights and the order
    size: int = 64  # side of the images, in pixels
    batch: int = 32  # images in a step
    per_class: int = 80  # training images drawn for each class
    rate: float = 0.15  # peak learning rate


@dataclass(frozen=True)
class Pretrained:
    """A pretrained trunk in eval mode, and which share of images its layer 3 tells apart."""

    trunk: ResNet18
    training_accuracy: float
    accuracy: float


class _Pupil(nn.Module):
    """The trunk with a linear classifier on every layer, so that every layer learns."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.trunk = ResNet18(width, layers=3)
        # Pooled features differ little between images beside their common mean; without the
        # normalisation a third fewer images are told apart after the same number of steps.
        self.heads = nn.ModuleList(
            nn.Sequential(nn.BatchNorm1d(channels), nn.Linear(channels, len(CLASSES)))
            for channels in self.trunk.channels
        )

    def forward(self, images: Tensor) -> list[Tensor]:
        features = self.trunk(images)
        return [head(level.mean((2, 3))) for head, level in zip(self.heads, features, strict=True)]


def pretrain(recipe: Recipe) -> Pretrained:
    """Train a trunk to classify procedural textures and shapes.

    It runs on one thread, where the result is the same bits every time, and leaves the
    global random state and the number of threads as they were.
    """
    with _one_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        rng = default_rng((RECIPE_VERSION, recipe.seed))
        images, labels = draw_classes(rng, recipe.per_class, recipe.size)
        pupil = _Pupil(recipe.width)
        initialise(pupil.trunk, zero_last=True)
        # A quarter faster. With 4 channels, though, the channels-last gradient of oneDNN
        # (torch 2.15) writes out of bounds and corrupts the heap.
        layout = torch.channels_last if recipe.width >= 8 else torch.contiguous_format
        pupil.to(memory_format=layout)
        optimizer = torch.optim.SGD(
            pupil.parameters(), lr=recipe.rate, momentum=0.9, weight_decay=5e-4, nesterov=True
        )
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, max_lr=recipe.rate, total_steps=recipe.steps, pct_start=0.2
        )
        order = _batches(rng, len(images), recipe.batch)
        pupil.train()
        for _ in range(recipe.steps):
            chosen = next(order)
            outputs = pupil(normalise(as_tensor(images[chosen])).contiguous(memory_format=layout))
            target = torch.from_numpy(labels[chosen])
            loss = torch.stack([cross_entropy(output, target) for output in outputs]).sum()
            optimizer.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            optimizer.step()
            schedule.step()
        pupil.eval()
        seen = slice(None, None, max(1, recipe.per_class // HELD_OUT))
        training = _accuracy(pupil, images[seen], labels[seen])
        held_out = draw_classes(rng, HELD_OUT, recipe.size)
        return Pretrained(pupil.trunk.eval(), training, _accuracy(pupil, *held_out))


def _batches(rng: np.random.Generator, count: int, size: int) -> Iterator[NDArray[np.int64]]:
    """Yield batches of indices for ever, one permutation after the other."""
    while True:
        order = rng.permutation(count)
        for start in range(0, count - size + 1, size):
            yield order[start : start + size]


@torch.no_grad()
def _accuracy(pupil: _Pupil, images: NDArray[np.uint8], labels: NDArray[np.int64]) -> float:
    """Return the fraction of images that layer 3's classifier gets right."""
    right = 0
    for start in range(0, len(images), 128):
        part = slice(start, start + 128)
        guess = pupil(normalise(as_tensor(images[part])))[-1].argmax(1).numpy()
        right += int((guess == labels[part]).sum())
    return right / len(images)


@contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
