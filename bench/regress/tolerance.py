"""How far arithmetic alone moves the numbers: the spread between runs of the same code."""

from collections.abc import Mapping

from bench.regress.measured import Measured, told
from destseg.errors import InputError


def spread_between(now: Measured, runs: Mapping[str, Measured]) -> dict[str, float]:
    """Return each metric's largest difference between a run and others of the same cells.

    Raises
    ------
    InputError
        When another run has not the same cells, of the same images.
    """
    spread = dict.fromkeys(now.metrics, 0.0)
    for name, run in runs.items():
        if run.cells.keys() != now.cells.keys() or run.images != now.images:
            raise InputError(f"--spread {name}: other cells or images than the run's; run it anew.")
        for cell, values in run.cells.items():
            for metric in spread:
                old, new = now.cells[cell].get(metric), values.get(metric)
                if old is None or new is None:
                    raise InputError(f"--spread {name}: no {metric} of {told(cell)}; run it anew.")
                spread[metric] = max(spread[metric], abs(new - old))
    return spread
