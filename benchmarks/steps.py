"""Training steps of both stages against a step that does the authors' full work."""

import dataclasses
import statistics
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

import numpy as np
import torch

from benchmarks.chip import counted_flops, measured_rates
from benchmarks.figures import Figure, Setting
from benchmarks.reference import Reference, ReferenceTraining
from benchmarks.timing import in_turns, median_ratio, now
from destseg.batches import Batch, TrainingImages, training_batches
from destseg.config import PRECISIONS, ModelConfig, Precision, Rotation, TrainingConfig
from destseg.courses import SegmentationCourse, SegmentationTraining
from destseg.descent import descend
from destseg.feeding import mapped
from destseg.looking import Seen, view
from destseg.model import DeSTSeg
from destseg.precision import arithmetic, layout
from destseg.recording import BEFORE
from destseg.resnet import ResNet18, initialise
from destseg.teacher import TEACHER_LAYERS
from destseg.textures import procedural_texture
from destseg.training import (
    train_segmentation,
    train_student,
)

REFERENCE = "reference"

B = TypeVar("B")


@dataclasses.dataclass(frozen=True)
class Scale:
    """Sizes of networks and batches."""

    model: ModelConfig
    side: int
    batch: int
    warm: int
    """Steps before the clock runs."""
    steps: int
    """Steps that are timed together."""


def scale(setting: Setting) -> Scale:
    """Return the paper's sizes, with a batch that a CPU can bear, or the smallest there are."""
    if setting.smoke:
        # So many images that no two batches are looked at together.
        return Scale(ModelConfig(4, 4, (1, 2)), 32, 32, 1, 1)
    if setting.device == "cpu":
        return Scale(ModelConfig(), 256, 4, 1, 1)
    return Scale(ModelConfig(), 256, 32, BEFORE + 5, 20)


def precisions(device: str) -> tuple[Precision, ...]:
    """Name the precisions that a training can be set to and a device has."""
    return tuple(name for name in PRECISIONS if device != "cpu" or name != "tf32")


def training_config(batch: int, precision: Precision = "float32") -> TrainingConfig:
    """Return the program's rates in a precision."""
    return TrainingConfig(batch_size=batch, precision=precision)


def untrained(model: ModelConfig, seed: int = 0) -> DeSTSeg:
    """Return the whole model, freshly initialised, whose teacher's features are not all alike."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        trunk = ResNet18(model.width, TEACHER_LAYERS)
        initialise(trunk)
        return DeSTSeg(trunk, model)


def several_batches(
    side: int, batch: int, steps: int, device: str, rotation: Rotation = Rotation()
) -> list[Batch]:
    """Draw batches of patterns with synthetic anomalies."""
    images = np.stack([procedural_texture(index, side) for index in range(2 * batch)])
    data = TrainingImages(images[:batch], images[batch:], rotation)
    return list(training_batches(data, batch_size=batch, steps=steps, seed=0, device=device))


def one_batch(side: int, batch: int, device: str) -> Batch:
    """Draw one batch."""
    return several_batches(side, batch, 1, device)[0]


def repeated(batch: B, steps: int) -> Iterator[B]:
    """Yield a batch as so many, none of which can be known again."""
    for _ in range(steps):
        yield mapped(lambda part: part[:], batch)


class Clock(Generic[B]):
    """Batches that note when a training has got through the first ones, and through all."""

    def __init__(self, warm: int, steps: int, device: str, batch: B) -> None:
        self._warm, self._steps, self._device, self._batch = warm, steps, device, batch
        self.seconds = 0.0

    def batches(self) -> Iterator[B]:
        """Yield the batches; a step's time is in ``seconds`` then."""
        yield from repeated(self._batch, self._warm)
        start = now(self._device)
        yield from repeated(self._batch, self._steps)
        self.seconds = (now(self._device) - start) / self._steps


