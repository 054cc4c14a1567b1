"""Progress with counts, rate and ETA: a live bar on a terminal, spaced lines in a log."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Self, TypeVar

from tqdm import tqdm

T = TypeVar("T")

OnProgress = Callable[[str, int, int, str], None]
"""Called with what is done, how much of it, how much in all, and a note such as the loss."""

HEARTBEAT = 60.0
"""Seconds between lines of one long training."""

LOG_INTERVAL = 15.0
"""Seconds between lines where the output is not a terminal."""


class Progress:
    """A count on its way to a total, shown on stderr.

    Parameters
    ----------
    label : str
        What is counted.
    total : int or None
        Where the count ends; None when nobody knows.
    done : int
        Where it starts; what was done before does not enter the rate.
    unit : str
        One of what is counted; bytes, ``"B"``, are shown in kB, MB and GB.
    """

    def __init__(self, label: str, total: int | None, *, done: int = 0, unit: str = "cell") -> None:
        self._live = sys.stderr.isatty()
        self._look: dict[str, Any] = {"unit": unit, "unit_scale": unit == "B", "initial": done}
        self._bar = tqdm(
            total=total, desc=label, disable=not self._live, dynamic_ncols=True, **self._look
        )
        self._label, self._total = label, total
        self.count = done
        """How far it is."""
        self._start = self._last = time.monotonic()

    def advance(self, count: int = 1, note: str = "") -> None:
        """Count on; a note, such as what failed, stays beside the count."""
        self.count += count
        if self._live:
            if note:
                self._bar.set_postfix_str(note, refresh=False)
            self._bar.update(count)
            return
        now = time.monotonic()
        if now - self._last >= LOG_INTERVAL or self.count == self._total:
            self._last = now
            look = {"postfix": note or None, **self._look}
            self.say(_line(self._label, self.count, self._total, now - self._start, **look))

    def say(self, text: str) -> None:
        """Print a line without disturbing the bar."""
        say(text)

    def close(self) -> None:
        """Leave the last state on the screen."""
        self._bar.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def say(text: str) -> None:
    """Print a line to stderr, above whatever bars a terminal shows."""
    tqdm.write(text, file=sys.stderr)
    sys.stderr.flush()


def progress(items: Iterable[T], label: str, total: int, *, unit: str) -> Iterator[T]:
    """Show how far an iteration is."""
    with Progress(label, total, unit=unit) as shown:
        for item in items:
            shown.advance()
            yield item


@contextmanager
def stage_progress() -> Iterator[OnProgress]:
    """Show how far each stage is that the `OnProgress` it gives is told of, one after the other."""
    current: str | None = None
    bar: Progress | None = None

    def show(stage: str, step: int, steps: int, note: str) -> None:
        nonlocal current, bar
        if bar is None or stage != current:
            # A bar that is left open is drawn anew in the end, with the time of later stages.
            if bar is not None:
                bar.close()
            current, bar = stage, Progress(stage, steps, done=step, unit="step")
        bar.advance(step - bar.count, note)

    try:
        yield show
    finally:
        if bar is not None:
            bar.close()


def heartbeat(label: str, total: int) -> Callable[[int, float], None]:
    """Make a callback that tells of a long training now and then, from whatever process.

    Parameters
    ----------
    label : str
        What is trained.
    total : int
        Its number of steps.

    Returns
    -------
    callable
        Takes the number of steps done and the loss; prints a line when the last one is
        `HEARTBEAT` seconds old, so that a short training is silent.
    """
    start = last = time.monotonic()

    def beat(step: int, loss: float) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= HEARTBEAT:
            last = now
            line = _line(label, step, total, now - start, unit="step")
            print(f"{line} loss {loss:.4g}", file=sys.stderr, flush=True)

    return beat


def _line(label: str, count: int, total: int | None, seconds: float, **look: Any) -> str:
    # tqdm takes a total of 0 for unknown as well.
    return tqdm.format_meter(
        count, total or 0, seconds, prefix=label, ncols=100, ascii=True, **look
    )
