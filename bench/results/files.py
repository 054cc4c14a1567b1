"""A results folder: ``cells.csv`` holds what was measured, ``heading.json`` what was asked for.

Without the latter a cell that is missing would not be missed. The two make every table again, with
neither data nor device; of what methods cost and how they learn there may be ``costs.json`` and
``curve.csv`` beside them.
"""

import dataclasses
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from bench.methods import PAPER, methods
from bench.metrics import ALL_METRICS, METRICS, Protocol
from bench.results.costs import Cost
from bench.results.joining import join
from bench.results.results import Results
from destseg.atomic import write_atomically
from destseg.errors import InputError

CELLS = "cells.csv"
HEADING = "heading.json"
COSTS = "costs.json"
CURVE = "curve.csv"

_APART = ("cells", "costs", "curve")
"""Parts of results with files of their own; all others are in the heading."""

_NUMBERS = {"seed": int, "seconds": float, "peak_memory": int}
_PARTS = {"True": True, "False": False, "": None}


def write_results(folder: Path, results: Results) -> None:
    """Write cells, heading and costs into a folder, which is made if it is not there.

    Raises
    ------
    OSError
        If it cannot be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    text = results.cells.to_csv(index=False, lineterminator="\n")
    write_atomically(folder / CELLS, text.encode())
    names = [field.name for field in dataclasses.fields(results) if field.name not in _APART]
    heading = {name: getattr(results, name) for name in names}
    heading |= {
        "variants": dict(results.variants),
        "protocol": results.protocol.as_dict(),
        "metrics": [metric.key for metric in results.metrics],
    }
    text = json.dumps(heading, indent=1, ensure_ascii=False) + "\n"
    write_atomically(folder / HEADING, text.encode())
    if results.costs:
        costs = {name: dataclasses.asdict(cost) for name, cost in results.costs.items()}
        write_atomically(folder / COSTS, (json.dumps(costs, indent=1) + "\n").encode())


def write_curve(folder: Path, curve: pd.DataFrame) -> None:
    """Write cells at other lengths of training, see `Results.curve`."""
    folder.mkdir(parents=True, exist_ok=True)
    text = curve.to_csv(index=False, lineterminator="\n")
    write_atomically(folder / CURVE, text.encode())


def read_results(folder: Path) -> Results:
    """Read what `write_results` wrote.

    Raises
    ------
    InputError
        When the folder holds no results, or one of the two files is missing or damaged.
    """
    if not (folder / CELLS).is_file():
        known = ", ".join(sorted(path.parent.name for path in folder.parent.glob(f"*/{CELLS}")))
        there = f"there are {known}" if known else "run `python -m bench reproduce` first"
        raise InputError(f"{folder}: no results; {there}.")
    cells = read_cells(folder / CELLS)
    path = folder / HEADING
    try:
        heading: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        arrays = {key: tuple(value) for key, value in heading.items() if isinstance(value, list)}
        values = {
            "variants": {name: tuple(found) for name, found in heading["variants"].items()},
            "protocol": Protocol(**heading["protocol"]),
            "metrics": tuple(ALL_METRICS[name] for name in heading["metrics"]),
        }
        found = Results(cells, **heading | arrays | values)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; {_REMEDY}.") from None
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(f"{path}: cannot be read ({error}); {_REMEDY}.") from None
    return with_costs(found, folder)


def with_costs(results: Results, folder: Path) -> Results:
    """Return results with the costs and the curve that their folder holds.

    Raises
    ------
    InputError
        When one of these files is damaged.
    """
    path = folder / COSTS
    costs: dict[str, Cost] = {}
    try:
        if path.exists():
            values = json.loads(path.read_text(encoding="utf-8"))
            costs = {name: Cost(**value) for name, value in values.items()}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: cannot be read ({error}); {_REMEDY}.") from None
    path = folder / CURVE
    try:
        curve = read_cells(path).astype({"factor": float}) if path.exists() else None
    except (KeyError, ValueError) as error:
        raise InputError(f"{path}: no factors ({error}); `bench curve` writes it anew.") from None
    return dataclasses.replace(results, costs=costs, curve=curve)


def joined_with(results: Results, names: Sequence[str], root: Path) -> Results:
    """Join the results in some folders of `root`, such as ``score-PatchCore``, for tables.

    Raises
    ------
    InputError
        When there are no such results, or they are of other images or another protocol.
    """
    twice = [name for name in names if names.count(name) > 1 or name == results.experiment]
    if twice:
        raise InputError(f"--include {twice[0]}: it is there already; include each once.")
    return join(results, (read_results(root / name) for name in names))


def read_cells(path: Path) -> pd.DataFrame:
    """Read a table of cells alone, as `bench.results.cells.tidy` made it.

    Raises
    ------
    InputError
        When it is missing or damaged, or lacks a column that every table of cells has.
    """
    try:
        # Every value as text: "none" is a variant, "" one of a method that has none.
        text = pd.read_csv(path, keep_default_na=False, dtype=str)
        needed = ("dataset", "method", "category", "variant", *methods()[PAPER].factors, "seed")
        for name in (*needed, *(metric.key for metric in METRICS), "key", "images", "protocol"):
            if name not in text:
                raise InputError(f"{path}: no column {name!r}; {_REMEDY}.")
        return _typed(text)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({error}); {_REMEDY}.") from None


def _typed(text: pd.DataFrame) -> pd.DataFrame:
    cells = text.astype({name: kind for name, kind in _NUMBERS.items() if name in text})
    for name in ALL_METRICS.keys() & {*cells}:
        # Python's own float reads back exactly what was written.
        cells[name] = [float(value) if value else math.nan for value in text[name]]
    for method in methods().values():
        for name in {*method.factors, *method.parts} & {*cells}:
            cells[name] = [_PARTS.get(value, value) for value in text[name]]
    return cells


_REMEDY = "the command that made the results writes it anew, and computes nothing twice"
