"""The two training stages as functions of their data and a seed (paper, sections 3.2, 3.3)."""

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import torch
from torch import Tensor

from destseg.batches import Batch
from destseg.config import FusionInput, ModelConfig, StudentKind, TrainingConfig
from destseg.features import cosine_distances, fusion_maps, normalised
from destseg.losses import cosine_loss, downsampled_mask, focal_loss, l1_loss
from destseg.segmentation import SegmentationNet
from destseg.student import Student, paired_features, student_input
from destseg.teacher import Teacher

CHECK_EVERY = 50
"""Steps between looks at a loss on an accelerator: each look waits for it to catch up."""

OnStep = Callable[[int, float], None]


class Keeper(Protocol):
    """Keeps an unfinished stage, so that it can go on; see `destseg.application.resuming`."""

    @property
    def done(self) -> int:
        """Updates that were done; the batches given are those that follow."""

    def restore(self, optimiser: torch.optim.Optimizer) -> None:
        """Put networks and optimiser back to where they were."""

    def keep(self, step: int, optimiser: torch.optim.Optimizer) -> None:
        """Save, or not, after an update."""


class TrainingDiverged(ArithmeticError):
    """The loss is no longer a number; the message says after how many updates."""


def build_student(config: ModelConfig, kind: StudentKind, *, seed: int) -> Student:
    """Initialise a student; one seed gives one encoder, with or without a decoder."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Student(config.width, kind)


def build_segmentation(
    levels: Sequence[int],
    config: ModelConfig,
    fusion_input: FusionInput = "product",
    *,
    seed: int,
) -> SegmentationNet:
    """Initialise a segmentation net for feature levels of so many channels."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return SegmentationNet(levels, config.segmentation_width, config.dilations, fusion_input)


def train_student(
    teacher: Teacher,
    student: Student,
    batches: Iterable[Batch],
    config: TrainingConfig,
    *,
    den: bool,
    on_step: OnStep | None = None,
    keeper: Keeper | None = None,
) -> Student:
    """Stage 1: match the teacher's features of the clean images.

    Parameters
    ----------
    teacher, student : nn.Module
        On the device of the batches; the student is trained in place and returned frozen,
        in evaluation mode.
    batches : iterable of Batch
        One update each.
    config : TrainingConfig
        Learning rate, momentum and weight decay.
    den : bool
        True: the student sees the corrupted images. False: the clean ones.
    on_step : callable, optional
        Called now and then with the number of updates done and the loss.
    keeper : Keeper, optional
        What makes the stage go on where it was interrupted.

    Raises
    ------
    TrainingDiverged
        When the loss is not finite.
    """
    student.train()
    optimiser = torch.optim.SGD(
        student.parameters(),
        lr=config.student_lr,
        momentum=config.momentum,
        weight_decay=config.weight_decay,
    )

    def loss(batch: Batch) -> Tensor:
        if not den and config.den_off_statistics == "both":
            with torch.no_grad():
                student(student_input(teacher, student, batch.corrupted))
        if not den:
            return cosine_loss(cosine_distances(*paired_features(teacher, student, batch.clean)))
        target = normalised(teacher(batch.clean))
        features = normalised(student(student_input(teacher, student, batch.corrupted)))
        return cosine_loss(cosine_distances(target, features))

    _descend(optimiser, loss, batches, on_step, keeper)
    return student.requires_grad_(False).eval()


def train_segmentation(
    teacher: Teacher,
    student: Student,
    segmentation: SegmentationNet,
    batches: Iterable[Batch],
    config: TrainingConfig,
    *,
    l1: bool = True,
    on_step: OnStep | None = None,
    keeper: Keeper | None = None,
) -> SegmentationNet:
    """Stage 2: find the synthetic anomalies in the similarity maps of the frozen networks.

    Parameters
    ----------
    teacher, student, segmentation : nn.Module
        On the device of the batches; only the segmentation net is trained, in place, and
        returned in evaluation mode. The student keeps its running BatchNorm statistics.
    l1 : bool
        Whether the L1 loss is added to the focal loss (Table 5).
    batches, config, on_step, keeper
        As in `train_student`, which raises the same; the clean images are not used.
    """
    student.eval()
    layout = _layout(segmentation)
    segmentation.train().to(memory_format=layout)
    optimiser = torch.optim.SGD(
        [
            {"params": segmentation.res.parameters(), "lr": config.res_lr},
            {"params": segmentation.head.parameters(), "lr": config.head_lr},
        ],
        momentum=config.momentum,
        weight_decay=config.weight_decay,
    )

    def loss(batch: Batch) -> Tensor:
        with torch.no_grad():
            # A quarter faster on a CPU.
            images = batch.corrupted.contiguous(memory_format=torch.channels_last)
            features = paired_features(teacher, student, images)
            fused = fusion_maps(*features, segmentation.fusion_input)
            fused = fused.contiguous(memory_format=layout)
        probabilities = segmentation(fused)
        mask = downsampled_mask(batch.mask, probabilities.shape[-2:])
        focal = focal_loss(probabilities, mask, config.gamma)
        return focal + l1_loss(probabilities, mask) if l1 else focal

    _descend(optimiser, loss, batches, on_step, keeper)
    segmentation.to(memory_format=torch.contiguous_format)
    return segmentation.requires_grad_(False).eval()


def _descend(
    optimiser: torch.optim.Optimizer,
    loss_of: Callable[[Batch], Tensor],
    batches: Iterable[Batch],
    on_step: OnStep | None,
    keeper: Keeper | None,
) -> None:
    """One update for each batch; where a look at the loss costs time there are few, and a last."""
    done = 0
    if keeper is not None:
        keeper.restore(optimiser)
        done = keeper.done
    step = seen = done
    loss = torch.zeros(())
    for step, batch in enumerate(batches, start=done + 1):
        optimiser.zero_grad(set_to_none=True)
        loss = loss_of(batch)
        torch.autograd.backward(loss)
        optimiser.step()
        if step % CHECK_EVERY == 0 or _at_hand(loss):
            seen = step
            _check(loss, step, on_step)
        if keeper is not None:
            keeper.keep(step, optimiser)
    if seen < step:
        _check(loss, step, on_step)


def _layout(network: torch.nn.Module) -> torch.memory_format:
    """Return the layout in memory in which a network is trained.

    Channels last halves a step on a GPU. On a CPU the gradient of oneDNN (torch 2.15) corrupts the
    heap in that layout at some widths.
    """
    device = next(network.parameters()).device
    return torch.channels_last if device.type == "cuda" else torch.contiguous_format


def _at_hand(loss: Tensor) -> bool:
    return loss.device.type == "cpu"


def _check(loss: Tensor, step: int, on_step: OnStep | None) -> None:
    value = float(loss.detach())
    if value != value or value in (float("inf"), float("-inf")):
        raise TrainingDiverged(f"the loss is {value} after {step} updates; lower the learning rate")
    if on_step is not None:
        on_step(step, value)
