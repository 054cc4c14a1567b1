"""Execution of one stage, in this process."""

import dataclasses
import functools
import io
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from bench.common.progress import heartbeat
from bench.common.provenance import peak_memory, record_provenance
from bench.common.seeding import derive_seed
from bench.data.categories import CategoryData, CategoryRef, load_category
from bench.data.kinds import find_kind
from bench.data.teacher import TeacherRef, load_teacher
from bench.data.textures import TexturesRef, load_textures
from bench.experiment.experiment import Experiment
from bench.metrics import evaluate
from bench.planning.inputs import Inputs
from bench.planning.stages import Kind, Stage, Task
from bench.store.artifacts import read_artifact, serialise, stored_maps
from bench.store.records import Record, recordable
from bench.store.runs import Cause, DamagedArtifact, Failure, RunStore
from destseg.batches import TrainingImages, training_batches
from destseg.config import Rotation
from destseg.inference import anomaly_maps, distance_mapper, segmentation_mapper, upsample
from destseg.segmentation import SegmentationNet
from destseg.student import Student
from destseg.teacher import Teacher
from destseg.training import (
    TrainingDiverged,
    build_segmentation,
    build_student,
    train_segmentation,
    train_student,
)

TRACE_LINES = 12
"""Last lines of a traceback that a failure keeps."""

Status = Literal["done", "cached", "failed", "damaged", "unwritable", "stopped"]


@dataclass(frozen=True)
class Outcome:
    """What became of one stage.

    Parameters
    ----------
    key : str
        Of the stage.
    status : str
        ``done``; ``cached`` when its record was there already; ``failed``; ``damaged`` when what
        it reads is not what was stored; ``unwritable`` when its result could not be stored;
        ``stopped`` when it was ended from outside, by the user.
    message : str
        One line on what went wrong.
    seconds : float
        Wall time spent.
    failure : Failure, optional
        Of a failed stage, and of a damaged one, should it be given up.
    damaged : str, optional
        Key of the stage whose artifact is damaged.
    """

    key: str
    status: Status
    message: str = ""
    seconds: float = 0.0
    failure: Failure | None = None
    damaged: str | None = None


@dataclass(frozen=True)
class Job:
    """A stage with all it needs: what is sent to a worker.

    Parameters
    ----------
    task : Task
        The stage and its place in the grid.
    experiment : Experiment
        Its settings.
    inputs : Inputs
        Where images, textures and teacher are.
    store : RunStore
        Where parents come from and the result goes.
    device : str
        Torch device, of the worker's choice.
    command : str
        The command line of the run, for the record.
    """

    task: Task
    experiment: Experiment
    inputs: Inputs
    store: RunStore
    device: str = "cpu"
    command: str = ""

    def failed(
        self, cause: Cause, message: str, *, trace: tuple[str, ...] = (), attempts: int = 1
    ) -> Outcome:
        """Make the outcome of a stage that did not come to its end."""
        stage = self.task.stage
        failure = Failure(
            key=stage.key,
            kind=stage.kind,
            category=self.task.category,
            seed=self.task.seed,
            cause=cause,
            message=message,
            trace=trace,
            attempts=attempts,
        )
        return Outcome(stage.key, "failed", message, failure=failure)


def run_stage(job: Job) -> Outcome:
    """Compute a stage whose parents are stored, and store it.

    Whatever goes wrong in it comes back as an outcome.
    """
    key = job.task.stage.key
    if job.store.get(key) is not None:
        return Outcome(key, "cached")
    if job.device == "cpu":
        # Two threads add up in another order than one: only one gives the same bits always.
        torch.set_num_threads(1)
    else:
        torch.backends.cudnn.deterministic = True
        torch.backends.cudnn.benchmark = False
    start = time.perf_counter()
    try:
        record, content = _Work(job).record()
    except DamagedArtifact as error:
        failed = job.failed("raised", str(error))
        return dataclasses.replace(failed, status="damaged", damaged=error.key)
    except Exception as error:
        message = f"{type(error).__name__}: {error}"
        trace = "".join(traceback.format_exception(error)).splitlines()[-TRACE_LINES:]
        outcome = job.failed(_cause(error), message, trace=tuple(trace))
        return dataclasses.replace(outcome, seconds=time.perf_counter() - start)
    try:
        job.store.put(record, content)
    except OSError as error:
        return Outcome(key, "unwritable", f"{job.store.root}: {error.strerror or error}")
    return Outcome(key, "done", seconds=time.perf_counter() - start)


def _cause(error: Exception) -> Cause:
    if isinstance(error, TrainingDiverged):
        return "diverged"
    # What torch raises on a CPU for want of memory is a plain RuntimeError.
    if isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate" in str(error):
        return "memory"
    return "raised"


# A worker gets stage after stage of the same category: what they share is loaded once.


@functools.lru_cache(maxsize=2)
def _category(ref: CategoryRef) -> CategoryData:
    return load_category(ref)


@functools.lru_cache(maxsize=1)
def _teacher(ref: TeacherRef, device: str) -> Teacher:
    return Teacher(load_teacher(ref)).to(device)


@functools.lru_cache(maxsize=1)
def _textures(ref: TexturesRef) -> NDArray[np.uint8]:
    return load_textures(ref)


