"""Execution of a stage, or of several together, in this process."""

import dataclasses
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import numpy as np
import torch

from bench.common.provenance import peak_memory, record_provenance
from bench.common.source_code import foreign_source
from bench.data.kinds import DatasetKind
from bench.methods.steps import Member, Scores
from bench.planning.evaluation import Evaluate
from bench.planning.inputs import Inputs
from bench.planning.stages import Stage
from bench.running.site import StageSite
from bench.running.unfinished import Unfinished
from bench.store.records import Record
from bench.store.runs import Cause, DamagedArtifact, Failure, RunStore
from destseg.application.devices import is_out_of_memory
from destseg.descent import TrainingDiverged
from destseg.errors import one_line, printable
from destseg.precision import arithmetic

TRACE_LINES = 12
"""Last lines of a traceback that a failure keeps."""

SIZES = ("batch_size", "width", "size")
"""Settings that memory depends on."""

Status = Literal["done", "cached", "failed", "parted", "damaged", "unwritable", "stopped"]


@dataclass(frozen=True)
class Outcome:
    """What became of one stage."""

    key: str  # of the stage
    # ``done``; ``cached`` when its record was there already; ``failed``; ``parted`` when those that
    # were to be computed together failed together, and each is to be tried by itself; ``damaged``
    # when what it reads is not what was stored; ``unwritable`` when its result could not be stored;
    # ``stopped`` when it was ended from outside, by the user.
    status: Status
    message: str = ""  # one line on what went wrong
    seconds: float = 0.0  # wall time spent; of what was computed together an equal share
    failure: Failure | None = None  # of a failed stage, and of a damaged one, should it be given up
    damaged: str | None = None  # key of the stage whose artifact is damaged


@dataclass(frozen=True)
class Job:
    """Stages to be computed together, most often one, with all they need: sent to a worker."""

    stages: tuple[Stage, ...]
    inputs: Inputs  # where images, textures and backbones are
    kind: DatasetKind  # of the images
    store: RunStore  # where parents come from and the results go
    device: str = "cpu"  # torch device, of the worker's choice
    command: str = ""  # the command line of the run, for the records
    beside: bool = False  # whether it needs no accelerator, and is for workers beside those that do

    def failed(
        self, cause: Cause, message: str, trace: tuple[str, ...] = (), attempts: int = 1
    ) -> tuple[Outcome, ...]:
        """Make the outcomes of a job that did not come to its end."""
        if len(self.stages) > 1:
            return self.all("parted", message)
        return (_failed(self.stages[0], cause, message, trace, attempts),)

    def unwritable(self, error: OSError) -> tuple[Outcome, ...]:
        """Make the outcomes of stages whose results could not be stored."""
        return self.all("unwritable", f"{self.store.root}: {error.strerror or error}")

    def all(self, status: Status, message: str = "") -> tuple[Outcome, ...]:
        """Make the outcomes of stages that end alike."""
        return tuple(Outcome(stage.key, status, message) for stage in self.stages)


def run_job(job: Job) -> tuple[Outcome, ...]:
    """Compute stages whose parents are stored, those that are not stored themselves; store them.

    Whatever goes wrong in it comes back as outcomes.
    """
    lacking = tuple(stage for stage in job.stages if job.store.get(stage.key) is None)
    there = tuple(Outcome(s.key, "cached") for s in job.stages if s not in lacking)
    if not lacking:
        return there
    if job.device == "cpu":
        # Two threads add up in another order than one: only one gives the same bits always.
        torch.set_num_threads(1)
    job = dataclasses.replace(job, stages=lacking)
    start = time.perf_counter()
    try:
        with arithmetic("float32", job.device):  # a training may have another inside
            outcomes = _computed(job)
    except Exception as error:
        outcomes = job.failed(*_told(error, job.stages[0], job.device))
    share = (time.perf_counter() - start) / len(lacking)
    return there + tuple(dataclasses.replace(outcome, seconds=share) for outcome in outcomes)


