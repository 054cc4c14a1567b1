"""Stages on the machines of a dask cluster that is there already.

Futures are used directly. Joblib over dask waits for ever for a task whose worker died.
"""

import contextlib
import dataclasses
import sys
import threading
import uuid
from concurrent.futures import CancelledError, Future
from pathlib import Path
from typing import Any

from tqdm import tqdm

from bench.planning.inputs import Inputs
from bench.running.dask_client import CONNECT, connect, failed, misfit, reason, unreachable
from bench.running.execution import Job, Outcome, Status
from bench.running.remote import (
    Delivery,
    Needs,
    Parcel,
    Sight,
    code_versions,
    compute,
    stop,
    survey,
)
from bench.running.workers import Workers
from destseg.errors import InputError

ANSWER = 180.0
"""Seconds for all workers to answer: the first time they import torch, perhaps over a network."""

PULSE = 1.0
"""Seconds between questions to the scheduler, how many threads there are."""

SILENCE = 15.0
"""Seconds for the scheduler to answer."""

MISSES = 2
"""Answers missed in a row after which a scheduler that is still connected counts as gone.

Not the first: on a machine that wakes from suspension all that was asked before is overdue.
"""

TRAVEL = ", so the files of stages travel with them"
"""What is added where the folder of results is not shared."""


