"""Execution of one chain of stages, in this process."""

import io
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import numpy as np
import torch

from bench.artifacts import read_artifact, serialise, stored_maps
from bench.data.inputs import Inputs
from bench.data.mvtec import CategoryData, load_category, rotation_of
from bench.data.teacher import load_teacher
from bench.data.textures import load_textures
from bench.experiment import Experiment
from bench.metrics import evaluate
from bench.progress import heartbeat
from bench.provenance import peak_memory, record_provenance
from bench.seeding import derive_seed
from bench.stages import Chain, Kind, Stage
from bench.store import Record, RunStore, recordable
from destseg.batches import Rotation, TrainingImages, training_batches
from destseg.inference import anomaly_maps, distance_mapper, segmentation_mapper, upsample
from destseg.segmentation import SegmentationNet
from destseg.student import Student
from destseg.teacher import Teacher
from destseg.training import build_segmentation, build_student, train_segmentation, train_student

TRACE_LINES = 12
"""Last lines of a traceback that a failure keeps."""


@dataclass(frozen=True)
class Outcome:
    """What became of one stage.

    Parameters
    ----------
    key : str
        Of the stage.
    kind : str
        Of the stage.
    status : {"done", "cached", "failed"}
        ``cached`` when its record was there already; ``failed`` also below a failed parent.
    message : str
        Of the failure, one line.
    seconds : float
        Wall time spent.
    """

    key: str
    kind: Kind
    status: Literal["done", "cached", "failed"]
    message: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Job:
    """A chain with all it needs: what is sent to a worker."""

    chain: Chain
    experiment: Experiment
    inputs: Inputs
    store: RunStore
    device: str


def run_job(job: Job) -> list[Outcome]:
    """Bring every evaluation of a chain about, with the stages it needs and the store lacks.

    Each stage is stored as it is done. A failure ends its descendants only.
    """
    if job.device == "cpu":
        # Two threads add up in another order than one: only one gives the same bits always.
        torch.set_num_threads(1)
    else:
        torch.backends.cudnn.deterministic = True
        torch.backends.cudnn.benchmark = False
    worker = _Worker(job)
    outcomes: dict[str, Outcome] = {}
    for evaluation in job.chain.evaluations:
        _bring_about(evaluation, job, worker, outcomes)
    return list(outcomes.values())


def _bring_about(
    stage: Stage, job: Job, worker: "_Worker", outcomes: dict[str, Outcome]
) -> Outcome:
    """Compute a stage after its parents, unless the store or an earlier call has it."""
    if stage.key not in outcomes:
        outcomes[stage.key] = _outcome(stage, job, worker, outcomes)
    return outcomes[stage.key]


def _outcome(stage: Stage, job: Job, worker: "_Worker", outcomes: dict[str, Outcome]) -> Outcome:
    if job.store.get(stage.key) is not None:
        return Outcome(stage.key, stage.kind, "cached")
    for parent in stage.parents:
        above = _bring_about(parent, job, worker, outcomes)
        if above.status == "failed":
            return Outcome(stage.key, stage.kind, "failed", above.message)
    start = time.perf_counter()
    try:
        worker.run(stage)
    except Exception as error:
        return Outcome(stage.key, stage.kind, "failed", _note_failure(job, stage, error))
    return Outcome(stage.key, stage.kind, "done", seconds=time.perf_counter() - start)


class _Worker:
    """The stages' functions, with what they share loaded once and only when needed."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._seed = job.chain.seed
        self._category = job.chain.category
        self._results: dict[str, Any] = {}
        self._data: CategoryData | None = None
        self._teacher: Teacher | None = None
        self._work: Mapping[Kind, Callable[[Stage], tuple[Any, dict[str, float | None]]]] = {
            "student": self._student,
            "segmentation": self._segmentation,
            "maps": self._maps,
            "evaluation": self._evaluation,
        }

    def run(self, stage: Stage) -> None:
        """Compute a stage and store its record and artifact."""
        started = datetime.now(UTC)
        start = time.perf_counter()
        result, metrics = self._work[stage.kind](stage)
        artifact, content = serialise(stage.kind, result)
        seconds = time.perf_counter() - start
        self._job.store.put(
            Record(
                key=stage.key,
                kind=stage.kind,
                parents=tuple(parent.key for parent in stage.parents),
                parameters=stage.parameters,
                metrics=metrics,
                artifact=artifact,
                seconds=round(seconds, 3),
                peak_memory=peak_memory(),
                provenance=record_provenance(self._job.device, started),
            ),
            content,
        )
        self._results[stage.key] = result

    @property
    def data(self) -> CategoryData:
        if self._data is None:
            self._data = load_category(self._job.inputs.categories[self._category])
        return self._data

    @property
    def teacher(self) -> Teacher:
        if self._teacher is None:
            trunk = load_teacher(self._job.inputs.teacher)
            self._teacher = Teacher(trunk).to(self._job.device)
        return self._teacher

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
            raise ArithmeticError("the anomaly maps hold values that are not finite")
        return maps, {}

    def _evaluation(self, stage: Stage) -> tuple[None, dict[str, float | None]]:
        maps = stored_maps(self._job.store, stage.parents[0], self._results)
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
        paper = experiment.dataset.rotation == "paper"
        images = TrainingImages(
            self.data.train,
            load_textures(self._job.inputs.textures),
            rotation_of(self._category) if paper else Rotation(),
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
        """Return a trained network, from memory or from the store."""
        if stage.key not in self._results:
            network = self._untrained(stage, seed=0)
            content = io.BytesIO(read_artifact(self._job.store, stage))
            network.load_state_dict(torch.load(content, map_location="cpu", weights_only=True))
            network.requires_grad_(False)
            self._results[stage.key] = network.to(self._job.device).eval()
        return self._results[stage.key]


def _note_failure(job: Job, stage: Stage, error: Exception) -> str:
    message = f"{type(error).__name__}: {error}"
    trace = "".join(traceback.format_exception(error)).splitlines()[-TRACE_LINES:]
    failure = {
        "kind": stage.kind,
        "category": job.chain.category,
        "seed": job.chain.seed,
        "message": message,
        "trace": trace,
    }
    # On a full disk neither the result nor the note can be stored; the message still is shown.
    with suppress(OSError):
        job.store.fail(stage.key, failure)
    return message
