"""A table of random cells of all eight variants."""

from itertools import product

import numpy as np
import pandas as pd

from bench.experiment.grid import ABLATION
from bench.presentation.heading import METRIC_NAMES

CATEGORIES = ("bottle", "cable", "wood")
SEEDS = (0, 1, 2)


def random_cells():
    rng = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "method": "DeSTSeg",
            "category": category,
            "variant": variant,
            "den": ABLATION[variant].den,
            "ed": ABLATION[variant].ed,
            "seg": ABLATION[variant].seg,
            "seed": seed,
            **{metric: rng.uniform(0.3, 0.9) for metric in METRIC_NAMES},
        }
        for category, variant, seed in product(CATEGORIES, ABLATION, SEEDS)
    )
