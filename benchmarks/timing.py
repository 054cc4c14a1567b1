"""How everything is timed: medians of repetitions that take turns."""

import statistics
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from destseg.application.progress import Progress

T = TypeVar("T")


def in_one_thread(work: Callable[..., T], *arguments: object) -> T:
    """Call what `bench.running.isolation.alone` calls in a process that is to have one thread."""
    import torch
    from tqdm import tqdm

    torch.set_num_threads(1)
    # The process is ended, not left: a lock between processes would be missed then.
    tqdm.set_lock(threading.RLock())
    return work(*arguments)


def seconds(work: Callable[[], object], device: str = "cpu") -> float:
    """Time one call, on an accelerator until it has caught up."""
    start = now(device)
    work()
    return now(device) - start


def now(device: str) -> float:
    """Read the clock when all that was asked of a device is done."""
    if device != "cpu":
        import torch

        torch.cuda.synchronize(device)
    return time.perf_counter()


def in_turns(
    label: str, works: Mapping[str, Callable[[], float]], rounds: int
) -> dict[str, list[float]]:
    """Let works take turns, each of which returns its seconds: a busy minute hits all of them."""
    found: dict[str, list[float]] = {name: [] for name in works}
    with Progress(label, rounds * len(works), unit="measurement") as shown:
        for _ in range(rounds):
            for name, work in works.items():
                found[name].append(work())
                shown.advance(note=name)
    return found


def median_ratio(over: Iterable[float], under: Iterable[float]) -> float:
    """Return the median of the ratios within each round."""
    return statistics.median(a / b for a, b in zip(over, under, strict=True))
