"""The tidy table of cells, made from records alone."""

import pandas as pd

from bench.grid import FACTORS, METHOD
from bench.metrics import METRICS
from bench.stages import Plan
from bench.store import RunStore

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
        One row for each finished cell, in the plan's order: dataset, method, category,
        variant, den, ed, seg, seed, the six metrics as fractions in [0, 1] (missing where
        undefined), the variant's other parts, then provenance. A cell that is not finished has
        no row.
    """
    rows = []
    for cell, stage in plan.evaluations.items():
        record = store.get(stage.key)
        if record is None:
            continue
        rows.append(
            {
                "dataset": dataset,
                "method": METHOD,
                "category": cell.category,
                "variant": cell.variant.name,
                **{factor: getattr(cell.variant, factor) for factor in FACTORS},
                "seed": cell.seed,
                **{metric.key: record.metrics[metric.key] for metric in METRICS},
                "student": cell.variant.student,
                "l1": cell.variant.l1,
                "fusion_input": cell.variant.fusion_input,
                "key": stage.key,
                "images": record.parameters["images"],
                "protocol": record.parameters["protocol"]["version"],
                "seconds": record.seconds,
                "peak_memory": record.peak_memory,
                **{name: record.provenance.get(name, "") for name in PROVENANCE},
            }
        )
    columns = ["dataset", "method", "category", "variant", *FACTORS, "seed"]
    metrics = [metric.key for metric in METRICS]
    frame = pd.DataFrame(rows) if rows else pd.DataFrame(columns=[*columns, *metrics])
    return frame.astype(dict.fromkeys(metrics, float))
