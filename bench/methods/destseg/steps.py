"""DeSTSeg's steps: two trainings, and the maps.

    student(den, shape) ---------------------------------> maps (seg off)
                        \\-> segmentation(loss, input) ---> maps (seg on)

The student is frozen after its stage, BatchNorm statistics included, so variants that differ only
in what follows share one, exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from bench.methods.codecs import SCORES, WEIGHTS
from bench.methods.interface import Scores, Site, Step
from destseg.config import (
    AnomalyConfig,
    FusionInput,
    ModelConfig,
    StudentKind,
    TrainingConfig,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from torch import Tensor

    from destseg.batches import Batch
    from destseg.segmentation import SegmentationNet
    from destseg.student import Student
    from destseg.teacher import Teacher

State = dict[str, "Tensor"]


@dataclass(frozen=True)
class _Trained(Step[State]):
    """What the two trainings have in common; their fields and streams are the data's."""

    anomalies: AnomalyConfig
    batch_size: int
    momentum: float
    weight_decay: float
    steps: int
    width: int

    version = 2
    reads = ("images", "rotation", "textures", "teacher")
    codec = WEIGHTS

    @classmethod
    def work(cls, settings: Mapping[str, Any]) -> float:
        """Return the pixels that the training goes through."""
        return float(settings["steps"] * settings["batch_size"] * settings["size"] ** 2)

    def _batches(
        self, site: Site, stream: Step[State] | None = None, *, first: int = 0
    ) -> Iterator[Batch]:
        from destseg.batches import TrainingImages, training_batches

        data = TrainingImages(site["images"].train, site["textures"], site["rotation"])
        return training_batches(
            data,
            batch_size=self.batch_size,
            steps=self.steps,
            seed=site.seed("data", stream),
            first=first,
            anomalies=self.anomalies,
            device=site.device,
        )


@dataclass(frozen=True)
class TrainStudent(_Trained):
    """Stage 1: the student learns the teacher's features of the clean images."""

    den: bool
    student: StudentKind
    lr: float
    statistics: Literal["clean", "both"] | None
    """None with den, where it has no effect, or such students would be trained twice."""

    kind = "student"
    traits = ("den", "student")

    def run(self, site: Site, *parents: Any) -> State:  # noqa: ARG002 - it has none
        """Return the trained student's weights."""
        from destseg.training import train_student

        config = TrainingConfig(
            student_lr=self.lr,
            momentum=self.momentum,
            weight_decay=self.weight_decay,
            den_off_statistics=self.statistics or TrainingConfig.den_off_statistics,
        )
        trained = train_student(
            _teacher(site),
            self._untrained(site.seed("weights")).to(site.device),
            self._batches(site),
            config,
            den=self.den,
            on_step=site.beat(self.steps),
        )
        return trained.state_dict()

    def network(self, state: State, device: str) -> Student:
        """Put the trained student together, frozen."""
        return _frozen(self._untrained(0), state, device)

    def _untrained(self, seed: int) -> Student:
        from destseg.training import build_student

        return build_student(ModelConfig(width=self.width), self.student, seed=seed)


@dataclass(frozen=True)
class TrainSegmentation(_Trained):
    """Stage 2: the segmentation net learns to find the synthetic anomalies."""

    dilations: tuple[int, ...]
    res_lr: float
    head_lr: float
    gamma: float
    l1: bool
    fusion_input: FusionInput
    data_stream: Literal["stage", "whole"]
    student: TrainStudent

    kind = "segmentation"
    traits = ("l1", "fusion_input")

    def run(self, site: Site, *parents: Any) -> State:
        """Return the trained segmentation net's weights."""
        from destseg.training import train_segmentation

        teacher, (student,) = _teacher(site), parents
        whole = self.data_stream == "whole"
        config = TrainingConfig(
            res_lr=self.res_lr,
            head_lr=self.head_lr,
            momentum=self.momentum,
            weight_decay=self.weight_decay,
            gamma=self.gamma,
        )
        trained = train_segmentation(
            teacher,
            self.student.network(student, site.device),
            self._untrained(teacher, site.seed("weights")).to(site.device),
            self._batches(
                site, self.student if whole else None, first=self.student.steps if whole else 0
            ),
            config,
            l1=self.l1,
            on_step=site.beat(self.steps),
        )
        return trained.state_dict()

    def network(self, teacher: Teacher, state: State, device: str) -> SegmentationNet:
        """Put the trained segmentation net together, frozen."""
        return _frozen(self._untrained(teacher, 0), state, device)

    def _untrained(self, teacher: Teacher, seed: int) -> SegmentationNet:
        from destseg.training import build_segmentation

        sizes = ModelConfig(segmentation_width=self.width, dilations=self.dilations)
        return build_segmentation(teacher.encoder.channels, sizes, self.fusion_input, seed=seed)


@dataclass(frozen=True)
class Map(Step[Scores]):
    """The anomaly maps: the segmentation net's, or the product of the cosine distances."""

    seg: bool
    student: TrainStudent
    segmentation: TrainSegmentation | None

    kind = "maps"
    seeded = False
    reads = ("images", "teacher")
    traits = ("seg",)
    codec = SCORES

    def run(self, site: Site, *parents: Any) -> Scores:
        """Return the maps of the test images, at a quarter of their size."""
        from destseg.inference import anomaly_maps, distance_mapper, segmentation_mapper

        teacher, (first, *rest) = _teacher(site), parents
        student = self.student.network(first, site.device)
        if self.segmentation is None:
            mapper = distance_mapper(teacher, student)
        else:
            segmentation = self.segmentation.network(teacher, rest[0], site.device)
            mapper = segmentation_mapper(teacher, student, segmentation)
        return Scores(anomaly_maps(mapper, site["images"].test, device=site.device))


def _teacher(site: Site) -> Teacher:
    from destseg.teacher import Teacher

    return Teacher(site["teacher"])


def _frozen(network: Any, state: State, device: str) -> Any:
    network.load_state_dict(state)
    return network.requires_grad_(False).to(device).eval()
