"""A results folder: ``cells.csv`` holds what was measured, ``heading.json`` what was asked for.

Without the latter a cell that is missing would not be missed. The two make every table again, with
neither data nor device; of what methods cost and how they learn there may be ``costs.json`` and
``curve.csv`` beside them.
"""

import dataclasses
import io
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from bench.common.plain_files import read_text
from bench.common.spreadsheets import guarded, unguarded
from bench.experiment.reading import convert
from bench.methods import PAPER, methods
from bench.metrics import ALL_METRICS, METRICS, Protocol
from bench.results.costs import Cost
from bench.results.joining import join
from bench.results.results import Results, Standing
from destseg.atomic import write_atomically
from destseg.errors import InputError

CELLS = "cells.csv"
HEADING = "heading.json"
COSTS = "costs.json"
CURVE = "curve.csv"

_APART = ("cells", "costs", "curve")
"""Parts of results with files of their own; all others are in the heading."""

ROUNDING = 1e-9
"""How far beyond 0 and 1 a metric may lie by the rounding of sums."""

_COUNTS = {"seed", "peak_memory"}
_PARTS = {"True": True, "False": False, "": None}
_HEADING: Mapping[str, Any] = {
    "experiment": str,
    "dataset": str,
    "standing": Standing,
    "categories": tuple[str, ...],
    "variants": dict[str, tuple[str, ...]],
    "seeds": tuple[int, ...],
    "protocol": Protocol,
    "metrics": tuple[str, ...],
    "provenance": tuple[str, ...],
    "paper_setting": bool,
    "remarks": tuple[str, ...],
    "settings": dict[str, Any],
}
"""Fields of `Results` in the heading, as what they are read."""


def write_results(folder: Path, results: Results) -> None:
    """Write cells, heading and costs into a folder, which is made if it is not there.

    Raises
    ------
    OSError
        If it cannot be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    text = results.cells.map(guarded).to_csv(index=False, lineterminator="\n")
    write_atomically(folder / CELLS, text.encode())
    names = [field.name for field in dataclasses.fields(results) if field.name not in _APART]
    heading = {name: getattr(results, name) for name in names}
    heading |= {
        "variants": dict(results.variants),
        "protocol": results.protocol.as_dict(),
        "metrics": [metric.key for metric in results.metrics],
        "settings": dict(results.settings),
    }
    if not results.settings:
        del heading["settings"]
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
        heading = dict(json.loads(read_text(path)))
        values = {
            name: convert(value, _HEADING[name], name) for name, value in _said(heading).items()
        }
        metrics = {"metrics": tuple(ALL_METRICS[name] for name in values["metrics"])}
        found = Results(cells, **values | metrics)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; {_REMEDY}.") from None
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
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
            values = json.loads(read_text(path))
            costs = {
                name: Cost(**value) for name, value in values.items() if name in results.variants
            }
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"{path}: cannot be read ({error}); {_REMEDY}.") from None
    path = folder / CURVE
    curve = read_cells(path, "factor") if path.exists() else None
    if curve is not None:
        for factor, label in zip(curve["factor"], curve["protocol"], strict=True):
            if not factor > 0:
                raise InputError(f"{path}: factor is {factor}; it must be above 0. {_CURVE_REMEDY}")
            if label != results.protocol.label:
                raise InputError(
                    f"{path}: measured under the protocol {label!r}, and the results beside it "
                    f"under {results.protocol.label!r}. {_CURVE_REMEDY}"
                )
    return dataclasses.replace(results, costs=costs, curve=curve)


def _said(heading: dict[str, Any]) -> dict[str, Any]:
    """Leave out what the protocol does not say."""
    protocol = heading.get("protocol")
    if not isinstance(protocol, dict):
        return heading
    return {**heading, "protocol": {k: v for k, v in protocol.items() if v is not None}}


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


def read_cells(path: Path, *apart: str) -> pd.DataFrame:
    """Read a table of cells alone, as `bench.results.cells.tidy` made it.

    A cell may be there several times where these columns, which it has besides, tell them apart.

    Raises
    ------
    InputError
        When it is missing or damaged, or lacks a column that every table of cells has.
    """
    try:
        # Every value as text: "none" is a variant, "" one of a method that has none, "01" a name.
        text = pd.read_csv(io.StringIO(read_text(path)), keep_default_na=False, dtype=str)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({error}); {_REMEDY}.") from None
    needed = ("dataset", "method", "category", "variant", *methods()[PAPER].factors, "seed")
    further = (*(metric.key for metric in METRICS), "key", "images", "protocol", *apart)
    for name in (*needed, *further):
        if name not in text:
            raise InputError(f"{path}: no column {name!r}; {_REMEDY}.")
    cells = _typed(text.map(unguarded), path)
    names = ["method", "variant", "category", "seed", *apart]
    twice = cells[cells.duplicated(names)]
    if len(twice):
        said = " ".join(str(twice.iloc[0][name]) for name in names)
        raise InputError(f"{path}: the cell {said} is there twice; keep one, or {_REMEDY}.")
    return cells


def _typed(text: pd.DataFrame, path: Path) -> pd.DataFrame:
    def parsed(name: str, parse: Callable[[str], float], rule: str) -> list[float]:
        found = []
        for line, value in enumerate(text[name], 2):
            try:
                found.append(parse(value))
            except ValueError:
                raise InputError(
                    f"{path}: line {line}: {name} is {value!r}; {rule}. {_REMEDY.capitalize()}."
                ) from None
        return found

    cells = text.copy()
    for name in _COUNTS & {*cells}:
        cells[name] = parsed(name, _count, "it must be a whole number")
    for name in {"seconds", "factor"} & {*cells}:
        cells[name] = parsed(name, _number, "it must be a number")
    for name in ALL_METRICS.keys() & {*cells}:
        cells[name] = parsed(name, _fraction, "it must be a number from 0 to 1, or empty")
    for method in methods().values():
        for name in {*method.factors, *method.parts} & {*cells}:
            cells[name] = [_PARTS.get(value, value) for value in text[name]]
    return cells


def _count(text: str) -> int:
    if not re.fullmatch(r"-?[0-9]{1,18}", text):
        raise ValueError
    return int(text)


def _number(text: str) -> float:
    # Python's own float reads back exactly what was written, and more than numbers: 0_1.5, inf.
    if not re.fullmatch(r"-?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?", text):
        raise ValueError
    return float(text)


def _fraction(text: str) -> float:
    if text.lower() in ("", "nan"):
        return math.nan
    value = _number(text)
    if not -ROUNDING <= value <= 1 + ROUNDING:
        raise ValueError
    return value


_CURVE_REMEDY = "Remove it, and run `python -m bench curve` again."

_REMEDY = "the command that made the results writes it anew, and computes nothing twice"
