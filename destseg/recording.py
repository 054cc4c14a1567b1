"""Updates that are recorded once, as a CUDA graph, and launched as one from then on.

On a fast card an update of small networks ends before the host has launched the kernels of the
next: of a student's step at the paper's sizes half was waiting.
"""

import functools
from collections import Counter
from collections.abc import Callable
from typing import Generic, TypeAlias, TypeVar

import torch

from destseg.feeding import mapped, tensors

B = TypeVar("B")
R = TypeVar("R")

_Shapes: TypeAlias = tuple[torch.Size, ...]

BEFORE = 3
"""Calls that are not recorded: in the first libraries choose, and momentum comes to be."""


class Recorded(Generic[B, R]):
    """A work on batches that replays its kernels, on CUDA, where those before had the same shapes.

    Parameters
    ----------
    work : callable
        What is done to a batch, see `destseg.feeding.tensors`. It launches the same kernels for
        each of the same shapes, waits for none of them, and depends on nothing else that changes
        but by them. What it returns stays in the same tensors from their recording on.
    """

    def __init__(self, work: Callable[[B], R]) -> None:
        self._work = work
        self._calls: Counter[_Shapes] = Counter()
        self._recorded: dict[_Shapes, tuple[B, Callable[[], R]]] = {}

    def __call__(self, batch: B) -> R:
        """Do the work."""
        first = next(tensors(batch))
        if not first.is_cuda:
            return self._work(batch)
        shapes = tuple(each.shape for each in tensors(batch))
        self._calls[shapes] += 1
        if self._calls[shapes] <= BEFORE:
            return _aside(lambda: self._work(batch), first.device)
        if shapes not in self._recorded:
            copy: B = mapped(torch.clone, batch)
            self._recorded[shapes] = copy, _record(lambda: self._work(copy), first.device)
        own, replay = self._recorded[shapes]
        for mine, given in zip(tensors(own), tensors(batch), strict=True):
            mine.copy_(given, non_blocking=True)
        return replay()


def _record(work: Callable[[], R], device: torch.device) -> Callable[[], R]:
    """Record kernels without computing anything; return what computes."""
    graph = torch.cuda.CUDAGraph()
    # The thread that brings batches may go on asking CUDA for memory meanwhile.
    stream = _other_stream(device)  # of this card: torch's own is of the first that was used
    with torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
        result = work()

    def replay() -> R:
        graph.replay()
        return result

    return replay


def _aside(work: Callable[[], R], device: torch.device) -> R:
    """Work on another stream than the usual, which torch asks for before a recording."""
    usual, other = torch.cuda.current_stream(device), _other_stream(device)
    other.wait_stream(usual)
    with torch.cuda.stream(other):
        result = work()
    usual.wait_stream(other)
    return result


@functools.cache
def _other_stream(device: torch.device) -> torch.cuda.Stream:
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
