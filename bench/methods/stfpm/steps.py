"""STFPM's steps: the student's training, and the maps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from bench.methods.codecs import SCORES, WEIGHTS
from bench.methods.steps import Scores, Site, Step

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from destseg.config import Precision
    from destseg.resnet import ResNet18

State = dict[str, "Tensor"]
Select = Literal["validation", "last"]
Fusion = Literal["first-level", "image"]

ERRORS = "validation_errors"
"""Beside a student's weights: the error after each epoch, float64, which no test image entered."""

_IMAGES = 200
"""Training images of a category, about, where the work is told before it is known whose."""


@dataclass(frozen=True)
class TrainStudent(Step[State]):
    """The student learns the teacher's features of the normal images."""

    width: int
    batch_size: int
    epochs: int | None
    steps: int | None
    lr: float
    momentum: float
    weight_decay: float
    loss_factor: float
    select: Select
    precision: Precision | None = field(default=None, kw_only=True)
    """None for float32."""

    kind = "stfpm.student"
    reads = ("images", "teacher")
    codec = WEIGHTS

    @classmethod
    def work(cls, settings: Mapping[str, Any]) -> float:
        """Return the pixels that the training goes through, about."""
        epochs = settings.get("epochs")
        images = settings["steps"] * settings["batch_size"] if epochs is None else epochs * _IMAGES
        return float(images * settings["size"] ** 2)

    def run(self, site: Site, *parents: Any) -> State:  # noqa: ARG002 - it has no parents
        """Return the student's weights, and with a selection the errors that it went by.

        Raises
        ------
        TrainingDiverged
            When the loss is not finite, or no epoch has an error that could be kept.
        """
        import torch

        from bench.methods.stfpm.student import build_student
        from bench.methods.stfpm.training import (
            Best,
            Recipe,
            epoch_length,
            shown,
            shuffled_batches,
            split,
            train,
            validation_error,
        )
        from destseg.teacher import Teacher

        images = site["images"].train
        teacher = Teacher(site["teacher"])
        student = build_student(self.width, seed=site.seed("weights")).to(site.device)
        held = images[:0]
        if self.select == "validation":
            training, held_out = split(len(images))
            images, held = images[training], images[held_out]
        per_epoch = epoch_length(len(images), self.batch_size)
        steps = self.steps if self.epochs is None else self.epochs * per_epoch
        assert steps is not None
        best = None
        if self.select == "validation":
            parts = [
                shown(held[start : start + self.batch_size], site.device)
                for start in range(0, len(held), self.batch_size)
            ]
            best = Best(
                student, lambda: validation_error(teacher, student, parts), per_epoch, steps
            )
        batches = shuffled_batches(
            images, self.batch_size, steps, seed=site.seed("data"), device=site.device
        )
        recipe = Recipe(
            self.lr,
            self.momentum,
            self.weight_decay,
            self.loss_factor,
            self.precision or "float32",
        )
        train(teacher, student, batches, recipe, on_step=site.beat(steps), best=best)
        if best is None:
            return student.state_dict()
        return best.kept() | {ERRORS: torch.tensor(best.errors, dtype=torch.float64)}

    def network(self, state: State, device: str) -> ResNet18:
        """Put the trained student together, frozen."""
        from bench.methods.stfpm.student import build_student

        student = build_student(self.width, seed=0)
        student.load_state_dict({name: value for name, value in state.items() if name != ERRORS})
        return student.requires_grad_(False).to(device).eval()


@dataclass(frozen=True)
class Map(Step[Scores]):
    """The anomaly maps: products of the levels' squared distances."""

    fusion: Fusion
    student: TrainStudent

    kind = "stfpm.maps"
    seeded = False
    reads = ("images", "teacher")
    codec = SCORES

    def run(self, site: Site, *parents: Any) -> Scores:
        """Return the maps of the test images, and the maximum of each at the images' size."""
        import numpy as np

        from bench.methods.stfpm.student import anomaly_map, squared_distances
        from destseg.inference import anomaly_maps, upsample
        from destseg.teacher import Teacher

        teacher = Teacher(site["teacher"])
        student = self.student.network(parents[0], site.device)
        test = site["images"].test
        size = test.shape[1:3]

        def mapper(images: Tensor) -> Tensor:
            distances = squared_distances(teacher(images), student(images))
            return anomaly_map(distances, size if self.fusion == "image" else None)

        maps = anomaly_maps(mapper, test, device=site.device)
        return Scores(maps, upsample(maps, size).max(axis=(1, 2)).astype(np.float64))
