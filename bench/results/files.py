"""A results folder: ``cells.csv`` holds what was measured, ``heading.json`` what was asked for.

Without the latter a cell that is missing would not be missed. The two make every table again, with
neither data nor device; of what methods cost and how they learn there may be ``costs.json`` and
``curve.csv`` beside them.
"""

import dataclasses
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from bench.common.plain_files import read_text
from bench.common.spreadsheets import guarded
from bench.data.kinds import all_kinds, find_kind
from bench.experiment.library import experiment_names, find_experiment
from bench.experiment.reading import convert, load_experiment
from bench.metrics import ALL_METRICS, Protocol
from bench.results.cells import PRECISION, REFERENCE, UNKNOWN, precisions_of, with_precisions
from bench.results.cells_file import REMEDY, read_cells
from bench.results.costs import Cost
from bench.results.joining import join
from bench.results.results import Results, Standing
from destseg.atomic import write_atomically
from destseg.errors import InputError, one_line, suggestion, tell
from destseg.files import irregular

CELLS = "cells.csv"
HEADING = "heading.json"
COSTS = "costs.json"
CURVE = "curve.csv"
REPORT = "report.html"

_APART = ("cells", "costs", "curve")
"""Parts of results with files of their own; all others are in the heading."""

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
    cells = results.cells
    if PRECISION in cells and {*cells[PRECISION]} <= {REFERENCE, UNKNOWN}:
        cells = cells.drop(columns=PRECISION)  # not on record: whoever reads concludes it again
    text = cells.map(guarded).to_csv(index=False, lineterminator="\n")
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
    """Read what `write_results` and `write_curve` wrote.

    Raises
    ------
    InputError
        When the folder holds no results, or one of the files is missing or damaged.
    """
    return with_costs(read_measured(folder), folder)


def read_measured(folder: Path) -> Results:
    """Read results without costs and curve, whatever lies in their places.

    Raises
    ------
    InputError
        As `read_results`.
    """
    cells_path = folder / CELLS
    if os.path.lexists(cells_path) and (fault := irregular(cells_path)) is not None:
        raise InputError(f"{cells_path}: {fault}; {REMEDY}.")
    if not cells_path.is_file():
        known = sorted(path.parent.name for path in folder.parent.glob(f"*/{CELLS}"))
        said = f"{suggestion(folder.name, known)} " if known else ""
        raise InputError(f"{folder}: no results; {said}`{_maker(folder.name)}` makes them.")
    cells = read_cells(cells_path)
    path = folder / HEADING
    try:
        heading = dict(json.loads(read_text(path)))
        values = {
            name: convert(value, _HEADING[name], name) for name, value in _said(heading).items()
        }
        metrics = {"metrics": tuple(ALL_METRICS[name] for name in values["metrics"])}
        return Results(with_precisions(cells, values.get("settings", {})), **values | metrics)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; {REMEDY}.") from None
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise InputError(f"{path}: cannot be read ({one_line(error)}); {REMEDY}.") from None


def _maker(name: str) -> str:
    """Return the command that makes the results of a name, with the data that it must be given."""
    if name not in experiment_names():
        return "python -m bench reproduce EXPERIMENT"
    experiment = load_experiment(find_experiment(Path(name)))
    data = " --data DIR --textures DIR" if find_kind(experiment.dataset.kind).needs_data else ""
    return f"python -m bench reproduce {name}{data}"


def with_costs(results: Results, folder: Path) -> Results:
    """Return results with the costs and the curve that their folder holds.

    Costs of other cells than these, or those in the folder, are left out, which is told.

    Raises
    ------
    InputError
        When one of these files is damaged, or the curve is of other images.
    """
    path = folder / COSTS
    costs: dict[str, Cost] = {}
    if path.exists():
        known = _keys_of(results, folder)
        try:
            values = dict(json.loads(read_text(path)))
            # Earlier files do not say of which cell they are.
            read = {
                name: Cost(**{"cell": "", **value})
                for name, value in values.items()
                if name in results.variants
            }
        except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
            raise InputError(
                f"{path}: cannot be read ({one_line(error)}); remove it, and "
                "`python -m bench reproduce` measures them again."
            ) from None
        costs = {name: cost for name, cost in read.items() if cost.cell in known}
        if others := [name for name in read if name not in costs]:
            tell(
                f"{path}: the costs of {', '.join(others)} are of other cells than {CELLS} has and "
                "are left out; `python -m bench reproduce` measures them again"
            )
    path = folder / CURVE
    curve = read_cells(path, "factor") if path.exists() else None
    if curve is not None:
        _require_own_curve(curve, results, path)
    return dataclasses.replace(results, costs=costs, curve=curve)


def _keys_of(results: Results, folder: Path) -> set[str]:
    """Return the keys of cells that costs can be of: those of the whole, of a part of it too."""
    own = {*results.cells["key"]}
    there = {*read_cells(folder / CELLS)["key"]} if (folder / CELLS).is_file() else set()
    return own | there if own & there else own


def _require_own_curve(curve: pd.DataFrame, results: Results, path: Path) -> None:
    """Refuse a curve that says nothing of the results beside it, or compares unlike images."""
    kinds = {all_kinds()[name].development for name in {*results.cells["dataset"]} & {*all_kinds()}}
    columns = (curve[name] for name in ("factor", "protocol", "dataset"))
    for factor, label, dataset in zip(*columns, strict=True):
        if not factor > 0:
            raise InputError(f"{path}: factor is {factor}; it must be above 0. {_CURVE_REMEDY}")
        if label != results.protocol.label:
            raise InputError(
                f"{path}: measured under the protocol {label!r}, and the results beside it "
                f"under {results.protocol.label!r}. {_CURVE_REMEDY}"
            )
        if len(results.cells) and dataset not in kinds - {""}:
            raise InputError(
                f"{path}: measured on the dataset {dataset!r}, which is not for choosing settings "
                f"for the dataset of the results beside it. {_CURVE_REMEDY}"
            )
    trained = precisions_of(curve, path)
    for method in {*curve["method"]} & {*results.variants}:
        kind, other = (found.get(method, REFERENCE) for found in (trained, results.precisions))
        if kind != other and UNKNOWN not in (kind, other):
            raise InputError(
                f"{path}: {method} is trained in {kind}, and in {other} in the results beside it. "
                f"{_CURVE_REMEDY}"
            )
    for category, digests in curve.groupby("category")["images"]:
        if digests.nunique() > 1:
            raise InputError(
                f"{path}: some rows of {category} are of other images than others. {_CURVE_REMEDY}"
            )


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


_CURVE_REMEDY = "Remove it, and run `python -m bench curve` again."
