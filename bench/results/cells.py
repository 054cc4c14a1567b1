"""The tidy table of cells, made from records alone."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from bench.experiment.experiment import flat_settings
from bench.experiment.grid import Cell
from bench.methods import PAPER, methods
from bench.metrics import METRICS, Protocol
from bench.store.records import Record
from destseg.config import Precision
from destseg.errors import InputError

SIX = tuple(metric.key for metric in METRICS)
"""Metrics that every cell has."""

PROVENANCE = ("commit", "dirty", "torch", "numpy", "device", "threads", "cpu", "started")
"""Parts of an evaluation's provenance that become columns."""

PRECISION = "precision"
"""The column of what methods were trained in, which tables of `REFERENCE` alone have not."""

REFERENCE: Precision = "float32"

UNKNOWN = "unknown"
"""Stands in that column where nothing tells a method's precision."""


def cell_row(
    record: Record,
    cell: Cell,
    *,
    dataset: str,
    scores: Record | None = None,
    precision: Precision = REFERENCE,
) -> dict[str, Any]:
    """Make the row of a cell from its evaluation's record; `dataset` is the kind of the images.

    The device is that of the scores, where their record is given: evaluations use none. The
    precision is the one its method was trained in. Of a method or variant that `bench.methods`
    does not know the factors and parts are empty.
    """
    paper, own = methods()[PAPER], methods().get(cell.method)
    known = own is not None and cell.variant in own.variants
    named = {**own.factors, **own.parts} if own is not None and known else {}
    parts = {name: part(own.variants[cell.variant]) for name, part in named.items() if own}
    return {
        "dataset": dataset,
        "method": cell.method,
        "category": cell.category,
        "variant": cell.variant,
        **{name: parts.get(name) for name in paper.factors},
        "seed": cell.seed,
        **{name: record.metrics[name] for name in SIX},
        **record.metrics,
        **{name: parts.get(name) for name in paper.parts},
        "key": record.key,
        "images": record.parameters["images"],
        "protocol": Protocol(**record.parameters["protocol"]).label,
        **({} if precision == REFERENCE else {PRECISION: precision}),
        "seconds": record.seconds,
        "peak_memory": record.peak_memory,
        **{name: record.provenance.get(name, "") for name in PROVENANCE},
        "device": (scores or record).provenance.get("device", ""),
        **parts,
    }


def tidy(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Put the rows of `cell_row` into one table.

    Its columns are dataset, method, category, variant, the factors of the paper's method, seed, the
    six metrics and those asked for beyond them as fractions in [0, 1] (missing where undefined),
    the other parts of the paper's method, then where the numbers come from, `Protocol.label` among
    it, then factors and parts of other methods. Where something was trained in another precision
    than float32, the last column is ``precision``, and has a value in every row.
    """
    listed = list(rows)
    leading = ("dataset", "method", "category", "variant", *methods()[PAPER].factors, "seed")
    columns = (*leading, *SIX, "key", "images", "protocol")
    frame = pd.DataFrame(listed) if listed else pd.DataFrame(columns=list(columns))
    if PRECISION in frame:
        frame[PRECISION] = frame.pop(PRECISION).fillna(REFERENCE)
    return frame.astype(dict.fromkeys(SIX, float))


def precisions_of(cells: pd.DataFrame, where: str | Path) -> dict[str, str]:
    """Return which methods of a table were trained in another precision than float32, with theirs.

    Raises
    ------
    InputError
        When one was trained in several: their numbers are not one method's.
    """
    if PRECISION not in cells:
        return {}
    found: dict[str, str] = {}
    for method, values in cells[PRECISION].fillna(REFERENCE).groupby(cells["method"], sort=False):
        name, kinds = str(method), sorted(set(values))
        if len(kinds) > 1:
            raise InputError(
                f"{where}: {name} was trained in {' and in '.join(kinds)}; keep the cells of one "
                "precision, and put the others beside them with --include."
            )
        found[name] = kinds[0]
    return {name: kind for name, kind in found.items() if kind != REFERENCE}


def with_precisions(cells: pd.DataFrame, settings: Mapping[str, Any]) -> pd.DataFrame:
    """Add the column of precisions to cells of before there was one.

    The settings beside them tell a method's, if they name any. Where they do not, the cells are of
    before a precision could be chosen: on a CPU those were computed in float32, on a card in what
    torch had as its default, which is not on record.
    """
    if PRECISION in cells:
        return cells
    # A setting of this name may mean something else to a method that has no precisions.
    having = {name for name, known in methods().items() if known.in_precision is not None}
    found: dict[str, str] = {}
    for name, config in settings.get("configs", {}).items():
        for setting, value in flat_settings(config).items() if name in having else ():
            if setting.rpartition(".")[2] == PRECISION and value is not None:
                found[name] = str(value)
    if "device" in cells:
        elsewhere = cells[~cells["device"].isin(("", "cpu"))]
        found |= dict.fromkeys(having & {*elsewhere["method"]} - {*found}, UNKNOWN)
    if {*found.values()} <= {REFERENCE}:
        return cells
    return cells.assign(**{PRECISION: cells["method"].map(found).fillna(REFERENCE)})


def cells_of(frame: pd.DataFrame) -> list[Cell]:
    """Return whose the rows of a tidy table are."""
    names = ("method", "variant", "category", "seed")
    columns = (frame[name].tolist() for name in names)
    return [Cell(*row) for row in zip(*columns, strict=True)]
