"""Execution of one stage, in this process."""

import dataclasses
import time
import traceback
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import numpy as np
import torch

from bench.common.provenance import peak_memory, record_provenance
from bench.data.kinds import DatasetKind
from bench.methods.interface import Scores
from bench.planning.evaluation import Evaluate
from bench.planning.inputs import Inputs
from bench.planning.stages import Stage
from bench.running.site import StageSite
from bench.store.records import Record
from bench.store.runs import Cause, DamagedArtifact, Failure, RunStore
from destseg.descent import TrainingDiverged

TRACE_LINES = 12
"""Last lines of a traceback that a failure keeps."""

Status = Literal["done", "cached", "failed", "damaged", "unwritable", "stopped"]


@dataclass(frozen=True)
class Outcome:
    """What became of one stage."""

    key: str  # of the stage
    # ``done``; ``cached`` when its record was there already; ``failed``; ``damaged`` when what it
    # reads is not what was stored; ``unwritable`` when its result could not be stored; ``stopped``
    # when it was ended from outside, by the user.
    status: Status
    message: str = ""  # one line on what went wrong
    seconds: float = 0.0  # wall time spent
    failure: Failure | None = None  # of a failed stage, and of a damaged one, should it be given up
    damaged: str | None = None  # key of the stage whose artifact is damaged


@dataclass(frozen=True)
class Job:
    """A stage with all it needs: what is sent to a worker."""

    stage: Stage
    inputs: Inputs  # where images, textures and backbones are
    kind: DatasetKind  # of the images
    store: RunStore  # where parents come from and the result goes
    device: str = "cpu"  # torch device, of the worker's choice
    command: str = ""  # the command line of the run, for the record

    def failed(
        self, cause: Cause, message: str, *, trace: tuple[str, ...] = (), attempts: int = 1
    ) -> Outcome:
        """Make the outcome of a stage that did not come to its end."""
        stage = self.stage
        failure = Failure(
            stage.key, stage.kind, stage.category, stage.seed, cause, message, trace, attempts
        )
        return Outcome(stage.key, "failed", message, failure=failure)

    def unwritable(self, error: OSError) -> Outcome:
        """Make the outcome of a stage whose result could not be stored."""
        message = f"{self.store.root}: {error.strerror or error}"
        return Outcome(self.stage.key, "unwritable", message)


def run_stage(job: Job) -> Outcome:
    """Compute a stage whose parents are stored, and store it.

    Whatever goes wrong in it comes back as an outcome.
    """
    key = job.stage.key
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
        record, content = _computed(job)
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
        return job.unwritable(error)
    return Outcome(key, "done", seconds=time.perf_counter() - start)


def _cause(error: Exception) -> Cause:
    if isinstance(error, TrainingDiverged):
        return "diverged"
    # What torch raises on a CPU for want of memory is a plain RuntimeError.
    if isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate" in str(error):
        return "memory"
    return "raised"


def _computed(job: Job) -> tuple[Record, bytes | None]:
    """Compute the stage; return its record and the content of its artifact."""
    stage, step = job.stage, job.stage.step
    assert step is not None
    started = datetime.now(UTC)
    start = time.perf_counter()
    parents = [result_of(job.store, parent) for parent in stage.parents]
    result = step.run(StageSite(stage, job.inputs, job.kind, job.device), *parents)
    measured = isinstance(step, Evaluate)
    if isinstance(result, Scores):
        _require_scores(result, job)
    name, content = (None, None) if measured else step.codec.encode(result)
    record = Record(
        key=stage.key,
        kind=stage.kind,
        parents=tuple(parent.key for parent in stage.parents),
        parameters=stage.parameters,
        metrics=result if measured else {},
        artifact=name,
        seconds=round(time.perf_counter() - start, 3),
        peak_memory=peak_memory(),
        provenance=record_provenance(job.device, started, job.command),
        code=stage.code,
        category=stage.category,
        seed=stage.seed,
    )
    return record, content


def result_of(store: RunStore, stage: Stage) -> Any:
    """Read a stage's result; see `RunStore.load`."""
    assert stage.step is not None
    return stage.step.codec.decode(store.load(stage.key))


def _require_scores(scores: Scores, job: Job) -> None:
    """Refuse scores that are not of the test images, or are none."""
    count = job.inputs.categories[job.stage.category].test
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
