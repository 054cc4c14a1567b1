"""A table of cells as a file, read strictly: what cannot be is refused by line and column."""

import io
import math
import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from bench.common.plain_files import read_text
from bench.common.spreadsheets import unguarded
from bench.methods import PAPER, methods
from bench.metrics import ALL_METRICS, METRICS
from bench.results.cells import UNKNOWN
from destseg.config import PRECISIONS
from destseg.errors import InputError, one_line

ROUNDING = 1e-9
"""How far beyond 0 and 1 a metric may lie by the rounding of sums."""

_COUNTS = {"seed", "peak_memory"}
_PARTS = {"True": True, "False": False, "": None}

REMEDY = "the command that made the results writes it anew, and computes nothing twice"
"""Ends sentences on files of results."""


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
        raise InputError(f"{path}: cannot be read ({one_line(error)}); {REMEDY}.") from None
    needed = ("dataset", "method", "category", "variant", *methods()[PAPER].factors, "seed")
    further = (*(metric.key for metric in METRICS), "key", "images", "protocol", *apart)
    for name in (*needed, *further):
        if name not in text:
            raise InputError(f"{path}: no column {name!r}; {REMEDY}.")
    cells = _typed(text.map(unguarded), path)
    names = ["method", "variant", "category", "seed", *apart]
    twice = cells[cells.duplicated(names)]
    if len(twice):
        said = " ".join(str(twice.iloc[0][name]) for name in names)
        raise InputError(f"{path}: the cell {said} is there twice; keep one, or {REMEDY}.")
    return cells


def _typed(text: pd.DataFrame, path: Path) -> pd.DataFrame:
    def parsed(name: str, parse: Callable[[str], float], rule: str) -> list[float]:
        found = []
        for line, value in enumerate(text[name], 2):
            try:
                found.append(parse(value))
            except ValueError:
                raise InputError(
                    f"{path}: line {line}: {name} is {value!r}; {rule}. {REMEDY.capitalize()}."
                ) from None
        return found

    cells = text.copy()
    for name in _COUNTS & {*cells}:
        cells[name] = parsed(name, _count, "it must be a whole number")
    for name in {"seconds", "factor"} & {*cells}:
        cells[name] = parsed(name, _number, "it must be a number")
    for name in ALL_METRICS.keys() & {*cells}:
        cells[name] = parsed(name, _fraction, "it must be a number from 0 to 1, or empty")
    if "precision" in cells:
        for line, value in enumerate(text["precision"], 2):
            if value not in ("", UNKNOWN, *PRECISIONS):
                raise InputError(
                    f"{path}: line {line}: precision is {value!r}; it must be one of "
                    f"{', '.join(PRECISIONS)}. {REMEDY.capitalize()}."
                )
        cells["precision"] = text["precision"].replace("", "float32")
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
