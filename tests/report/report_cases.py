"""A small report with everything that can stand on the page."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from bench.metrics import PAPER
from bench.presentation.figures import Drawing
from bench.presentation.report.content import ReportPage
from bench.presentation.report.gallery import CategoryImages, Scored, View, make_gallery
from bench.presentation.report.verdicts import Verdicts, VerdictView
from bench.presentation.table import Table
from bench.results.results import Results
from bench.store.runs import Failure

HOSTILE = "<script>alert('&\"')</script>"

RESULTS = Results(
    pd.DataFrame(
        [("DeSTSeg", "none", "bottle", 0, PAPER.label)],
        columns=["method", "variant", "category", "seed", "protocol"],
    ),
    experiment="tiny",
    dataset="a dataset",
    standing="own",
    categories=("bottle", "metal_nut"),
    variants={"DeSTSeg": ("none", "den+ed+seg")},
    seeds=(0, 1),
)
NONE, FULL = RESULTS.labels


def figure(name, inches, caption="Caption.", alt="Alt.", kind="effects"):
    return Drawing(name, kind, caption, alt, lambda: Figure((inches, 2)))


def table(name="ablation", notes=("Shared.", "Own."), rows=4):
    lines = [
        {"Variant": "none", "seg": "", "IAP": "9.5 ± 0.5"},
        {"Variant": "den", "seg": "", "IAP": "—"},
        {"Variant": HOSTILE, "seg": "✓", "IAP": "10.5 ± 2.5 (2 of 3 seeds)"},
        {"Variant": "ed", "seg": "✓", "IAP": "−3.0"},
    ]
    frame = pd.DataFrame(lines * (rows // 4))
    return Table(
        name, f"Title of {name}: a dataset", RESULTS, notes, frame, "lcr", frame, ("Follows.",)
    )


NAMES = ("good/000", "good/001", "hole/000", "hole/001", "scratch/000")
MARKED = np.array([False, False, True, True, True])
SCORES = {
    NONE: np.array([0.1, 0.2, 0.3, 0.4, 0.5]),
    # A false alarm, and a defect below it.
    FULL: np.array([0.1, 0.7, 0.8, 0.9, 0.3]),
}

VERDICTS = Verdicts(
    (
        VerdictView("den helps", "", "holds", "holds here", "den over none", "+2.00"),
        VerdictView(f"ed helps {HOSTILE}", "", "fails", "does not hold here", "ed over none"),
        VerdictView("seg helps", "", "undecided", "undecided", "seg over none", seeds="4"),
    ),
    (VerdictView("den helps", "IAP", "holds", "holds here", "den over none", "+2.00"),),
    (VerdictView("rivals are worse", "", "unmeasured", "not measured"),),
)


def category_images():
    """Of each category five images, two of them good."""
    rng = np.random.default_rng(0)
    return [
        CategoryImages(
            name,
            NAMES,
            rng.integers(0, 256, (5, 32, 32, 3), np.uint8),
            MARKED[:, None, None] & (rng.random((5, 32, 32)) > 0.5),
        )
        for name in RESULTS.categories
    ]


def scored(category, view):
    """Left to right rising maps of the one variant, falling ones of the other."""
    ramp = np.tile(np.linspace(0, 1, 8, dtype=np.float32), (5, 8, 1))
    if (category, view) == ("metal_nut", View(NONE, 1)):
        return None
    return Scored(ramp if view.row == NONE else ramp[..., ::-1], SCORES.get(view.row, SCORES[NONE]))


def gallery():
    return make_gallery(category_images(), RESULTS, scored, 1_000_000)


def report(**changes):
    values = {
        "title": f"A title {HOSTILE}",
        "warnings": (f"INCOMPLETE {HOSTILE}",),
        "findings": ("seg adds 4.1, p = .25.", "Not comparable."),
        "summary": ("complete",),
        "lead": table("ablation"),
        "lead_figure": figure("one", 5.6, f"Caption {HOSTILE}", f"Alt {HOSTILE}"),
        "verdicts": VERDICTS,
        "claim_tables": (table("claims"),),
        "tables": (table("main", ("Shared.",)), table("long", rows=24)),
        "repeated": (table("image"),),
        "figures": (figure("two", 8.0), figure("photo", 5.6, kind="examples")),
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