def _computed(job: Job) -> tuple[Outcome, ...]:
    """Compute and store what has its parents."""
    started, start = datetime.now(UTC), time.perf_counter()
    outcomes: list[Outcome] = []
    ready: dict[Stage, tuple[Any, ...]] = {}
    for stage in job.stages:
        try:
            ready[stage] = tuple(result_of(job.store, parent) for parent in stage.parents)
        except DamagedArtifact as error:
            lost = _failed(stage, "raised", str(error))
            outcomes.append(dataclasses.replace(lost, status="damaged", damaged=error.key))
    unfinished = Unfinished(tuple(ready), job.store, job.device)

    def site_of(stage: Stage) -> StageSite:
        return StageSite(stage, job.inputs, job.kind, job.device, lambda: unfinished.part)

    sites = [site_of(stage) for stage in ready]
    results = _results(
        [
            Member(stage.step, site, parents)
            for site, (stage, parents) in zip(sites, ready.items(), strict=True)
        ]
    )
    share = (time.perf_counter() - start + unfinished.seconds) / max(1, len(ready))
    provenance = {
        **record_provenance(job.device, started, job.command),
        "together": len(ready),
        # One of those computed together may have read for all.
        "read": {name: digest for site in sites for name, digest in site.read.items()},
    }
    if unfinished.done:
        provenance["resumed_after"] = unfinished.done
    for stage, result in zip(ready, results, strict=True):
        outcomes.append(_stored(job, stage, result, share, provenance))
    if all(outcome.status != "unwritable" for outcome in outcomes):
        unfinished.remove()
    return tuple(outcomes)


def _results(members: Sequence[Member]) -> Sequence[Any]:
    """Compute the results, or the exceptions that ended some of several."""
    if len(members) > 1:
        found: Sequence[Any] = type(members[0].step).run_together(members)
        return found
    return [member.step.run(member.site, *member.parents) for member in members]


def _stored(
    job: Job, stage: Stage, result: Any, share: float, provenance: Mapping[str, Any]
) -> Outcome:
    """Store a result, computed in a share of the time of all."""
    step, start = stage.step, time.perf_counter()
    assert step is not None
    measured = isinstance(step, Evaluate)
    if isinstance(result, Exception):
        return _failed(stage, *_told(result, stage, job.device))
    try:
        if isinstance(result, Scores):
            _require_scores(result, job.inputs.categories[stage.category].test)
        name, content = (None, None) if measured else step.codec.encode(result)
        record = Record(
            key=stage.key,
            kind=stage.kind,
            parents=tuple(parent.key for parent in stage.parents),
            parameters=stage.parameters,
            metrics=result if measured else {},
            artifact=name,
            seconds=round(share + time.perf_counter() - start, 3),
            peak_memory=peak_memory(),
            provenance={**provenance, **_source(stage)},
            code=stage.code,
            category=stage.category,
            seed=stage.seed,
        )
    except Exception as error:
        return _failed(stage, *_told(error, stage, job.device))
    try:
        job.store.put(record, content)
    except OSError as error:
        return dataclasses.replace(job, stages=(stage,)).unwritable(error)[0]
    return Outcome(stage.key, "done")


def _source(stage: Stage) -> dict[str, str]:
    """Return the digest of the code of a method that is not of this package."""
    source = foreign_source(type(stage.step))
    return {} if source is None else {"source": source.digest}


def result_of(store: RunStore, stage: Stage) -> Any:
    """Read a stage's result; see `RunStore.load`."""
    assert stage.step is not None
    return stage.step.codec.decode(store.load(stage.key))


def _failed(
    stage: Stage, cause: Cause, message: str, trace: tuple[str, ...] = (), attempts: int = 1
) -> Outcome:
    failure = Failure(
        stage.key, stage.kind, stage.category, stage.seed, cause, message, trace, attempts
    )
    return Outcome(stage.key, "failed", message, failure=failure)


def _told(error: Exception, stage: Stage, device: str) -> tuple[Cause, str, tuple[str, ...]]:
    """Tell of an error by its cause, in a line, and with the last lines of its trace."""
    trace = "".join(traceback.format_exception(error)).splitlines()[-TRACE_LINES:]
    cause, message = _cause(error), printable(f"{type(error).__name__}: {error}")
    if cause == "memory":
        sizes = [f"{name} {stage.parameters[name]}" for name in SIZES if name in stage.parameters]
        message = (
            f"{device} has no memory left for {', '.join(sizes) or stage.kind} "
            f"({type(error).__name__}: {one_line(error)[:120]}); let fewer processes share it "
            "(--jobs, --per-gpu), take one with more, or set a smaller batch_size: another recipe"
        )
    return cause, message, tuple(trace)


def _cause(error: Exception) -> Cause:
    if isinstance(error, TrainingDiverged):
        return "diverged"
    return "memory" if is_out_of_memory(error) else "raised"


def _require_scores(scores: Scores, count: int) -> None:
    """Refuse scores that are not of so many test images, or are none."""
    parts = {"anomaly maps": scores.maps, "image scores": scores.image_scores}
    for name, values in parts.items():
        if values is None:
            continue
        if values.ndim != (3 if name == "anomaly maps" else 1) or len(values) != count:
            raise ValueError(
                f"the {name} have the shape {values.shape}, for {count} test images; a method "
                "gives maps (N, h, w) and image scores (N,)"
            )
        if not np.isfinite(values).all():
            raise TrainingDiverged(f"the {name} hold values that are not finite")
