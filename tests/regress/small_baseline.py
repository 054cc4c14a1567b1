"""A small baseline, and runs that agree with it."""

import itertools

import pandas as pd

from bench.experiment.grid import Cell
from bench.metrics import METRICS
from bench.regress.baseline import Baseline, Tolerance
from bench.regress.gate_report import cause_of
from bench.regress.measured import Measured
from bench.regress.same_seeds import compare_same_seeds

CELL = Cell("DeSTSeg", "den", "tile", 1)
SETTINGS = {"dataset": {"kind": "miniature"}, "model": {"dilations": (6, 12)}}
SOURCES = {"destseg/losses.py": "aa", "bench/metrics/curves.py": "bb"}


def measured(seeds=(0, 1), **changes):
    grid = itertools.product(("DeSTSeg",), ("none", "den"), ("grid", "tile"), seeds)
    cells = {Cell(*names): {metric.key: 0.5 for metric in METRICS} for names in grid}
    parts = {
        "dataset": "miniature",
        "images": {"grid": "1" * 64, "tile": "2" * 64},
        "protocols": ("paper v1 size=48",),
        "versions": {"torch": "2.0", "numpy": "2.0"},
        "cells": cells,
    }
    return Measured(**{**parts, **changes})


def with_score(run, cell, metric, value):
    cells = {name: dict(scores) for name, scores in run.cells.items()}
    cells[cell][metric] = value
    return measured(cells=cells)


def small_baseline(**changes):
    spread = {metric.key: 0.001 for metric in METRICS}
    parts = {
        "experiment": "smoke",
        "reason": "first",
        "comparison": "records",
        "measured": measured(),
        "settings": SETTINGS,
        "sources": SOURCES,
        "tolerance": Tolerance(spread=spread, runs=("avx2",)),
    }
    return Baseline(**{**parts, **changes})


def cells_frame(*, variants=("none",), categories=("grid", "tile"), seeds=(0,), **columns):
    """Return a table of cells, with columns replaced or added."""
    rows = [
        {
            "dataset": "miniature",
            "method": "DeSTSeg",
            "category": category,
            "variant": variant,
            **dict.fromkeys(("den", "ed", "seg"), False),
            "seed": seed,
            **{metric.key: 0.5 + 0.001 * seed for metric in METRICS},
            "key": f"{category} {variant} {seed}",
            "images": f"images of {category}",
            "protocol": "paper v1",
            **columns,
        }
        for category, variant, seed in itertools.product(categories, variants, seeds)
    ]
    return pd.DataFrame(rows)


def compared(now, *, baseline=None, settings=SETTINGS, sources=SOURCES):
    """What the gate says of a run, against the small baseline unless another is given."""
    baseline = baseline or small_baseline()
    return compare_same_seeds(baseline, now, cause_of(baseline, now, settings, sources))
