"""The one look of all figures, and how they become files."""

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import matplotlib as mpl
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bench.results.results import Results, Row

DPI = 150
_ENTRY, _LETTER = 0.33, 0.075
"""Inches of a legend that a mark takes with the space about it, and a letter."""

FAINT = "0.88"
MUTED = "0.35"
PALETTE = sns.color_palette("colorblind")
BLUE, ORANGE = PALETTE[0], PALETTE[3]
PAPER_MARK: dict[str, Any] = {
    "linestyle": "", "marker": "D", "markersize": 5, "mfc": "white", "mec": "0.1", "mew": 1.1,
}  # fmt: skip
"""How a published number is drawn, everywhere."""


_LOOKS = (
    ((BLUE, "s"), (ORANGE, "o")),
    ((PALETTE[2], "^"), (PALETTE[4], "v")),
    ((PALETTE[5], "<"), (PALETTE[9], ">")),
    ((PALETTE[7], "p"), (PALETTE[1], "P")),
    ((PALETTE[6], "h"), ("0.15", "*")),
)
"""Colour and marker of each method in its turn, without and with what `is_on` asks for."""


_FLOOR_LOOKS = (((0, (4, 1.5)), "x"), ((0, (1, 1.5)), "+"))
"""Dashes and marker of each floor in its turn."""


def floor_look(results: Results, floor: str) -> dict[str, Any]:
    """Grey and thin: what stands there is to be compared with, and never in the way."""
    dashes, marker = _FLOOR_LOOKS[results.floors.index(floor) % len(_FLOOR_LOOKS)]
    return {"color": "0.45", "linestyle": dashes, "linewidth": 1.1, "marker": marker}


def is_on(results: Results, row: Row) -> bool:
    """Whether a variant has the last of its method's factors; without factors, is the full one."""
    method, variant = row
    known = results.known.get(method)
    if known is None or not known.factors:
        return variant == results.full(method)
    *_, last = known.factors.values()
    return last(known.variants[variant])


def mark(results: Results, row: Row) -> dict[str, Any]:
    """Colour and marker tell methods apart, and `is_on` in each; either is enough."""
    looks = _LOOKS[list(results.fulls).index(row[0]) % len(_LOOKS)]
    colour, marker = looks[is_on(results, row)]
    return {"color": colour, "marker": marker}


def mark_name(results: Results, row: Row) -> str:
    """Say what a mark is of, such as ``"with seg"``."""
    method, _ = row
    known = results.known.get(method)
    own = "" if len(results.learners) == 1 else f"{method} "
    if known is not None and known.factors:
        *_, last = known.factors
        return f"{own}{'with' if is_on(results, row) else 'without'} {last}"
    return method if is_on(results, row) else f"{method}, other variants"


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
        "text.parse_math": False,  # a name with $ in it is no formula
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


def pdf(figure: Figure) -> bytes:
    """Render as PDF, without date and with type that can be copied; the same figure, same bytes."""
    buffer = io.BytesIO()
    with style(), mpl.rc_context({"pdf.fonttype": 42}):
        figure.savefig(buffer, format="pdf", dpi=DPI, metadata={"CreationDate": None})
    return buffer.getvalue()


def svg(figure: Figure) -> bytes:
    """Render as SVG, without date or random names; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    # Element names are hashes of a random salt unless one is given.
    with style(), mpl.rc_context({"svg.hashsalt": "destseg-bench"}):
        figure.savefig(buffer, format="svg", dpi=DPI, metadata={"Date": None})
    return buffer.getvalue()


def add_title(figure: Figure, title: str, results: Results, detail: str = "") -> None:
    """Write the title, and under it what the numbers are of and whether they may be compared."""
    parts = (results.dataset, results.categories_text, detail)
    lines = [" · ".join(filter(None, parts))]
    if not results.comparable:
        what = "the paper's protocol" if results.standing == "original" else "MVTec AD"
        lines.append(f"Not {what}: not comparable with the numbers of the paper")
    width, height = figure.get_size_inches()
    figure.text(0.08 / width, 1 - 0.08 / height, title, fontsize=10.5, weight="bold", va="top")
    figure.text(0.08 / width, 1 - 0.3 / height, "\n".join(lines), fontsize=8, color=MUTED, va="top")


def legend_rows(labels: Sequence[str], inches: float) -> int:
    """Return the fewest rows of a legend that is at most so wide; entries go down, then across."""
    for rows in range(1, len(labels)):
        columns = [labels[start : start + rows] for start in range(0, len(labels), rows)]
        widths = [_ENTRY + _LETTER * max(map(len, column)) for column in columns]
        if sum(widths) <= inches:
            return rows
    return len(labels)


def add_legend(
    figure: Figure,
    entries: Mapping[str, Mapping[str, Any]],
    at: tuple[float, float],
    *,
    loc: Literal["upper left", "upper right"] = "upper right",
    ncols: int | None = None,
    **spacing: float,
) -> None:
    """Write a legend of labels and how each one's line or mark is drawn, by default in one line."""
    figure.legend(
        handles=[Line2D([], [], label=label, **look) for label, look in entries.items()],
        loc=loc,
        bbox_to_anchor=at,
        ncols=ncols or len(entries),
        fontsize=7.5,
        borderaxespad=0,
        frameon=False,
        **{"handletextpad": 0.1, "columnspacing": 1.2} | spacing,
    )