def ours(stage: int, model: DeSTSeg, config: TrainingConfig, batches: Iterable[Batch]) -> None:
    """Train a stage of a model on batches."""
    if stage == 1:
        student = model.student_net.requires_grad_(True)
        train_student(model.teacher_net, student, batches, config, den=True)
    else:
        student = model.student_net.requires_grad_(False).eval()
        segmentation = model.segmentation_net.requires_grad_(True)
        train_segmentation(model.teacher_net, student, segmentation, batches, config)


def net_alone(model: DeSTSeg, config: TrainingConfig, batches: Iterable[Seen]) -> None:
    """Train a model's segmentation net on maps that are there already."""
    net = model.segmentation_net.requires_grad_(True)
    course = SegmentationCourse([(0, SegmentationTraining(model.student_net, net, config))])
    with arithmetic(config.precision, next(net.parameters()).device):
        descend([course.descent()], batches)


def theirs(stage: int, model: DeSTSeg, config: TrainingConfig, batches: Iterable[Batch]) -> None:
    """Do the same as the authors' program does it, and leave the result in the model."""
    reference = Reference(model.config).to(next(model.parameters()).device)
    reference.load_state_dict(model.state_dict())
    training = ReferenceTraining(reference, config)
    for batch in batches:
        training.step(batch, stage)
    model.load_state_dict(reference.state_dict())


def measure(setting: Setting) -> list[Figure]:
    """Time both stages in each precision, in turns with the reference, from the same weights."""
    sizes, device = scale(setting), setting.device
    batch = one_batch(sizes.side, sizes.batch, device)
    model = untrained(sizes.model).to(device)
    start = {name: value.clone() for name, value in model.state_dict().items()}

    def timed(stage: int, precision: Precision | None) -> Callable[[], float]:
        train = theirs if precision is None else ours
        config = training_config(sizes.batch, precision or "float32")

        def work() -> float:
            model.load_state_dict(start)
            clock = Clock(sizes.warm, sizes.steps, device, batch)
            train(stage, model, config, clock.batches())
            return clock.seconds

        return work

    def timed_net(precision: Precision) -> Callable[[], float]:
        config = training_config(sizes.batch, precision)
        viewers = [(model.student_net.eval(), model.segmentation_net.fusion_input)]
        laid = layout(sizes.model.segmentation_width, precision)
        with arithmetic(precision, device):
            viewed = view(model.teacher_net, viewers, laid, precision)
            seen = Seen(viewed(batch.corrupted), batch.mask)

        def work() -> float:
            model.load_state_dict(start)
            clock = Clock(sizes.warm, sizes.steps, device, seen)
            net_alone(model, config, clock.batches())
            return clock.seconds

        return work

    figures = []
    wanted: dict[str, Precision | None] = {REFERENCE: None}
    wanted |= {precision: precision for precision in precisions(device)}
    stage_two: dict[str, float] = {}
    for stage in (1, 2):
        works = {name: timed(stage, precision) for name, precision in wanted.items()}
        times_of = in_turns(f"stage {stage}", works, setting.rounds)
        where = f"stage {stage}, batch {sizes.batch} of {sizes.side} px"
        for name, times in times_of.items():
            median = statistics.median(times)
            figures.append(Figure(f"{where}, {name}", median * 1e3, "ms"))
            if name != REFERENCE:
                words = f"stage {stage}, {name}, times as fast as the {REFERENCE}"
                figures.append(Figure(words, median_ratio(times_of[REFERENCE], times)))
            if stage == 2:
                stage_two[name] = median
    found = in_turns(
        "segmentation net", {name: timed_net(name) for name in precisions(device)}, setting.rounds
    )
    net = {name: statistics.median(times) for name, times in found.items()}
    figures += [Figure(f"segmentation net alone, {name}", net[name] * 1e3, "ms") for name in net]
    rates = measured_rates(setting)
    work = counted_flops(sizes.model, sizes.side).segmentation_training * sizes.batch
    shares = {f"stage 2, {name}": median for name, median in stage_two.items()}
    shares |= {f"segmentation net alone, {name}": median for name, median in net.items()}
    figures += rates
    for name, median in shares.items():
        for rate in rates:
            share = work / median / 1e12 / rate.value
            figures.append(Figure(f"{name}, share of {rate.name}", share))
    return figures