class _Work:
    """The stages' functions on one job."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._seed = job.task.seed
        self._category = job.task.category
        self._work: Mapping[Kind, Callable[[Stage], tuple[Any, dict[str, float | None]]]] = {
            "student": self._student,
            "segmentation": self._segmentation,
            "maps": self._maps,
            "evaluation": self._evaluation,
        }

    def record(self) -> tuple[Record, bytes | None]:
        """Compute the stage; return its record and the content of its artifact."""
        stage = self._job.task.stage
        started = datetime.now(UTC)
        start = time.perf_counter()
        result, metrics = self._work[stage.kind](stage)
        artifact, content = serialise(stage.kind, result)
        record = Record(
            key=stage.key,
            kind=stage.kind,
            parents=tuple(parent.key for parent in stage.parents),
            parameters=stage.parameters,
            metrics=metrics,
            artifact=artifact,
            seconds=round(time.perf_counter() - start, 3),
            peak_memory=peak_memory(),
            provenance=record_provenance(self._job.device, started, self._job.command),
            code=stage.code,
            category=self._category,
            seed=self._seed,
        )
        return record, content

    @property
    def data(self) -> CategoryData:
        return _category(self._job.inputs.categories[self._category])

    @property
    def teacher(self) -> Teacher:
        (teacher,) = self._job.inputs.backbones.values()
        return _teacher(teacher, self._job.device)

    def _student(self, stage: Stage) -> tuple[Student, dict[str, float | None]]:
        experiment = self._job.experiment
        seed = self._derive("student", "weights")
        student = self._untrained(stage, seed).to(self._job.device)
        batches = self._batches("student", experiment.training.student_steps)
        den = stage.parameters["den"]
        on_step = self._heartbeat("student", experiment.training.student_steps)
        train_student(self.teacher, student, batches, experiment.training, den=den, on_step=on_step)
        return student, {}

    def _segmentation(self, stage: Stage) -> tuple[SegmentationNet, dict[str, float | None]]:
        experiment = self._job.experiment
        student = self._network(stage.parents[0])
        seed = self._derive("segmentation", "weights")
        segmentation = self._untrained(stage, seed).to(self._job.device)
        training = experiment.training
        if stage.parameters["data_stream"] == "whole":
            steps = training.segmentation_steps
            batches = self._batches("student", steps, first=training.student_steps)
        else:
            batches = self._batches("segmentation", training.segmentation_steps)
        train_segmentation(
            self.teacher,
            student,
            segmentation,
            batches,
            training,
            l1=stage.parameters["l1"],
            on_step=self._heartbeat("segmentation", training.segmentation_steps),
        )
        return segmentation, {}

    def _maps(self, stage: Stage) -> tuple[np.ndarray[Any, Any], dict[str, float | None]]:
        student = self._network(stage.parents[0])
        if stage.parameters["seg"]:
            segmentation = self._network(stage.parents[1])
            mapper = segmentation_mapper(self.teacher, student, segmentation)
        else:
            mapper = distance_mapper(self.teacher, student)
        maps = anomaly_maps(mapper, self.data.test, device=self._job.device)
        if not np.isfinite(maps).all():
            raise TrainingDiverged("the anomaly maps hold values that are not finite")
        return maps, {}

    def _evaluation(self, stage: Stage) -> tuple[None, dict[str, float | None]]:
        maps = stored_maps(self._job.store, stage.parents[0])
        protocol = self._job.experiment.protocol
        scores = evaluate(
            upsample(maps, (protocol.size, protocol.size)), self.data.masks, protocol=protocol
        )
        return None, recordable(scores)

    def _heartbeat(self, stage: Kind, steps: int) -> Callable[[int, float], None]:
        return heartbeat(f"{self._category} seed {self._seed} {stage}", steps)

    def _derive(self, stage: Kind, stream: str) -> int:
        return derive_seed(category=self._category, stage=stage, stream=stream, seed=self._seed)

    def _batches(self, stage: Kind, steps: int, *, first: int = 0) -> Any:
        experiment = self._job.experiment
        dataset = experiment.dataset
        paper = dataset.rotation == "paper"
        images = TrainingImages(
            self.data.train,
            _textures(self._job.inputs.textures),
            find_kind(dataset.kind).rotation(self._category) if paper else Rotation(),
        )
        return training_batches(
            images,
            batch_size=experiment.training.batch_size,
            steps=steps,
            seed=self._derive(stage, "data"),
            first=first,
            anomalies=experiment.anomalies,
            device=self._job.device,
        )

    def _untrained(self, stage: Stage, seed: int) -> Any:
        """Build the network of a student's or segmentation net's stage."""
        sizes, parameters = self._job.experiment.model, stage.parameters
        if stage.kind == "student":
            return build_student(sizes, parameters["student"], seed=seed)
        levels = self.teacher.encoder.channels
        return build_segmentation(levels, sizes, parameters["fusion_input"], seed=seed)

    def _network(self, stage: Stage) -> Any:
        """Read a trained network."""
        network = self._untrained(stage, seed=0)
        content = io.BytesIO(read_artifact(self._job.store, stage))
        network.load_state_dict(torch.load(content, map_location="cpu", weights_only=True))
        return network.requires_grad_(False).to(self._job.device).eval()
