"""The two training stages as functions of their data and a seed (paper, sections 3.2, 3.3).

Of each stage several networks can be trained in lockstep on one stream of batches, each to the bits
that it gets alone.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from destseg import grouping
from destseg.batches import Batch
from destseg.config import FusionInput, ModelConfig, Precision, StudentKind, TrainingConfig
from destseg.descent import UNKEPT, Descent, Keeper, OnStep, TrainingDiverged, descend
from destseg.features import feature_distances
from destseg.looking import Seen, look, remembering, view
from destseg.losses import cosine_loss, downsampled_mask, focal_loss, l1_loss
from destseg.precision import arithmetic, autocast, layout
from destseg.segmentation import SegmentationNet
from destseg.student import Student, student_input
from destseg.teacher import Teacher


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


def train_students(
    teacher: Teacher,
    trainings: Sequence[StudentTraining],
    batches: Iterable[Batch],
    *,
    on_step: OnStep | None = None,
    keeper: Keeper = UNKEPT,
) -> tuple[TrainingDiverged | None, ...]:
    """Stage 1 of several students in lockstep.

    Parameters
    ----------
    teacher : Teacher
        On the device of the batches.
    trainings : sequence of StudentTraining
        What is trained.
    batches : iterable of Batch
        One update each.
    on_step : callable, optional
        Called now and then with the number of updates done and the loss of the first.
    keeper : Keeper, optional
        What makes the stage go on where it was interrupted, with the same students.

    Returns
    -------
    tuple of TrainingDiverged or None
        For each what became of it: its loss was not finite, or it is trained.

    Raises
    ------
    InputError
        When the device has not the precision.
    """
    precision, device = _precision(trainings), _device(trainings[0].student)
    laid = layout(teacher.encoder.channels[0], precision)
    shown = remembering(teacher)
    descents = [_student(shown, each, laid) for each in trainings]
    with arithmetic(precision, device):
        found = descend(descents, _laid_out(batches, laid), on_step, keeper)
    for each in trainings:
        each.student.to(memory_format=torch.contiguous_format).requires_grad_(False).eval()
    return found


def train_segmentations(
    teacher: Teacher,
    trainings: Sequence[SegmentationTraining],
    batches: Iterable[Batch],
    *,
    on_step: OnStep | None = None,
    keeper: Keeper = UNKEPT,
) -> tuple[TrainingDiverged | None, ...]:
    """Stage 2 of several segmentation nets in lockstep; see `train_students`.

    The clean images are not used. Nets are trained as one where `destseg.grouping` allows it.
    """
    bundles: dict[object, list[int]] = {}
    for index, each in enumerate(trainings):
        each.student.eval()
        fits = grouping.fits(each.segmentation, each.config.batch_size, each.config.precision)
        alike = (grouping.shape(each.segmentation), each.config) if fits else index
        bundles.setdefault(alike, []).append(index)
    courses = [
        SegmentationCourse([(i, trainings[i]) for i in bundle]) for bundle in bundles.values()
    ]
    viewers = [(each.student, each.segmentation.fusion_input) for each in trainings]
    precision, device = _precision(trainings), _device(trainings[0].segmentation)
    descents = [course.descent() for course in courses]
    laid = courses[0].layout
    with arithmetic(precision, device):
        if device.type == "cpu":
            seen = look(teacher, viewers, batches, laid, precision)
            found = descend(descents, seen, on_step, keeper)
        else:
            viewed = view(teacher, viewers, laid, precision)

            def seen_by_all(shown: tuple[Tensor, Tensor]) -> Seen:
                images, mask = shown
                return Seen(viewed(images), mask)

            pairs = ((batch.corrupted, batch.mask) for batch in batches)
            found = descend(descents, pairs, on_step, keeper, prepare=seen_by_all)
    for course in courses:
        course.end()
    order = [index for bundle in bundles.values() for index in bundle]
    return tuple(fault for _, fault in sorted(zip(order, found, strict=True), key=lambda at: at[0]))


def train_student(
    teacher: Teacher,
    student: Student,
    batches: Iterable[Batch],
    config: TrainingConfig,
    *,
    den: bool,
    on_step: OnStep | None = None,
    keeper: Keeper = UNKEPT,
) -> Student:
    """Stage 1 of one student, in place; see `train_students`.

    Raises
    ------
    TrainingDiverged
        When the loss is not finite.
    """
    training = StudentTraining(student, config, den)
    _raise(*train_students(teacher, [training], batches, on_step=on_step, keeper=keeper))
    return student


def train_segmentation(
    teacher: Teacher,
    student: Student,
    segmentation: SegmentationNet,
    batches: Iterable[Batch],
    config: TrainingConfig,
    *,
    l1: bool = True,
    on_step: OnStep | None = None,
    keeper: Keeper = UNKEPT,
) -> SegmentationNet:
    """Stage 2 of one segmentation net, in place; see `train_segmentations`.

    Raises
    ------
    TrainingDiverged
        When the loss is not finite.
    """
    training = SegmentationTraining(student, segmentation, config, l1)
    _raise(*train_segmentations(teacher, [training], batches, on_step=on_step, keeper=keeper))
    return segmentation


def _raise(fault: TrainingDiverged | None) -> None:
    if fault is not None:
        raise fault


def _student(
    teacher: Teacher, training: StudentTraining, laid: torch.memory_format
) -> Descent[Batch]:
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


def _laid_out(batches: Iterable[Batch], layout: torch.memory_format) -> Iterator[Batch]:
    for corrupted, clean, mask in batches:
        yield Batch(
            corrupted.contiguous(memory_format=layout), clean.contiguous(memory_format=layout), mask
        )


def _device(network: torch.nn.Module) -> torch.device:
    return next(network.parameters()).device


def _in_one(network: torch.nn.Module) -> bool | None:
    """Whether an update goes through the weights once, and not once for each of its operations."""
    return True if _device(network).type == "cuda" else None


def _precision(trainings: Sequence[StudentTraining] | Sequence[SegmentationTraining]) -> Precision:
    (precision,) = {each.config.precision for each in trainings}
    return precision
