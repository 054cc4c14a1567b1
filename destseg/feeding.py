"""How batches come from where they are drawn to the step: threads, memory and copies."""

import os
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from numpy.typing import NDArray

T = TypeVar("T")
B = TypeVar("B", bound=tuple[Any, ...])

AHEAD = 8
"""Threads that draw batches for an accelerator: 32 images of 256 px take one of them 0.1 s."""


def ahead(draw: Callable[[int], T], indices: range) -> Generator[T, None, None]:
    """Draw in order, by threads that are some batches ahead of what was asked for."""
    threads = min(AHEAD, os.cpu_count() or 1)
    with ThreadPoolExecutor(
        threads,
        thread_name_prefix="batches",
        # One each: torch would start as many as there are processors for every one of them.
        initializer=torch.set_num_threads,
        initargs=(1,),
    ) as pool:
        waiting: deque[Future[T]] = deque()
        try:
            for index in indices:
                waiting.append(pool.submit(draw, index))
                if len(waiting) > threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def placed(batches: Iterable[B], device: torch.device) -> Iterator[B]:
    """Copy batches, named tuples of tensors, to an accelerator.

    On CUDA each while the one before it is computed with, and without the host waiting for it.
    """
    if device.type != "cuda":
        for batch in batches:
            yield _copy(batch, device)
        return
    stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    def begun(batch: B) -> tuple[B, torch.cuda.Event]:
        with torch.cuda.stream(stream):
            return _copy(batch, device), stream.record_event()

    def ready(batch: B, end: torch.cuda.Event) -> B:
        current = torch.cuda.current_stream(device)
        current.wait_event(end)
        for part in batch:
            # Its memory belongs to the copying stream, which is not to fill it again too early.
            part.record_stream(current)
        return batch

    before = None
    for batch in batches:
        upcoming = begun(batch)
        if before is not None:
            yield ready(*before)
        before = upcoming
    if before is not None:
        yield ready(*before)


def pinned(shape: tuple[int, ...]) -> Tensor:
    """Return a float32 tensor to be written whose copies to CUDA need not be waited for."""
    return torch.empty(shape, pin_memory=torch.cuda.is_available())


class Reused:
    """Memory for tensors, taken again when nobody holds the tensor any more.

    The first use of new memory takes as long as all else that is done to a batch.
    """

    def __init__(self) -> None:
        self._arrays: list[NDArray[np.float32]] = []

    def empty(self, shape: tuple[int, ...]) -> Tensor:
        """Return a float32 tensor to be written."""
        for index in range(len(self._arrays)):
            # A tensor refers to the array whose memory it shares for as long as any view of it
            # lives; else the list does alone, and the call that counts.
            if sys.getrefcount(self._arrays[index]) == 2 and self._arrays[index].shape == shape:
                return torch.from_numpy(self._arrays[index])
        self._arrays.append(np.empty(shape, np.float32))
        return torch.from_numpy(self._arrays[-1])


def _copy(batch: B, device: torch.device) -> B:
    parts = (part.to(device, non_blocking=True) for part in batch)
    return type(batch)(*parts)
