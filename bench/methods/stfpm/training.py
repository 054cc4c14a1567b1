"""How STFPM's student is trained, and which of its epochs is kept.

The authors' program is followed; what differs from the paper is in ``docs/differences.md``.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench.methods.stfpm.student import anomaly_map, matching_loss, squared_distances
from destseg.batches import as_tensor, normalise
from destseg.config import Precision
from destseg.descent import UNKEPT, Descent, OnStep, TrainingDiverged, descend
from destseg.precision import arithmetic, autocast, layout
from destseg.resnet import ResNet18
from destseg.teacher import Teacher

WORST_KEPT = 10_000.0
"""The program's error before the first epoch: no student is kept that has not less."""


def split(count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Split sorted training images as the program does, whatever the run's seed.

    Returns
    -------
    tuple of ndarray
        Indices of the images that are trained on, and of the held-out fifth, rounded up.
    """
    order = np.random.RandomState(0).permutation(count)
    held = -(-count // 5)
    return order[held:], order[:held]


def epoch_length(count: int, batch_size: int) -> int:
    """Count the batches of an epoch, the last of which may be smaller."""
    return -(-count // batch_size)


def shown(images: NDArray[np.uint8], device: torch.device | str) -> Tensor:
    """Return images (B, H, W, 3) as networks are shown them, (B, 3, H, W) float32."""
    return normalise(as_tensor(images, device))


def shuffled_batches(
    images: NDArray[np.uint8],
    batch_size: int,
    steps: int,
    *,
    seed: int,
    device: torch.device | str = "cpu",
) -> Iterator[Tensor]:
    """Yield ``steps`` batches, epoch after epoch in an order that is drawn anew for each.

    The last batch of an epoch is kept, however small.
    """

    def endless() -> Iterator[NDArray[np.int64]]:
        for epoch in itertools.count():
            order = np.random.default_rng((seed, epoch)).permutation(len(images))
            for start in range(0, len(images), batch_size):
                yield order[start : start + batch_size]

    for chosen in itertools.islice(endless(), steps):
        yield shown(images[chosen], device)


@dataclass(frozen=True)
class Recipe:
    """SGD's settings, the factor of the loss, and in what convolutions compute."""

    lr: float = 0.4
    momentum: float = 0.9
    weight_decay: float = 1e-4
    loss_factor: float = 1.0
    precision: Precision = "float32"


@torch.no_grad()
def validation_error(
    teacher: Teacher,
    student: ResNet18,
    batches: Iterable[Tensor],
    size: tuple[int, int] | None = None,
) -> float:
    """Return the mean of `anomaly_map` over all pixels of images, in float64.

    Maps are float32, whatever the student is trained in; it is left in training mode.
    """
    student.eval()
    total, pixels = 0.0, 0
    for images in batches:
        with arithmetic("float32", images.device):
            maps = anomaly_map(squared_distances(teacher(images), student(images)), size)
        total += float(maps.double().sum())
        pixels += maps.numel()
    student.train()
    return total / pixels


class Best:
    """Keeps the student of the least validation error, of equal ones the first.

    It is a `destseg.descent.Keeper`, by which the descent hands it every update.

    Parameters
    ----------
    student : ResNet18
        What is trained.
    error : callable
        Its validation error now.
    per_epoch, steps : int
        Updates from one look to the next, and of the whole training, after which is a last.
    """

    done = 0
    state = None
    """Nothing that was interrupted goes on."""

    def __init__(
        self, student: ResNet18, error: Callable[[], float], per_epoch: int, steps: int
    ) -> None:
        self._student, self._error = student, error
        self._per_epoch, self._steps = per_epoch, steps
        self._least = WORST_KEPT
        self._state: dict[str, Tensor] | None = None
        self.errors: list[float] = []

    def keep(self, step: int, state: Callable[[], Any]) -> None:  # noqa: ARG002
        """Look at the student at the end of an epoch, and after the last update."""
        if step % self._per_epoch and step != self._steps:
            return
        error = self._error()
        self.errors.append(error)
        if error < self._least:  # never true of NaN
            self._least = error
            self._state = {
                name: value.clone(memory_format=torch.contiguous_format)
                for name, value in self._student.state_dict().items()
            }

    def kept(self) -> dict[str, Tensor]:
        """Return the weights of the best student.

        Raises
        ------
        TrainingDiverged
            When every error was NaN or at least `WORST_KEPT`.
        """
        if self._state is None:
            raise TrainingDiverged(
                f"none of {len(self.errors)} validation errors is below {WORST_KEPT:g}; "
                "lower the learning rate"
            )
        return self._state


def train(
    teacher: Teacher,
    student: ResNet18,
    batches: Iterable[Tensor],
    recipe: Recipe,
    *,
    on_step: OnStep | None = None,
    best: Best | None = None,
) -> None:
    """Train a student in place, one update for each batch of normalised images (B, 3, H, W).

    Raises
    ------
    TrainingDiverged
        When the loss is not finite.
    InputError
        When the device has not the precision.
    """
    precision, device = recipe.precision, next(student.parameters()).device
    laid = layout(teacher.encoder.channels[0], precision)
    student.train().to(memory_format=laid)
    optimiser = torch.optim.SGD(
        student.parameters(),
        lr=recipe.lr,
        momentum=recipe.momentum,
        weight_decay=recipe.weight_decay,
    )

    def losses(images: Tensor) -> list[Tensor]:
        images = images.contiguous(memory_format=laid)
        with autocast(precision, device):
            pair = teacher(images), student(images)
        distances = squared_distances(*([level.float() for level in levels] for levels in pair))
        return [recipe.loss_factor * matching_loss(distances)]

    descent = Descent(optimiser, losses, alike=True)
    with arithmetic(precision, device):
        (fault,) = descend([descent], batches, on_step, best or UNKEPT)
    student.to(memory_format=torch.contiguous_format).requires_grad_(False).eval()
    if fault is not None:
        raise fault
