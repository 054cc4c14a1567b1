"""A child process for stages: what happens to it is an outcome, not the end of the run."""

import gc
import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing import resource_tracker
from typing import Any, TypeVar

try:
    from loky.process_executor import ProcessPoolExecutor, ShutdownExecutorError
except ModuleNotFoundError:  # a lent machine on which nothing may be installed: joblib's own copy
    from joblib.externals.loky.process_executor import ProcessPoolExecutor, ShutdownExecutorError

from bench.common.processes import end_with
from bench.running.execution import Job, Outcome, run_job

T = TypeVar("T")

ATTEMPTS = 2
"""How often a stage is tried whose process is killed: another may have taken the memory."""

ENVIRONMENT = {
    **dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"),
    # A stage may take much more memory than the one before it; loky takes 300 MB for a leak.
    "LOKY_MAX_MEMORY_LEAK_SIZE": "4e9",
}
"""Of a child."""


class Child:
    """One process that computes stages one after the other, started when it is first needed.

    Loky's executors lose every call when a worker dies; with one worker, and one call at a time,
    that is the call that was at fault. A stage may take ``timeout`` seconds, several together as
    many times that.
    """

    def __init__(self, device: str, timeout: float | None = None) -> None:
        self._device = device
        self._timeout = timeout
        self._executor: ProcessPoolExecutor | None = None
        self._lock = threading.Lock()
        self._closed = False

    def run(self, job: Job) -> tuple[Outcome, ...]:
        """Compute a job; a process that dies or takes too long is a failure of this job."""
        job = replace(job, device=self._device)
        count = len(job.stages)
        limit = None if self._timeout is None else self._timeout * count
        # What dies with others is tried by itself instead, and once more then.
        attempts = ATTEMPTS if count == 1 else 1
        end = "the process ended"
        start = time.perf_counter()

        def timed(outcomes: tuple[Outcome, ...]) -> tuple[Outcome, ...]:
            share = (time.perf_counter() - start) / count
            return tuple(replace(each, seconds=each.seconds or share) for each in outcomes)

        for _ in range(attempts):
            try:
                found: tuple[Outcome, ...]
                executor = self._started()
                with _sheltered():
                    call = executor.submit(_compute, job)
                found = call.result(limit)
            except TimeoutError:
                self._kill()
                message = f"stopped after {limit:g} s, the limit of {_several(count)}"
                found = job.failed("timeout", message)
            except (BrokenProcessPool, ShutdownExecutorError) as error:
                self._kill()
                if self._closed:
                    return job.all("stopped")
                end = _ending(str(error))
                continue
            except RuntimeError:
                # The executor was shut down between two stages.
                if self._closed:
                    return job.all("stopped")
                raise
            return timed(found)
        message = end if attempts == 1 else f"{end}, {attempts} times"
        return timed(job.failed("killed", message, attempts=attempts))

    def close(self) -> None:
        """End the process, whatever it does."""
        self._closed = True
        self._kill()

    def _started(self) -> ProcessPoolExecutor:
        with self._lock:
            if self._closed:
                raise ShutdownExecutorError
            if self._executor is None:
                self._executor = _process()
            return self._executor

    def _kill(self) -> None:
        with self._lock:
            executor, self._executor = self._executor, None
        if executor is not None:
            executor.shutdown(wait=True, kill_workers=True)


def alone(function: Callable[..., T], *arguments: Any) -> T:
    """Return what a function returns, or raise what it raises, in a process of its own."""
    executor = _process()
    try:
        with _sheltered():
            call = executor.submit(function, *arguments)
        found: T = call.result()
        return found
    finally:
        executor.shutdown(wait=True, kill_workers=True)


def _process() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(
        max_workers=1, initializer=_prepare, initargs=(os.getpid(),), env=ENVIRONMENT
    )


@contextmanager
def _sheltered() -> Iterator[None]:
    """Start a process that no interrupt ends while it imports, before `_prepare` ignores them.

    It inherits which signals this thread blocks.
    """
    # Python's own, which the start needs, would unblock them.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _compute(job: Job) -> tuple[Outcome, ...]:
    outcomes = run_job(job)
    if not gc.get_freeze_count():
        # Loky collects garbage between calls: among all that torch consists of, each time anew.
        gc.collect()
        gc.freeze()
    return outcomes


def _prepare(parent: int) -> None:
    """Leave interrupts to the parent, and do not outlive it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with(parent)


def _several(count: int) -> str:
    return "a stage" if count == 1 else f"{count} stages together"


def _ending(message: str) -> str:
    """Say how a process ended, from what loky says of it."""
    codes = re.search(r"exit codes of the workers are \{(.*?)\}", message)
    how = codes[1] if codes else "unknown"
    killed = ", perhaps for want of memory" if "SIGKILL" in how else ""
    return f"the process was ended by {how}{killed}"
