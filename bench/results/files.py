"""An experiment's results folder: its cells, and beside them what they are of.

``cells.csv`` holds what was measured, ``heading.json`` what was asked for and where: without it a
cell that is missing would not be missed. The two make every table again, with neither data nor
device.
"""

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import pandas as pd

from bench.metrics import METRICS, Protocol
from bench.presentation.heading import Heading
from destseg.atomic import write_atomically
from destseg.errors import InputError

CELLS = "cells.csv"
HEADING = "heading.json"


def write_heading(folder: Path, heading: Heading) -> None:
    """Write ``heading.json``, atomically."""
    record = dataclasses.asdict(heading) | {"protocol": heading.protocol.as_dict()}
    text = json.dumps(record, indent=1, ensure_ascii=False) + "\n"
    write_atomically(folder / HEADING, text.encode())


def read_results(folder: Path) -> tuple[pd.DataFrame, Heading]:
    """Read the cells of a results folder and their heading.

    Parameters
    ----------
    folder
        Such as ``results/ablation``.

    Returns
    -------
    cells : DataFrame
        As `bench.results.cells.tidy` makes them.
    heading : Heading
        What they are of.

    Raises
    ------
    InputError
        When one of the two files is missing or damaged.
    """
    return _read_cells(folder / CELLS), _read_heading(folder / HEADING)


def _read_cells(path: Path) -> pd.DataFrame:
    metrics = [metric.key for metric in METRICS]
    try:
        # A method without variants has an empty one: only a metric can be missing. Python's own
        # float reads back exactly what was written; pandas' does not in every version.
        cells = pd.read_csv(
            path, keep_default_na=False, converters=dict.fromkeys(metrics, _fraction)
        )
        lacking = {"method", "category", "variant", "seed", "protocol", *metrics} - {*cells}
        if lacking:
            raise InputError(f"{path}: no column {min(lacking)!r}; {_REMEDY}.")
        return cells.astype(dict.fromkeys(metrics, float))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; {_REMEDY}.") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({error}); {_REMEDY}.") from None


def _fraction(text: str) -> float:
    return float(text) if text else math.nan


def _read_heading(path: Path) -> Heading:
    try:
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        arrays = {key: tuple(value) for key, value in record.items() if isinstance(value, list)}
        return Heading(**record | arrays | {"protocol": Protocol(**record["protocol"])})
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; {_REMEDY}.") from None
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(f"{path}: cannot be read ({error}); {_REMEDY}.") from None


_REMEDY = "the command that made the results writes it anew, and computes nothing twice"
