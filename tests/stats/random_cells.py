"""A table of random cells of eight variants, and its scores as matrices."""

from itertools import product

import numpy as np
import pandas as pd

CATEGORIES = ("bottle", "cable", "wood")
SEEDS = (0, 1, 2)
FACTORS = ("den", "ed", "seg")
DESIGN = {
    "+".join(name for name, on in zip(FACTORS, flags, strict=True) if on) or "none": dict(
        zip(FACTORS, flags, strict=True)
    )
    for flags in product((False, True), repeat=3)
}


def random_cells():
    rng = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "category": category,
            "variant": variant,
            **DESIGN[variant],
            "seed": seed,
            **{metric: rng.uniform(0.3, 0.9) for metric in ("pro", "iap")},
        }
        for category, variant, seed in product(CATEGORIES, DESIGN, SEEDS)
    )


def matrix(cells, metric, variant, categories=CATEGORIES, seeds=SEEDS):
    """One variant's scores, shape (categories, seeds); NaN where there is no cell."""
    own = cells[cells["variant"] == variant]
    laid = own.pivot_table(index="category", columns="seed", values=metric)
    return laid.reindex(index=categories, columns=seeds).to_numpy(dtype=float)
