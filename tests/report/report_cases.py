"""A small report with everything that can stand on the page."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from bench.presentation.figures import Drawing
from bench.presentation.report.content import ReportPage
from bench.presentation.report.gallery import CategoryImages, View, make_gallery
from bench.presentation.table import Table
from bench.results.results import Results
from bench.store.runs import Failure

HOSTILE = "<script>alert('&\"')</script>"

RESULTS = Results(
    pd.DataFrame(columns=["method", "variant", "category", "seed", "protocol"]),
    experiment="tiny",
    dataset="a dataset",
    standing="own",
    categories=("bottle", "metal_nut"),
    variants={"DeSTSeg": ("none", "den+ed+seg")},
    seeds=(0, 1),
)
NONE, FULL = RESULTS.labels


def figure(name, inches, caption="Caption.", alt="Alt."):
    return Drawing(name, "effects", caption, alt, lambda: Figure((inches, 2)))


def table(name="ablation", notes=("Shared.", "Own.")):
    rows = [
        {"Variant": "none", "seg": "", "IAP": "9.5 ± 0.5"},
        {"Variant": "den", "seg": "", "IAP": "—"},
        {"Variant": HOSTILE, "seg": "✓", "IAP": "10.5 ± 2.5 (2 of 3 seeds)"},
        {"Variant": "ed", "seg": "✓", "IAP": "−3.0"},
    ]
    frame = pd.DataFrame(rows)
    return Table(name, f"Title of {name}: a dataset", RESULTS, notes, frame, "lcr", pd.DataFrame())


def category_images():
    rng = np.random.default_rng(0)
    return [
        CategoryImages(
            name,
            tuple(f"hole/{index:03d}" for index in range(5)),
            rng.integers(0, 256, (5, 32, 32, 3), np.uint8),
            rng.random((5, 32, 32)) > 0.5,
        )
        for name in RESULTS.categories
    ]


def maps(category, view):
    """Left to right rising maps of the one variant, falling ones of the other."""
    ramp = np.tile(np.linspace(0, 1, 8, dtype=np.float32), (5, 8, 1))
    if (category, view) == ("metal_nut", View(NONE, 1)):
        return None
    return ramp if view.row == NONE else ramp[..., ::-1]


def gallery():
    return make_gallery(category_images(), RESULTS, maps, 1_000_000)


def report(**changes):
    values = {
        "title": f"A title {HOSTILE}",
        "summary": ("Not comparable.", "complete"),
        "verdicts": (table("claims"),),
        "tables": (table("ablation"), table("main", ("Shared.",))),
        "figures": (
            figure("one", 5.6, f"Caption {HOSTILE}", f"Alt {HOSTILE}"),
            figure("two", 8.0),
        ),
        "gallery": gallery(),
        "gallery_note": "All images.",
        "failures": (
            Failure("1a", "student", "bottle", 0, "raised", f"boom {HOSTILE}", ("trace", "back")),
            Failure("2b", "codebook", "", None, "memory", "too little"),
        ),
        "provenance": (("Commit", "abc" * 20),),
        "setting": '{"seed": 0}',
        "rerun": "python -m bench reproduce",
        "citation": "@inproceedings{zhang2023destseg}",
    }
    return ReportPage(**(values | changes))
