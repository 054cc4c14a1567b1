"""Reading ``cells.csv``, the table that every experiment leaves."""

import math
from pathlib import Path

import pandas as pd

from bench.metrics import METRICS
from bench.regress.baseline import CellId, Measured
from destseg.errors import InputError

VERSIONS = ("torch", "numpy")
NEEDED = ("dataset", "category", "variant", "seed", "images", "protocol")


def read_cells(path: Path) -> Measured:
    """Read the cells of a run.

    A metric that has no column, or no value, is left out or None: it is for the comparison to
    say that it is missing.

    Raises
    ------
    InputError
        When the file is missing, is no table of cells, or names a cell or dataset twice.
    """
    try:
        # "none" is a variant, not a missing value.
        frame = pd.read_csv(path, keep_default_na=False, dtype=str)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: no table of cells ({error}); run the experiment.") from None
    lacking = [name for name in NEEDED if name not in frame.columns]
    if lacking:
        raise InputError(f"{path}: no column {lacking[0]!r}; give the cells.csv of an experiment.")
    metrics = [metric.key for metric in METRICS if metric.key in frame.columns]
    cells = {}
    images: dict[str, str] = {}
    for row in frame.to_dict("records"):
        cell = CellId(row["category"], row["variant"], int(row["seed"]))
        if cell in cells or images.setdefault(cell.category, row["images"]) != row["images"]:
            raise InputError(f"{path}: {cell} is there twice; keep the cells of one run.")
        cells[cell] = {name: _number(row[name]) for name in metrics}
    return Measured(
        dataset="+".join(sorted(set(frame["dataset"]))),
        images=images,
        protocols=tuple(sorted(set(frame["protocol"]))),
        versions={
            name: ", ".join(sorted(set(frame[name]))) for name in VERSIONS if name in frame.columns
        },
        cells=cells,
    )


def _number(text: str) -> float | None:
    value = float(text) if text else math.nan
    return value if math.isfinite(value) else None
