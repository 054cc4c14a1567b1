"""The tidy table of cells, made from records alone."""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from bench.experiment.grid import FACTORS, METHOD, Variant
from bench.metrics import METRICS, Protocol
from bench.planning.stages import Plan
from bench.store.records import Record
from bench.store.runs import RunStore

PROVENANCE = ("commit", "dirty", "torch", "numpy", "device", "threads", "cpu", "started")
"""Parts of an evaluation's provenance that become columns."""


def collect_cells(plan: Plan, store: RunStore, *, dataset: str) -> pd.DataFrame:
    """Read the records of a plan's evaluations.

    Parameters
    ----------
    plan : Plan
        Which cells.
    store : RunStore
        Where their records are.
    dataset : str
        Name for the column ``dataset``: ``miniature``, ``mvtec`` or ``folder``.

    Returns
    -------
    DataFrame
        See `tidy`; rows in the plan's order. A cell that is not finished has no row.
    """
    rows = []
    for cell, stage in plan.evaluations.items():
        record = store.get(stage.key)
        if record is not None:
            rows.append(
                cell_row(
                    record,
                    dataset=dataset,
                    method=METHOD,
                    category=cell.category,
                    variant=cell.variant,
                    seed=cell.seed,
                )
            )
    return tidy(rows)


def cell_row(
    record: Record,
    *,
    dataset: str,
    method: str,
    category: str,
    variant: Variant | None,
    seed: int,
) -> dict[str, Any]:
    """Make the row of one evaluation's record.

    Parameters
    ----------
    record : Record
        Of the evaluation.
    dataset, method, category, seed
        Columns of these names.
    variant : Variant or None
        None for a method that has no variants: what tells them apart is then empty.
    """
    parts = (*FACTORS, "student", "l1", "fusion_input")
    part = {name: None if variant is None else getattr(variant, name) for name in parts}
    return {
        "dataset": dataset,
        "method": method,
        "category": category,
        "variant": "" if variant is None else variant.name,
        **{factor: part.pop(factor) for factor in FACTORS},
        "seed": seed,
        **{metric.key: record.metrics[metric.key] for metric in METRICS},
        **part,
        "key": record.key,
        "images": record.parameters["images"],
        "protocol": Protocol(**record.parameters["protocol"]).label,
        "seconds": record.seconds,
        "peak_memory": record.peak_memory,
        **{name: record.provenance.get(name, "") for name in PROVENANCE},
    }


def tidy(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Put the rows of `cell_row` into one table.

    Returns
    -------
    DataFrame
        One row for each cell: dataset, method, category, variant, den, ed, seg, seed, the six
        metrics as fractions in [0, 1] (missing where undefined), the variant's other parts, then
        where the numbers come from, `Protocol.label` among it.
    """
    listed = list(rows)
    metrics = [metric.key for metric in METRICS]
    columns = ["dataset", "method", "category", "variant", *FACTORS, "seed", *metrics, "protocol"]
    frame = pd.DataFrame(listed) if listed else pd.DataFrame(columns=columns)
    return frame.astype(dict.fromkeys(metrics, float))
