"""Updates that are recorded once, as a CUDA graph, and launched as one from then on.

On a fast card an update of small networks ends before the host has launched the kernels of the
next: of a student's step at the paper's sizes half was waiting.
"""

import functools
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import torch

from destseg.feeding import mapped, tensors

B = TypeVar("B")

BEFORE = 3
"""Calls that are not recorded: in the first libraries choose, and momentum comes to be."""


class Recorded(Generic[B]):
    """A work on batches that replays its kernels, on CUDA, where those before had the same shapes.

    Results stay in the same tensors from the recording on.

    Parameters
    ----------
    work : callable
        What is done to a batch, see `destseg.feeding.tensors`. It launches the same kernels for
        each, waits for none of them, and depends on nothing else that changes but by them.
    """

    def __init__(self, work: Callable[[B], None]) -> None:
        self._work = work
        self._calls = 0
        self._replay: Callable[[], None] | None = None
        self._own: B | None = None

    def __call__(self, batch: B) -> None:
        """Do the work."""
        first = next(tensors(batch))
        if not first.is_cuda:
            self._work(batch)
            return
        self._calls += 1
        if self._own is not None and _shapes(batch) != _shapes(self._own):
            # Its results would be others' than those that stay in the same tensors.
            self._calls, self._own, self._replay = 1, None, None
        if self._own is None and self._calls > BEFORE:
            own = self._own = mapped(torch.clone, batch)
            self._replay = _record(lambda: self._work(own), first.device)
        if self._own is None or self._replay is None:
            _aside(lambda: self._work(batch), first.device)
            return
        for mine, given in zip(tensors(self._own), tensors(batch), strict=True):
            mine.copy_(given, non_blocking=True)
        self._replay()


def _record(work: Callable[[], None], device: torch.device) -> Callable[[], None]:
    """Record kernels without computing anything; return what computes."""
    graph = torch.cuda.CUDAGraph()
    # The thread that brings batches may go on asking CUDA for memory meanwhile.
    stream = _other_stream(device)  # of this card: torch's own is of the first that was used
    with torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
        work()
    return graph.replay


def _aside(work: Callable[[], None], device: torch.device) -> None:
    """Work on another stream than the usual, which torch asks for before a recording."""
    usual, other = torch.cuda.current_stream(device), _other_stream(device)
    other.wait_stream(usual)
    with torch.cuda.stream(other):
        work()
    usual.wait_stream(other)


@functools.cache
def _other_stream(device: torch.device) -> torch.cuda.Stream:
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]


def _shapes(batch: Any) -> list[torch.Size]:
    return [each.shape for each in tensors(batch)]
