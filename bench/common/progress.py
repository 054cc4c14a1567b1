"""Progress with counts, rate and ETA: a live bar on a terminal, spaced lines in a log."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")

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
        live = sys.stderr.isatty()
        self._scaled = unit == "B"
        self._bar = tqdm(
            total=total,
            initial=done,
            desc=label,
            unit=unit,
            unit_scale=self._scaled,
            disable=not live,
            dynamic_ncols=True,
        )
        self._label, self._total, self._unit = label, total, unit
        self._count = self._initial = done
        self._start = self._last = time.monotonic()
        self._live = live

    def advance(self, count: int = 1, note: str = "") -> None:
        """Count on; a note, such as what failed, stays beside the count."""
        self._count += count
        if self._live:
            if note:
                self._bar.set_postfix_str(note, refresh=False)
            self._bar.update(count)
            return
        now = time.monotonic()
        if now - self._last >= LOG_INTERVAL or self._count == self._total:
            self._last = now
            self.say(
                tqdm.format_meter(
                    self._count,
                    self._total or 0,  # tqdm takes 0 for unknown as well
                    now - self._start,
                    prefix=self._label,
                    unit=self._unit,
                    unit_scale=self._scaled,
                    initial=self._initial,
                    postfix=note or None,
                    ncols=100,
                    ascii=True,
                )
            )

    def say(self, text: str) -> None:
        """Print a line without disturbing the bar."""
        if self._live:
            self._bar.write(text, file=sys.stderr)
        else:
            print(text, file=sys.stderr, flush=True)

    def close(self) -> None:
        """Leave the last state on the screen."""
        self._bar.close()


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
            meter = tqdm.format_meter(
                step, total, now - start, prefix=label, unit="step", ncols=100, ascii=True
            )
            print(f"{meter} loss {loss:.4g}", file=sys.stderr, flush=True)

    return beat


def progress(items: Iterable[T], label: str, total: int, *, unit: str) -> Iterator[T]:
    """Show how far an iteration is."""
    shown = Progress(label, total, unit=unit)
    try:
        for item in items:
            shown.advance()
            yield item
    finally:
        shown.close()
