"""The committed baseline: what was measured, of what, with which code, and how much may differ."""

import json
from collections.abc import Mapping
from dataclasses import asdict, astuple, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from bench.common.plain_files import read_text
from bench.experiment.grid import Cell
from bench.metrics import ALL_METRICS
from bench.regress.measured import NOTHING, Measured, MetricValues, told
from destseg.atomic import write_atomically
from destseg.errors import InputError

SCHEMA = 2
MOST_FACTOR = 100

DIGITS = 6
"""Decimals kept of a metric: far finer than any tolerance."""

_STATED = ("experiment", "reason", "comparison", "settings", "sources")
"""Parts of a baseline that stand in the file as they are."""


@dataclass(frozen=True)
class Tolerance:
    """How much one record may change by arithmetic alone.

    ``spread`` is the largest difference of each metric seen between instruction sets and versions,
    over ``runs``. Allowed is ``factor`` times that, and ``floor`` at least.

    Raises
    ------
    ValueError
        When one of them is no number that a tolerance can be.
    """

    spread: Mapping[str, float] = field(default_factory=dict)
    factor: float = 3.0
    floor: float = 0.001
    runs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        numbers = {"floor": self.floor, "factor": self.factor}
        numbers |= {f"spread of {name}": value for name, value in self.spread.items()}
        for name, value in numbers.items():
            most = MOST_FACTOR if name == "factor" else 1
            if type(value) not in (int, float) or not 0 <= value < most:
                raise ValueError(
                    f"tolerance: {name} is {value!r}; it must be from 0 to below {most}"
                )
        for name in self.spread:
            if self.allowed(name) >= 1:
                raise ValueError(f"tolerance: {name} may change by {self.allowed(name):g}: by all")

    def allowed(self, metric: str) -> float:
        """Return the largest change that passes."""
        return max(self.floor, self.factor * self.spread.get(metric, 0.0))


@dataclass(frozen=True)
class Baseline:
    """A run that was declared right, with the reason why its numbers replaced those before.

    It is compared either with ``records`` of the same seeds, one by one within the tolerance, or
    with new ``seeds``, by statistics. ``settings`` are the experiment's, as read from its file,
    ``sources`` those of `bench.regress.sources.source_digests`.
    """

    experiment: str
    reason: str
    comparison: Literal["records", "seeds"]
    measured: Measured
    settings: Mapping[str, Any]
    sources: Mapping[str, str]
    tolerance: Tolerance = Tolerance()
    schema: int = SCHEMA


def write_baseline(baseline: Baseline, path: Path) -> None:
    """Write a baseline so that its diff can be reviewed: a cell a line, sorted, rounded."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, dumped(baseline).encode())


def dumped(baseline: Baseline) -> str:
    """Return the text of a baseline's file; the same baseline gives the same text."""
    measured = baseline.measured
    # Rounded first, so that what is allowed follows from the spread that stands beside it.
    spread = {name: round(v, DIGITS) for name, v in sorted(baseline.tolerance.spread.items())}
    rule = replace(baseline.tolerance, spread=spread)
    tolerance = asdict(rule)
    tolerance["allowed"] = {key: round(rule.allowed(key), DIGITS) for key in measured.metrics}
    head = {name: getattr(baseline, name) for name in ("schema", *_STATED)}
    head |= {name: getattr(measured, name) for name in ("dataset", "images", "versions")}
    head["protocol"] = measured.protocols
    if measured.precisions:
        head["precisions"] = measured.precisions
    if baseline.comparison == "records":
        head["tolerance"] = tolerance
    lines = [
        json.dumps([*astuple(cell), _rounded(values)], sort_keys=True)
        for cell, values in sorted(measured.cells.items())
    ]
    text = json.dumps(head, indent=1, sort_keys=True)
    return text[:-2] + ',\n "cells": [\n  ' + ",\n  ".join(lines) + "\n ]\n}\n"


def read_baseline(path: Path) -> Baseline:
    """Read a baseline.

    Raises
    ------
    InputError
        When there is none, or it is not one. Another schema is no error: it is for the
        comparison to tell.
    """
    try:
        table = json.loads(read_text(path), parse_constant=_refuse)
        schema = table["schema"]
        if schema != SCHEMA:
            name = str(table.get("experiment"))
            return Baseline(name, "", "records", NOTHING, {}, {}, schema=schema)
        spread = {name: v for name, v in table.get("tolerance", {}).items() if name != "allowed"}
        cells = dict(map(_cell, table["cells"]))
        if len(cells) != len(table["cells"]):
            raise InputError(f"{path}: lists a cell twice; write it anew with `bench baseline`.")
        protocols = tuple(table["protocol"])
        return Baseline(
            **{name: table[name] for name in _STATED},
            measured=Measured(
                table["dataset"],
                table["images"],
                protocols,
                table["versions"],
                cells,
                dict(table.get("precisions", {})),
            ),
            tolerance=Tolerance(**{**spread, "runs": tuple(spread.get("runs", ()))}),
        )
    except FileNotFoundError:
        raise InputError(
            f"{path}: no such baseline; `python -m bench baseline --reason ...` writes one."
        ) from None
    except OSError as error:
        raise InputError(f"{path}: not a baseline ({error.strerror}); give another.") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not a baseline ({error}); restore the last one.") from None
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: not a baseline ({error!r}); restore the last one.") from None


def _cell(entry: Any) -> tuple[Cell, MetricValues]:
    """Read a line of a baseline.

    Raises
    ------
    ValueError
        When it is not a cell with metrics from 0 to 1, or null.
    """
    *names, values = entry
    cell = Cell(*names)
    if [type(name) for name in names] != [str, str, str, int]:
        raise ValueError(f"{names} are not a method, a variant, a category and a seed")
    for key, value in values.items():
        if key not in ALL_METRICS:
            raise ValueError(f"{key!r} is no metric")
        if value is not None and (type(value) not in (int, float) or not 0 <= value <= 1):
            raise ValueError(f"{key} of {told(cell)} is {value!r}; it must be from 0 to 1, or null")
    return cell, values


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number of a metric; a missing one is null")


def _rounded(values: MetricValues) -> dict[str, float | None]:
    return {k: None if v is None else round(v, DIGITS) for k, v in sorted(values.items())}
