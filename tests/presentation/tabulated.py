"""Random cells of all eight variants on MVTec AD's categories, and what they may be of."""

from itertools import product

import numpy as np
import pandas as pd

from bench.experiment.grid import ABLATION
from bench.metrics import PAPER
from bench.paper.published import MVTEC_CATEGORIES
from bench.presentation.heading import METRIC_NAMES, Heading


def table_cells():
    rng = np.random.default_rng(11)
    return pd.DataFrame(
        {
            "dataset": "any",
            "method": "DeSTSeg",
            "category": category,
            "variant": variant,
            **{name: getattr(ABLATION[variant], name) for name in ("den", "ed", "seg")},
            "seed": seed,
            "protocol": PAPER.label,
            # Three digits after the point in percent: no printed figure can arise by accident.
            **{metric: rng.integers(2000, 4000) / 1e5 + 1e-5 for metric in METRIC_NAMES},
        }
        for category, variant, seed in product(MVTEC_CATEGORIES, ABLATION, (0, 1, 2))
    )


def rival_of(cells):
    """The same of a method without variants."""
    own = cells[cells["variant"] == "none"]
    return own.assign(method="PatchCore", variant="", den=np.nan, ed=np.nan, seg=np.nan)


MVTEC = Heading(
    experiment="mvtec",
    dataset="MVTec AD, 256 px",
    is_mvtec=True,
    categories=MVTEC_CATEGORIES,
    variants=tuple(ABLATION),
    seeds=(0, 1, 2),
    provenance=("Command: python -m bench reproduce",),
    paper_setting=True,
)


MINIATURE = Heading(
    experiment="ablation",
    dataset="the embedded miniature v1, 64 px",
    is_mvtec=False,
    categories=MVTEC_CATEGORIES,
    variants=tuple(ABLATION),
    seeds=(0, 1, 2),
    provenance=(),
)
