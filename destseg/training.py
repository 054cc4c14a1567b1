"""The two training stages as functions of their data and a seed (paper, sections 3.2, 3.3).

Of each stage several networks can be trained in lockstep on one stream of batches, each to the bits
that it gets alone.
"""

from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor

from destseg import grouping
from destseg.batches import Batch
from destseg.config import FusionInput, ModelConfig, Precision, StudentKind, TrainingConfig
from destseg.courses import (
    SegmentationCourse,
    SegmentationTraining,
    StudentTraining,
    student_descent,
)
from destseg.descent import UNKEPT, Keeper, OnStep, TrainingDiverged, descend
from destseg.looking import Seen, look, remembering, view
from destseg.precision import arithmetic, layout
from destseg.segmentation import SegmentationNet
from destseg.student import Student
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
    descents = [student_descent(shown, each, laid) for each in trainings]
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


def _laid_out(batches: Iterable[Batch], layout: torch.memory_format) -> Iterator[Batch]:
    for corrupted, clean, mask in batches:
        yield Batch(
            corrupted.contiguous(memory_format=layout), clean.contiguous(memory_format=layout), mask
        )


def _precision(trainings: Sequence[StudentTraining] | Sequence[SegmentationTraining]) -> Precision:
    (precision,) = {each.config.precision for each in trainings}
    return precision


def _device(network: torch.nn.Module) -> torch.device:
    return next(network.parameters()).device
