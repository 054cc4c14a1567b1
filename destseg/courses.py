"""What is trained in either stage, and what one update of it is (paper, sections 3.2 and 3.3)."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from destseg import grouping
from destseg.batches import Batch
from destseg.config import TrainingConfig
from destseg.descent import Descent
from destseg.features import feature_distances
from destseg.looking import Seen
from destseg.losses import cosine_loss, downsampled_mask, focal_loss, l1_loss
from destseg.precision import autocast, layout
from destseg.segmentation import SegmentationNet
from destseg.student import Student, student_input
from destseg.teacher import Teacher


@dataclass(frozen=True)
class StudentTraining:
    """A student that is to match the teacher's features of the clean images (stage 1).

    Parameters
    ----------
    student : Student
        On the device of the batches; trained in place and left frozen, in evaluation mode.
    config : TrainingConfig
        Learning rate, momentum, weight decay and precision, the last the same of all.
    den : bool
        True: the student sees the corrupted images. False: the clean ones.
    """

    student: Student
    config: TrainingConfig
    den: bool


@dataclass(frozen=True)
class SegmentationTraining:
    """A segmentation net that is to find the synthetic anomalies (stage 2).

    In the similarity maps of the frozen networks.

    Parameters
    ----------
    student, segmentation : nn.Module
        On the device of the batches; only the segmentation net is trained, in place, and left
        in evaluation mode. The student keeps its running BatchNorm statistics.
    config : TrainingConfig
        Size of a batch, learning rates, momentum, weight decay, gamma and precision, the last the
        same of all.
    l1 : bool
        Whether the L1 loss is added to the focal loss (Table 5).
    """

    student: Student
    segmentation: SegmentationNet
    config: TrainingConfig
    l1: bool = True


def student_descent(
    teacher: Teacher, training: StudentTraining, laid: torch.memory_format
) -> Descent[Batch]:
    """Return what updates a student.

    Parameters
    ----------
    teacher : Teacher
        What it is to match.
    training : StudentTraining
        The student, which is laid out and left in training mode.
    laid : torch.memory_format
        Of weights and batches.
    """
    student, config = training.student.train().to(memory_format=laid), training.config
    optimiser = torch.optim.SGD(
        student.parameters(),
        lr=config.student_lr,
        momentum=config.momentum,
        weight_decay=config.weight_decay,
        fused=_in_one(student),
    )

    def loss(batch: Batch) -> Tensor:
        if not training.den and config.den_off_statistics == "both":
            # Autocast's rounded weights of a look without gradients must not serve one with them.
            with torch.no_grad(), autocast(config.precision, batch.mask.device):
                student(student_input(teacher, student, batch.corrupted))
        with autocast(config.precision, batch.mask.device):
            target = teacher(batch.clean)
            if training.den:
                seen = student_input(teacher, student, batch.corrupted)
            else:
                seen = target if student.reads_teacher else batch.clean
            found = student(seen)
        return cosine_loss(feature_distances(target, found))

    return Descent(optimiser, lambda batch: [loss(batch)], module=student, alike=True)


class SegmentationCourse:
    """Segmentation nets that are trained as one, often a single one.

    Parameters
    ----------
    members : sequence of (int, SegmentationTraining)
        Each with the place of its maps in `Seen`.
    """

    def __init__(self, members: Sequence[tuple[int, SegmentationTraining]]) -> None:
        self._places = [index for index, _ in members]
        self._trainings = [training for _, training in members]
        self._nets = [training.segmentation.train() for training in self._trainings]
        whole = self._nets[0] if len(members) == 1 else grouping.grouped(self._nets)
        first = self._trainings[0]
        self.layout = layout(first.segmentation.width, first.config.precision)
        self._whole = whole.to(memory_format=self.layout)

    def descent(self) -> Descent[Seen]:
        """Return what updates them."""
        config = self._trainings[0].config
        optimiser = torch.optim.SGD(
            [
                {"params": self._whole.res.parameters(), "lr": config.res_lr},
                {"params": self._whole.head.parameters(), "lr": config.head_lr},
            ],
            momentum=config.momentum,
            weight_decay=config.weight_decay,
            fused=_in_one(self._whole),
        )
        return Descent(optimiser, self._losses, len(self._nets), self._whole, alike=True)

    def end(self) -> None:
        """Leave the nets trained and frozen."""
        if len(self._nets) > 1:
            grouping.ungroup(self._whole, self._nets)
        for net in self._nets:
            net.to(memory_format=torch.contiguous_format).requires_grad_(False).eval()

    def _losses(self, seen: Seen) -> list[Tensor]:
        maps = [seen.maps[place] for place in self._places]
        with autocast(self._trainings[0].config.precision, seen.mask.device):
            logits = self._whole.logits(maps[0] if len(maps) == 1 else torch.cat(maps, dim=1))
        mask = downsampled_mask(seen.mask, (logits.shape[2], logits.shape[3]))
        # Each net's own in one piece, as alone: else the last bits of its loss would differ.
        own = [each.unsqueeze(1).contiguous() for each in logits.float().unbind(dim=1)]
        return [
            _segmentation_loss(torch.sigmoid(each), mask, training)
            for each, training in zip(own, self._trainings, strict=True)
        ]


def _segmentation_loss(
    probabilities: Tensor, mask: Tensor, training: SegmentationTraining
) -> Tensor:
    focal = focal_loss(probabilities, mask, training.config.gamma)
    return focal + l1_loss(probabilities, mask) if training.l1 else focal


def _in_one(network: torch.nn.Module) -> bool | None:
    """Whether an update goes through the weights once, and not once for each of its operations."""
    return True if next(network.parameters()).device.type == "cuda" else None
