"""The one look of all figures, and how they become files."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
import seaborn as sns
from matplotlib.figure import Figure

from bench.experiment.grid import VARIANTS
from bench.presentation.heading import Heading

DPI = 150
FAINT = "0.88"
MUTED = "0.35"
PALETTE = sns.color_palette("colorblind")
BLUE, ORANGE = PALETTE[0], PALETTE[3]
PAPER_MARK: dict[str, Any] = {
    "linestyle": "", "marker": "D", "markersize": 5, "mfc": "white", "mec": "0.1", "mew": 1.1,
}  # fmt: skip
"""How a published number is drawn, everywhere."""


def variant_mark(variant: str) -> dict[str, Any]:
    """Colour and marker say whether the segmentation net is on; either is enough."""
    if VARIANTS[variant].seg:
        return {"color": ORANGE, "marker": "o"}
    return {"color": BLUE, "marker": "s"}


@contextmanager
def style() -> Iterator[None]:
    """Set the look of whatever is drawn inside the ``with`` block."""
    settings = {
        **sns.axes_style("whitegrid"),
        "axes.edgecolor": "0.6",
        "axes.labelsize": 8.5,
        "axes.linewidth": 0.6,
        "font.family": "DejaVu Sans",  # comes with matplotlib, so the same everywhere
        "font.size": 8.5,
        "grid.color": FAINT,
        "grid.linewidth": 0.6,
        "xtick.labelsize": 8,
        "ytick.labelsize": 8,
    }
    with mpl.rc_context(settings):
        yield


def png(figure: Figure) -> bytes:
    """Render as PNG; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    with style():  # ticks take their look when they are drawn
        figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return buffer.getvalue()


def svg(figure: Figure) -> bytes:
    """Render as SVG, without date or random names; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    # Element names are hashes of a random salt unless one is given.
    with style(), mpl.rc_context({"svg.hashsalt": "destseg-bench"}):
        figure.savefig(buffer, format="svg", dpi=DPI, metadata={"Date": None})
    return buffer.getvalue()


def add_title(figure: Figure, title: str, heading: Heading, detail: str = "") -> None:
    """Write the title, and under it what the numbers are of and whether they may be compared."""
    parts = (heading.dataset, heading.categories_text, detail)
    lines = [" · ".join(filter(None, parts))]
    if not heading.comparable:
        what = "the paper's protocol" if heading.is_mvtec else "MVTec AD"
        lines.append(f"Not {what}: not comparable with the numbers of the paper")
    width, height = figure.get_size_inches()
    figure.text(0.08 / width, 1 - 0.08 / height, title, fontsize=10.5, weight="bold", va="top")
    figure.text(0.08 / width, 1 - 0.3 / height, "\n".join(lines), fontsize=8, color=MUTED, va="top")
