"""Random cells, and results of them."""

from itertools import product

import numpy as np
import pandas as pd

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
RIVAL = results_of(cells_of("Rival", ("",)), experiment="score-Rival")