class Cluster(Workers):
    """The workers of the dask cluster whose scheduler has an address such as ``tcp://host:8786``.

    Every future comes to an outcome: a stage whose process dies or takes longer than ``timeout``
    seconds fails, one that takes worker after worker with it fails too, and when the scheduler is
    gone all that are left are told so. With ``auto`` each worker chooses its device.

    Raises
    ------
    InputError
        When dask is not installed or no scheduler answers.
    """

    def __init__(self, address: str, device: str = "auto", timeout: float | None = None) -> None:
        self._address, self._device, self._timeout = address, device, timeout
        self._run = uuid.uuid4().hex
        self._client = connect(address)
        self._lock = threading.Lock()
        self._pending: dict[Future[tuple[Outcome, ...]], Job] = {}
        self._needs: Needs | None = None
        self._shared = True
        self._lost = ""
        self._closed = threading.Event()
        try:
            self._threads = self._count()
        except OSError as error:
            raise unreachable(address, error) from None
        self._pulse = threading.Thread(target=self._watch, name="cluster", daemon=True)
        self._pulse.start()

    @property
    def size(self) -> int:
        """Threads of the cluster now; workers may come and go.

        One where there is none: the job waits for a worker to come.
        """
        return max(1, self._threads)

    def submit(self, job: Job) -> Future[tuple[Outcome, ...]]:
        """Hand a job to the scheduler; the first time, see what the workers see.

        Raises
        ------
        InputError
            At the first job, when a worker lacks an input or the device, or has other code.
        """
        # Workers have working directories of their own.
        store = dataclasses.replace(job.store, root=job.store.root.absolute())
        job = dataclasses.replace(job, store=store)
        if self._needs is None:
            self._prepare(job)
        future: Future[tuple[Outcome, ...]] = Future()
        self._send(job, future)
        return future

    def close(self) -> None:
        """Stop at once, and let go of the workers' memory."""
        if self._closed.is_set():
            return
        self._closed.set()
        self._settle_all()
        if not self._lost:
            # The cluster may be failing; whatever it says, this side is finished.
            with contextlib.suppress(Exception):
                self._client.run(stop, self._run, on_error="ignore", callback_timeout=CONNECT)
        with contextlib.suppress(Exception):
            self._client.close(timeout=CONNECT)
        self._pulse.join(SILENCE)
        if self._needs is not None:
            self._needs.token.unlink(missing_ok=True)

    def _prepare(self, job: Job) -> None:
        """Ask each worker what it has."""
        token = self._write_token(job.store.root)
        needs = Needs(_paths(job.inputs), token, self._device, code_versions())
        try:
            sights = self._client.run(survey, needs, on_error="return", callback_timeout=ANSWER)
        except Exception as error:
            token.unlink(missing_ok=True)
            raise InputError(
                f"{self._address}: the workers do not answer ({reason(error)}); see their logs."
            ) from None
        faults = [
            f"worker {worker}: {sight.fault if isinstance(sight, Sight) else misfit(sight)}."
            for worker, sight in sights.items()
            if not isinstance(sight, Sight) or sight.fault
        ]
        if faults:
            token.unlink(missing_ok=True)
            raise InputError(*faults)
        self._needs = needs
        self._shared = all(sight.shared for sight in sights.values())
        if not sights:
            _say(f"{self._address}: no workers yet; the run goes on when one comes")
            return
        way = " shared:" if self._shared else " not shared:"
        _say(
            f"{self._address}: {_several(len(sights), 'worker')}, "
            f"{_several(self._threads, 'thread')};{way} "
            f"{job.store.root}{'' if self._shared else TRAVEL}"
        )

    def _write_token(self, root: Path) -> Path:
        """Leave something below the results that only those who share the folder see."""
        token = root / f".cluster-{self._run}"
        token.parent.mkdir(parents=True, exist_ok=True)
        token.touch()
        return token

    def _send(self, job: Job, future: Future[tuple[Outcome, ...]]) -> None:
        from dask import config

        assert self._needs is not None
        with self._lock:
            self._pending[future] = job
        if self._lost or self._closed.is_set():
            self._settle_all()
            return
        parents = None
        try:
            if not self._shared:
                above = {parent.key for stage in job.stages for parent in stage.parents}
                parents = {key: job.store.pack(key) for key in above}
        except OSError as error:
            self._settle(future, job.unwritable(error))
            return
        parcel = Parcel(job, self._needs, self._run, self._timeout, parents)
        name = f"{job.stages[0].kind}-{uuid.uuid4().hex}"
        try:
            # Dask warns of more than 10 MB in a task; that is the size of a network.
            with config.set({"distributed.admin.large-graph-warning-threshold": "10 GB"}):
                task = self._client.submit(compute, parcel, pure=False, key=name)
        except Exception as error:
            self._lose(reason(error))
            return
        # Dask forgets a task that nobody holds; the callback holds this one.
        task.add_done_callback(lambda _: self._receive(job, future, task))

    def _receive(self, job: Job, future: Future[tuple[Outcome, ...]], task: Any) -> None:
        """Turn what became of a task into an outcome."""
        if self._closed.is_set():
            return
        try:
            delivery: Delivery = task.result()
        except Exception as error:
            if isinstance(error, CancelledError) or self._client.status != "running":
                self._lose(reason(error))
            else:
                self._settle(future, failed(job, error))
            return
        if not delivery.outcomes:
            # A worker that came later sees less than the first ones did.
            if self._shared:
                _say(f"{self._address}: a new worker does not share {job.store.root}{TRAVEL}")
            self._shared = False
            self._send(job, future)
            return
        self._settle(future, self._unpacked(job, delivery))

    def _unpacked(self, job: Job, delivery: Delivery) -> tuple[Outcome, ...]:
        """Store what came back.

        Also a record that is in a shared folder already: network file systems may hide for a
        minute what another machine wrote, but never what this one did.
        """
        try:
            for key, files in delivery.files.items():
                job.store.unpack(key, files)
            for outcome in delivery.outcomes:
                if outcome.damaged is not None and not self._shared:
                    # The worker could forget its copy only.
                    job.store.discard(outcome.damaged)
        except OSError as error:
            return job.unwritable(error)
        return delivery.outcomes

    def _settle(self, future: Future[tuple[Outcome, ...]], outcomes: tuple[Outcome, ...]) -> None:
        with self._lock:
            waiting = self._pending.pop(future, None)
        if waiting is not None:
            future.set_result(outcomes)

    def _settle_all(self) -> None:
        """Give all jobs up, as the run is to be stopped or the scheduler is gone."""
        status: Status = "stopped" if self._closed.is_set() else "unwritable"
        with self._lock:
            pending, self._pending = self._pending, {}
        for future, job in pending.items():
            future.set_result(job.all(status, self._lost))

    def _lose(self, why: str) -> None:
        """Note that the scheduler is gone, or has forgotten the jobs."""
        self._lost = self._lost or f"the scheduler {self._address} is gone ({why})"
        self._settle_all()

    def _count(self) -> int:
        """Ask the scheduler for the number of threads."""
        threads = self._client.sync(self._client.scheduler.ncores, callback_timeout=SILENCE)
        return sum(threads.values())

    def _watch(self) -> None:
        """Keep the number of threads, and notice a scheduler that no longer answers."""
        misses = 0
        while not self._lost and not self._closed.wait(PULSE):
            try:
                threads = self._count()
            except Exception as error:
                misses += 1
                if misses == MISSES and not self._closed.is_set():
                    self._lose(reason(error))
                continue
            misses = 0
            if self._threads and not threads:
                _say(f"{self._address}: no workers left; the run goes on when one comes")
            self._threads = threads


def _paths(inputs: Inputs) -> tuple[Path, ...]:
    categories = (category.path for category in inputs.categories.values())
    backbones = (backbone.path for backbone in inputs.backbones.values())
    return (*backbones, inputs.textures.path, *categories)


def _several(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _say(text: str) -> None:
    tqdm.write(text, file=sys.stderr)
