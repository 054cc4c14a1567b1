r"""DeSTSeg's steps: two trainings, and the maps.

    student(den, shape) ---------------------------------> maps (seg off)
                        \-> segmentation(loss, input) ---> maps (seg on)

The student is frozen after its stage, BatchNorm statistics included, so variants that differ only
in what follows share one, exactly. Of each kind those that see the same images are computed in
lockstep: their batches are drawn once, and the teacher looks at them once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from bench.methods.codecs import SCORES, WEIGHTS
from bench.methods.steps import Member, Scores, Site, Step
from destseg.config import (
    AnomalyConfig,
    FusionInput,
    ModelConfig,
    Precision,
    StudentKind,
    TrainingConfig,
)

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping, Sequence

    from torch import Tensor

    from destseg.batches import Batch
    from destseg.courses import SegmentationTraining, StudentTraining
    from destseg.inference import Mapper
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
    precision: Precision | None = field(default=None, kw_only=True)
    """None for float32."""

    version = 2
    reads = ("images", "rotation", "textures", "teacher")
    codec = WEIGHTS

    @classmethod
    def work(cls, settings: Mapping[str, Any]) -> float:
        """Return the pixels that the training goes through."""
        return float(settings["steps"] * settings["batch_size"] * settings["size"] ** 2)

    @property
    def stream(self) -> Hashable:
        """What its batches depend on, and the precision, in which the teacher looks at them."""
        return self.anomalies, self.batch_size, self.steps, self.precision

    def run(self, site: Site, *parents: Any) -> State:
        """Return the trained network's weights."""
        (found,) = self.run_together([Member(self, site, parents)])
        if isinstance(found, Exception):
            raise found
        return found

    def batches(
        self, site: Site, stream: Step[State] | None = None, *, first: int = 0, done: int = 0
    ) -> Iterator[Batch]:
        """Draw batches of a stream of random numbers, by default its own, from one of them on.

        Those of updates that are done are left out.
        """
        from destseg.batches import TrainingImages, training_batches

        data = TrainingImages(site["images"].train, site["textures"], site["rotation"])
        return training_batches(
            data,
            batch_size=self.batch_size,
            steps=self.steps - done,
            seed=site.seed("data", stream),
            first=first + done,
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

    @classmethod
    def run_together(cls, members: Sequence[Member]) -> Sequence[State | Exception]:
        """Train students on one stream of batches."""
        from destseg.training import train_students

        first, site, _ = members[0]
        trainings = [member.step.training(member.site) for member in members]
        keeper = site.keeper()
        faults = train_students(
            _teacher(site),
            trainings,
            first.batches(site, done=keeper.done),
            on_step=site.beat(first.steps),
            keeper=keeper,
        )
        return [
            fault or training.student.state_dict()
            for fault, training in zip(faults, trainings, strict=True)
        ]

    def training(self, site: Site) -> StudentTraining:
        """Say what is trained, and how."""
        from destseg.courses import StudentTraining

        config = TrainingConfig(
            student_lr=self.lr,
            momentum=self.momentum,
            weight_decay=self.weight_decay,
            den_off_statistics=self.statistics or TrainingConfig.den_off_statistics,
            precision=self.precision or "float32",
        )
        student = self._untrained(site.seed("weights")).to(site.device)
        return StudentTraining(student, config, self.den)

    def network(self, state: State, device: str) -> Student:
        """Put the trained student together, frozen."""
        student = self._untrained(0)
        student.load_state_dict(state)
        return student.requires_grad_(False).to(device).eval()

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

    @property
    def stream(self) -> Hashable:
        """What its batches depend on."""
        return super().stream, self.data_stream, self.student.steps

    @classmethod
    def run_together(cls, members: Sequence[Member]) -> Sequence[State | Exception]:
        """Train segmentation nets on one stream of batches."""
        from destseg.training import train_segmentations

        first, site, _ = members[0]
        teacher = _teacher(site)
        students = _students(members)
        trainings = [
            member.step.training(member.site, teacher, students[member.step.student])
            for member in members
        ]
        whole, keeper = first.data_stream == "whole", site.keeper()
        batches = first.batches(
            site,
            first.student if whole else None,
            first=first.student.steps if whole else 0,
            done=keeper.done,
        )
        faults = train_segmentations(
            teacher, trainings, batches, on_step=site.beat(first.steps), keeper=keeper
        )
        return [
            fault or training.segmentation.state_dict()
            for fault, training in zip(faults, trainings, strict=True)
        ]

    def training(self, site: Site, teacher: Teacher, student: Student) -> SegmentationTraining:
        """Say what is trained, and how."""
        from destseg.courses import SegmentationTraining

        config = TrainingConfig(
            batch_size=self.batch_size,
            res_lr=self.res_lr,
            head_lr=self.head_lr,
            momentum=self.momentum,
            weight_decay=self.weight_decay,
            gamma=self.gamma,
            precision=self.precision or "float32",
        )
        segmentation = self._untrained(teacher, site.seed("weights")).to(site.device)
        return SegmentationTraining(student, segmentation, config, self.l1)

    def network(self, teacher: Teacher, state: State, device: str) -> SegmentationNet:
        """Put the trained segmentation net together, frozen."""
        segmentation = self._untrained(teacher, 0)
        segmentation.load_state_dict(state)
        return segmentation.requires_grad_(False).to(device).eval()

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

    @property
    def stream(self) -> Hashable:
        """All see the test images."""
        return ()

    def run(self, site: Site, *parents: Any) -> Scores:
        """Return the maps of the test images, at a quarter of their size."""
        (scores,) = self.run_together([Member(self, site, parents)])
        return scores

    @classmethod
    def run_together(cls, members: Sequence[Member]) -> Sequence[Scores]:
        """Make the maps of variants, batch by batch."""
        from destseg.inference import anomaly_maps_of
        from destseg.looking import remembering

        site = members[0].site
        teacher = remembering(_teacher(site))
        students = {step: remembering(student) for step, student in _students(members).items()}
        mappers = [
            member.step.mapper(teacher, students[member.step.student], member) for member in members
        ]
        found = anomaly_maps_of(mappers, site["images"].test, device=site.device)
        return [Scores(maps) for maps in found]

    def mapper(self, teacher: Teacher, student: Student, member: Member) -> Mapper:
        """Return what makes maps of images."""
        from destseg.inference import distance_mapper, segmentation_mapper

        if self.segmentation is None:
            return distance_mapper(teacher, student)
        state = member.parents[1]
        segmentation = self.segmentation.network(teacher, state, member.site.device)
        return segmentation_mapper(teacher, student, segmentation)


def _teacher(site: Site) -> Teacher:
    from destseg.teacher import Teacher

    return Teacher(site["teacher"])


def _students(members: Sequence[Member]) -> dict[TrainStudent, Student]:
    """Put the students together that are the first parents, each once."""
    states = {member.step.student: member.parents[0] for member in members}
    device = members[0].site.device
    return {step: step.network(state, device) for step, state in states.items()}
