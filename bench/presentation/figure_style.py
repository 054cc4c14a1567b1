"""The one look of all figures, and how they become files."""

import io
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import matplotlib as mpl
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bench.results.results import Results, Row

DPI = 150
COLUMN = 4.6
"""Inches of a figure that is legible in one column of a paper, at about 3.35."""

_ENTRY, _LETTER = 0.45, 0.066
"""Inches of a legend that a mark takes with the space about it, and a letter."""
_EDGE, _TITLE, _TEXT_LINE, _LEGEND_ROW = 0.08, 0.3, 0.137, 0.165
_TEXT_LETTER = 0.0565
_UNCUT = 0.34

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
    ((PALETTE[1], "^"), (PALETTE[4], "v")),
    ((PALETTE[5], "<"), (PALETTE[9], ">")),
    ((PALETTE[7], "p"), (PALETTE[2], "P")),
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


@dataclass(frozen=True)
class Head:
    """What stands over a figure: title, what the numbers are of, whether they compare, legend.

    Attributes
    ----------
    title
        One line.
    results
        Of which the figure is.
    width
        Of the figure, in inches; lines are broken at it.
    detail
        What the marks are.
    legend
        Label -> how its line or mark is drawn.
    of
        Of which categories; by default those of the results.
    """

    title: str
    results: Results
    width: float
    detail: str = ""
    legend: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    of: str | None = None

    @cached_property
    def _lines(self) -> list[str]:
        results = self.results
        of = results.categories_text if self.of is None else self.of
        lines = [" · ".join(filter(None, (results.dataset, of, self.detail)))]
        if not results.comparable:
            what = "the paper's protocol" if results.standing == "original" else "MVTec AD"
            lines.append(f"Not {what}: not comparable with the numbers of the paper")
        letters = int((self.width - 2 * _EDGE) / _TEXT_LETTER)
        return [part for line in lines for part in textwrap.wrap(line, letters)]

    @cached_property
    def _legend_rows(self) -> int:
        return legend_rows(list(self.legend), self.width - 2 * _EDGE) if self.legend else 0

    @property
    def height(self) -> float:
        """Inches from the top of the figure to what is below."""
        rows = self._legend_rows
        return _TITLE + _TEXT_LINE * len(self._lines) + (0.06 + _LEGEND_ROW * rows if rows else 0)

    def draw(self, figure: Figure) -> None:
        """Write it."""
        width, height = figure.get_size_inches()
        left = _EDGE / width
        figure.text(left, 1 - 0.08 / height, self.title, fontsize=10.5, weight="bold", va="top")
        lines = "\n".join(self._lines)
        figure.text(left, 1 - _TITLE / height, lines, fontsize=8, color=MUTED, va="top")
        if self.legend:
            under = _TITLE + _TEXT_LINE * len(self._lines) + 0.06
            figure.legend(
                handles=[
                    Line2D([], [], label=label, **look) for label, look in self.legend.items()
                ],
                loc="upper left",
                bbox_to_anchor=(left, 1 - under / height),
                ncols=-(-len(self.legend) // self._legend_rows),
                fontsize=8,
                borderaxespad=0,
                borderpad=0,
                frameon=False,
                handletextpad=0.4,
                columnspacing=1.2,
            )


def legend_rows(labels: Sequence[str], inches: float) -> int:
    """Return the fewest rows of a legend that is at most so wide; entries go down, then across."""
    for rows in range(1, len(labels)):
        columns = [labels[start : start + rows] for start in range(0, len(labels), rows)]
        widths = [_ENTRY + _LETTER * max(map(len, column)) for column in columns]
        if sum(widths) <= inches:
            return rows
    return len(labels)


def begin_at_zero(axes: Axes, axis: Literal["x", "y"]) -> None:
    """Let a scale of percents begin at zero where that costs little, and mark it where it does not.

    It is cut where less than two thirds of the whole would be left to what is drawn; then the
    strokes of a cut stand at its lower end, and its label says where it begins.
    """
    limits, set_limits = (
        (axes.get_xlim, axes.set_xlim) if axis == "x" else (axes.get_ylim, axes.set_ylim)
    )
    low, high = limits()
    if low <= _UNCUT * high:
        set_limits(min(low, 0), high)
        return
    label = axes.xaxis.label if axis == "x" else axes.yaxis.label
    label.set_text(f"{label.get_text()}, cut below {low:.0f}")
    ends = ((0.015, 0), (0.03, 0)) if axis == "x" else ((0, 0.02), (0, 0.04))
    stroke = [(-1, -0.6), (1, 0.6)] if axis == "y" else [(-0.6, -1), (0.6, 1)]
    axes.plot(
        *zip(*ends, strict=True), transform=axes.transAxes, clip_on=False, linestyle="",
        marker=stroke, markersize=7, mec="0.2", mew=0.9, label="cut", zorder=5,
    )  # fmt: skip
