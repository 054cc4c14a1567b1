"""Random cells of all eight variants on MVTec AD's categories, of a rival, and their results."""

from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd

from bench.methods import FLOORS, methods
from bench.metrics import ALL_METRICS, PAPER
from bench.paper.published import MVTEC_CATEGORIES
from bench.results.joining import join
from bench.results.results import Results

METHOD = methods()["DeSTSeg"]
ABLATION = METHOD.design
SEEDS = (0, 1, 2)


def random_cells(rng, method="DeSTSeg", variants=ABLATION):
    return pd.DataFrame(
        {
            "method": method,
            "category": category,
            "variant": variant,
            **{
                name: is_on(METHOD.variants[variant]) if variant else ""
                for name, is_on in METHOD.factors.items()
            },
            "seed": seed,
            "protocol": PAPER.label,
            "images": f"digest of {category}",
            # Three digits after the point in percent: no printed figure can arise by accident.
            **{metric: rng.integers(2000, 4000) / 1e5 + 1e-5 for metric in ALL_METRICS},
        }
        for category, variant, seed in product(MVTEC_CATEGORIES, variants, SEEDS)
    )


MVTEC = Results(
    random_cells(np.random.default_rng(11)),
    experiment="mvtec",
    dataset="MVTec AD, 256 px",
    standing="original",
    categories=MVTEC_CATEGORIES,
    variants={"DeSTSeg": ABLATION},
    seeds=SEEDS,
    provenance=("Command: python -m bench reproduce",),
    paper_setting=True,
)

CELLS = MVTEC.cells

MINIATURE = replace(
    MVTEC,
    experiment="ablation",
    dataset="the embedded miniature v1, 64 px",
    standing="own",
    provenance=(),
    paper_setting=False,
)


FEW_UPDATES = {
    "configs": {
        "DeSTSeg": {"training": {"student_steps": 1, "segmentation_steps": 2, "batch_size": 8}}
    }
}
"""Settings of networks that hardly train."""


def rival(name="PatchCore"):
    """A method without variants, as it comes from other people's maps."""
    return replace(
        MVTEC,
        cells=random_cells(np.random.default_rng(12), name, ("",)),
        experiment=f"score-{name}",
        variants={name: ("",)},
    )


def floor(name, low, high):
    """A floor, on each category somewhere in a range of percents, whatever the seed."""
    rng = np.random.default_rng(13)
    cells = random_cells(rng, name, ("",))
    spread = dict(zip(MVTEC_CATEGORIES, rng.uniform(low, high, 15) / 100, strict=True))
    values = cells["category"].map(spread)
    return replace(
        MVTEC,
        cells=cells.assign(**dict.fromkeys(ALL_METRICS, values), key=name + cells["category"]),
        variants={name: ("",)},
    )


def with_floors(results, *, low=1.0, high=1.5):
    """The same results above both floors, or with other ranges below them."""
    floors = [floor("pixel-nn", low, high), floor("mean-image", low - 0.5, high - 0.5)]
    keyed = results.cells.assign(key=results.cells.index.astype(str))
    cells = pd.concat([keyed, *(other.cells for other in floors)], ignore_index=True)
    return replace(
        results, cells=cells, variants={**results.variants, **dict.fromkeys(FLOORS, ("",))}
    )


BOTH = join(MVTEC, [rival()])
"""DeSTSeg and a rival without variants."""


def of(results, cells, **changes):
    """The same results, of other cells."""
    return replace(results, cells=cells, **changes)
