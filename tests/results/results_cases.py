"""Random cells, and results of them."""

from itertools import product

import numpy as np
import pandas as pd

from bench.methods import FLOORS
from bench.metrics import METRICS, PAPER
from bench.results.results import Results

CATEGORIES = ("bottle", "cable", "wood")
SEEDS = (0, 1, 2)


def cells_of(method, variants, *, seeds=SEEDS, categories=CATEGORIES):
    rng = np.random.default_rng(len(method))
    return pd.DataFrame(
        {
            "method": method,
            "category": category,
            "variant": variant,
            "den": "den" in variant if method == "DeSTSeg" else "",
            "seed": seed,
            "protocol": PAPER.label,
            "images": f"digest of {category}",
            **{metric.key: rng.uniform(0.3, 0.9) for metric in METRICS},
        }
        for category, variant, seed in product(categories, variants, seeds)
    )


def results_of(cells, **changes):
    found = cells.groupby("method", sort=False)["variant"].unique()
    fields = {
        "experiment": "ablation",
        "dataset": "the embedded miniature v1, 64 px",
        "standing": "own",
        "categories": CATEGORIES,
        "variants": {method: tuple(names) for method, names in found.items()},
        "seeds": SEEDS,
    }
    return Results(cells, **(fields | changes))


OURS = results_of(cells_of("DeSTSeg", ("den+ed+seg", "none", "ed")))


def floor_cells(name):
    """Cells of a method without a seed: of each category one run."""
    cells = cells_of(name, ("",))
    first = cells.groupby("category").transform("first")
    return cells.assign(
        **{metric.key: first[metric.key] for metric in METRICS}, key=name + cells["category"]
    )


def with_floors(results=None):
    """The same results with both floors."""
    floors = pd.concat([floor_cells(name) for name in FLOORS])
    ours = (results or OURS).cells.assign(key=lambda cells: cells.index.astype(str))
    return results_of(pd.concat([ours, floors], ignore_index=True))


RIVAL = results_of(cells_of("Rival", ("",)), experiment="score-Rival")
