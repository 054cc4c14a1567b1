"""What the gate compares: the cells of one run, and what they are of."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pandas as pd

from bench.experiment.grid import Cell
from bench.metrics import ALL_METRICS, METRICS
from bench.results.cells import REFERENCE, precisions_of
from bench.results.cells_file import read_cells
from destseg.errors import InputError

VERSIONS = ("torch", "numpy")

MetricValues = Mapping[str, float | None]
"""Metrics of a cell by key, as fractions; None where undefined."""


@dataclass(frozen=True)
class Measured:
    """Cells of one run, and what they are of.

    ``images`` holds the digest of each category's images, ``protocols`` the labels that the cells
    were scored under, which is one if all is well, and ``versions`` those of the packages that do
    the arithmetic. ``precisions`` names methods that were trained in another than float32.
    """

    dataset: str
    images: Mapping[str, str]
    protocols: tuple[str, ...]
    versions: Mapping[str, str]
    cells: Mapping[Cell, MetricValues]
    precisions: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def metrics(self) -> tuple[str, ...]:
        """Keys of the paper's six metrics, and of all others that a cell has."""
        six = (metric.key for metric in METRICS)
        others = (key for values in self.cells.values() for key in values)
        return tuple(dict.fromkeys((*six, *others)))

    @property
    def subject(self) -> str:
        """What the numbers are of: the methods, by name."""
        return ", ".join(sorted(self.methods))

    @property
    def methods(self) -> set[str]:
        """Names of the methods that have a cell."""
        return {cell.method for cell in self.cells}

    def precision(self, method: str) -> str:
        """Return what a method was trained in."""
        return self.precisions.get(method, REFERENCE)


NOTHING = Measured("", {}, (), {}, {})
"""What a run measured that broke before its first cell."""


def name_of(method: str, variant: str) -> str:
    """Name a method's variant; a method without variants by its own name."""
    return f"{method} {variant}".strip()


def told(cell: Cell) -> str:
    """Name a cell in a sentence.

    Examples
    --------
    >>> told(Cell("DeSTSeg", "den+ed+seg", "bottle", 0)), told(Cell("Mean", "", "bottle", 0))
    ('DeSTSeg den+ed+seg on bottle, seed 0', 'Mean on bottle, seed 0')
    """
    return f"{name_of(cell.method, cell.variant)} on {cell.category}, seed {cell.seed}"


def missing_values(measured: Measured, metrics: Sequence[str], side: str) -> list[str]:
    """Name each metric that a cell lacks, whether by column or by value."""
    return [
        f"{metric} of {told(cell)}: not in the {side}"
        for cell, values in sorted(measured.cells.items())
        for metric in metrics
        if values.get(metric) is None
    ]


def spread_between(now: Measured, runs: Mapping[str, Measured]) -> dict[str, float]:
    """Return each metric's largest difference between a run and others of the same code and cells.

    Raises
    ------
    InputError
        When another run has not the same cells, of the same images and precision.
    """
    spread = dict.fromkeys(now.metrics, 0.0)
    for name, run in runs.items():
        if run.cells.keys() != now.cells.keys() or run.images != now.images:
            raise InputError(f"--spread {name}: other cells or images than the run's; run it anew.")
        if run.precisions != now.precisions:
            raise InputError(f"--spread {name}: another precision than the run's; run it anew.")
        for cell, values in run.cells.items():
            for metric in spread:
                old, new = now.cells[cell].get(metric), values.get(metric)
                if old is None or new is None:
                    raise InputError(f"--spread {name}: no {metric} of {told(cell)}; run it anew.")
                spread[metric] = max(spread[metric], abs(new - old))
    return spread


def read_measured(path: Path) -> Measured:
    """Read the cells of a run from its ``cells.csv``; see `measured_from`."""
    return measured_from(read_cells(path), path)


def measured_from(cells: pd.DataFrame, path: Path) -> Measured:
    """Take what is compared out of a table of cells, as `read_cells` reads it.

    A value that is missing is None: it is for the comparison to say so.

    Raises
    ------
    InputError
        When a cell is there twice, or a category with other images, or a method in several
        precisions.
    """
    metrics = [key for key in ALL_METRICS if key in cells]
    found: dict[Cell, MetricValues] = {}
    images: dict[str, str] = {}
    for row in cells.to_dict("records"):
        cell = Cell(row["method"], row["variant"], row["category"], row["seed"])
        if cell in found or images.setdefault(cell.category, row["images"]) != row["images"]:
            raise InputError(f"{path}: {told(cell)} is there twice; keep the cells of one run.")
        found[cell] = {key: row[key] if math.isfinite(row[key]) else None for key in metrics}
    return Measured(
        dataset="+".join(sorted(set(cells["dataset"]))),
        images=images,
        protocols=tuple(sorted(set(cells["protocol"]))),
        versions={name: ", ".join(sorted(set(cells[name]))) for name in VERSIONS if name in cells},
        cells=found,
        precisions=precisions_of(cells, path),
    )
