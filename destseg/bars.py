"""Progress of a training on a terminal, or in a log file."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Never

from tqdm import tqdm

OnProgress = Callable[[str, int, int, str], None]
"""Called with what is done, how much of it, how much in all, and a note such as the loss."""

LOG_INTERVAL = 30.0
"""Seconds between lines of progress where the output is not a terminal."""


@contextmanager
def progress_bars() -> Iterator[OnProgress]:
    """Show a bar for each stage that is told of, with count, rate, time left and note."""
    bars: dict[str, tqdm[Never]] = {}

    def show(stage: str, step: int, steps: int, note: str) -> None:
        if stage not in bars:
            bars[stage] = tqdm(
                total=steps,
                initial=step,
                desc=stage,
                unit="step",
                dynamic_ncols=True,
                # A log file gets a line now and then.
                mininterval=0.1 if sys.stderr.isatty() else LOG_INTERVAL,
            )
        bars[stage].set_postfix_str(note, refresh=False)
        bars[stage].update(step - bars[stage].n)

    try:
        yield show
    finally:
        for bar in bars.values():
            bar.close()
