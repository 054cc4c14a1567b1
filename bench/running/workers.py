"""Where stages are computed: child processes of this machine, or this process itself.

The runner knows workers only by this: how many jobs of each kind they take at once, `submit`, which
returns a future that comes to an `Outcome` of each stage whatever happens, and `close`.
"""

import queue
from abc import ABC, abstractmethod
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Self

from bench.running.execution import Job, Outcome, run_job
from bench.running.isolation import Child


class Workers(ABC):
    """What the runner needs of a pool, a cluster or anything else.

    They are closed when the block that uses them ends.
    """

    beside: int = 0
    """Jobs that need no accelerator, computed beside the others; with none all are taken alike."""

    @property
    @abstractmethod
    def size(self) -> int:
        """Jobs computed at the same time, without those beside them."""

    @abstractmethod
    def submit(self, job: Job) -> Future[tuple[Outcome, ...]]:
        """Hand over a job."""

    def close(self) -> None:  # noqa: B027 - not all have something to close
        """Stop at once; what runs comes to the outcome ``stopped``."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Children(Workers):
    """Child processes, one for each torch device named; several may share one.

    Where these are accelerators, ``beside`` more on the CPU take the stages that need none. A stage
    may take ``timeout`` seconds; see `Child`.
    """

    def __init__(
        self, devices: Sequence[str], timeout: float | None = None, *, beside: int = 0
    ) -> None:
        self.beside = beside
        self._children = [Child(device, timeout) for device in devices]
        self._others = [Child("cpu", timeout) for _ in range(beside)]
        self._threads = ThreadPoolExecutor(len(devices) + beside, thread_name_prefix="child")
        self._idle: queue.SimpleQueue[Child] = queue.SimpleQueue()
        self._idle_others: queue.SimpleQueue[Child] = queue.SimpleQueue()
        for child in self._children:
            self._idle.put(child)
        for child in self._others:
            self._idle_others.put(child)

    @property
    def size(self) -> int:
        """Number of children, without those beside them."""
        return len(self._children)

    def submit(self, job: Job) -> Future[tuple[Outcome, ...]]:
        """Hand a job to a child of its kind that is idle."""
        return self._threads.submit(self._run, job)

    def close(self) -> None:
        """End all children."""
        for child in (*self._children, *self._others):
            child.close()
        self._threads.shutdown()

    def _run(self, job: Job) -> tuple[Outcome, ...]:
        idle = self._idle_others if job.beside else self._idle
        child = idle.get()
        try:
            return child.run(job)
        finally:
            idle.put(child)


class InProcess(Workers):
    """No other process, and no isolation: for a debugger, and for tests."""

    size = 1

    def __init__(self, device: str) -> None:
        self._device = device

    def submit(self, job: Job) -> Future[tuple[Outcome, ...]]:
        """Compute a job here and now."""
        future: Future[tuple[Outcome, ...]] = Future()
        future.set_result(run_job(replace(job, device=self._device)))
        return future
