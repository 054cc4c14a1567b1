"""How batches come from where they are drawn to the step: processes, memory and copies."""

import shutil
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from destseg.processors import usable_cores

if TYPE_CHECKING:
    from numpy.typing import NDArray

B = TypeVar("B")

AHEAD = 8
"""Processes that draw batches for an accelerator. A draft of 32 images of 256 px takes one of them
24 ms, a rival's batch more: threads would wait for each other, under the interpreter's lock."""

PREFETCH = 2
"""Batches that each of them may be ahead."""

OTHERS = 8
"""Trainings that may want as much of the shared memory at the same time: a machine's cards."""

SHARED = Path("/dev/shm")  # noqa: S108 - not a file of ours: where processes share memory
"""Through which batches come from other processes; containers often have little of it."""


class _Drawn(Dataset[B]):
    """Batches by their place among indices."""

    def __init__(self, draw: Callable[[int], B], indices: Sequence[int]) -> None:
        self._draw, self._indices = draw, indices

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, place: int) -> B:
        return self._draw(self._indices[place])


def stream(
    draw: Callable[[int], B], indices: Iterable[int], device: torch.device | str
) -> Iterator[B]:
    """Yield batches on a device; for an accelerator they are drawn ahead.

    Parameters
    ----------
    draw : callable
        Index -> batch on the CPU, a tensor or a tuple of such; not to touch an accelerator.
    indices : iterable of int
        What is drawn, in this order.
    device : torch.device or str
        Where the batches go.
    """
    target = torch.device(device)
    if target.type == "cpu":
        yield from map(draw, indices)
    else:
        yield from placed(ahead(draw, indices, pin=target.type == "cuda"), target)


def ahead(
    draw: Callable[[int], B], indices: Iterable[int], *, pin: bool = False
) -> Generator[B, None, None]:
    """Draw by processes that are some batches ahead of what was asked for.

    Where they have no memory to share, batches are drawn as they are asked for. ``pin`` is for
    copies to CUDA that need not be waited for; see `stream`.
    """
    left = list(indices)
    if not left:
        return
    first = draw(left.pop(0))  # tells the size of all
    yield mapped(Tensor.pin_memory, first) if pin else first
    size = sum(part.nbytes for part in tensors(first))
    free = shutil.disk_usage(SHARED).free if SHARED.is_dir() else 0
    workers = min(AHEAD, usable_cores(), free // (OTHERS * PREFETCH * size))
    yield from DataLoader(
        _Drawn(draw, left),
        batch_size=None,
        num_workers=workers,
        prefetch_factor=PREFETCH if workers else None,
        # They inherit the images; any other way would copy those to each.
        multiprocessing_context="fork" if workers else None,
        pin_memory=pin,
        generator=torch.Generator(),  # of seeds that nobody uses, instead of the global one
    )


def placed(batches: Iterable[B], device: torch.device) -> Iterator[B]:
    """Copy batches to an accelerator.

    On CUDA each while the one before it is computed with, and without the host waiting for it.
    """
    if device.type != "cuda":
        for batch in batches:
            yield _copy(batch, device)
        return
    copying = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    def begun(batch: B) -> tuple[B, torch.cuda.Event]:
        with torch.cuda.stream(copying):
            return _copy(batch, device), copying.record_event()

    def ready(batch: B, end: torch.cuda.Event) -> B:
        current = torch.cuda.current_stream(device)
        current.wait_event(end)
        for part in tensors(batch):
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


def tensors(batch: Any) -> Iterator[Tensor]:
    """Yield the tensors of a batch: one, or a sequence of such, also of sequences."""
    if isinstance(batch, tuple | list):
        for part in batch:
            yield from tensors(part)
    else:
        yield batch


def mapped(function: Callable[[Tensor], Tensor], batch: Any) -> Any:
    """Return a batch of the same form with what a function makes of its tensors."""
    if not isinstance(batch, tuple | list):
        return function(batch)
    parts = [mapped(function, part) for part in batch]
    return type(batch)(*parts) if hasattr(batch, "_fields") else type(batch)(parts)


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
    copied: B = mapped(lambda part: part.to(device, non_blocking=True), batch)
    return copied
