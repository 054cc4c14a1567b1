"""The one look of all figures, and how they become files."""

import io
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import matplotlib as mpl
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.textpath import TextPath

from bench.results.results import Results, Row

DPI = 150
COLUMN = 4.6
"""Inches of a figure for one column of a paper; wider ones are for the whole width of a page."""

PRINTED = {"column": 3.35, "page": 6.9}
"""Inches of each in print: 8.5 cm and 17.5 cm."""

_LEAST, WIDE_TYPE = 7.1, 8.0
"""Points of type in print, and of wide figures as they are drawn, at least."""

_ENTRY, _LETTER = 4.05, 0.594
"""Of a legend what a mark takes with the space about it, and a letter, in sizes of its type."""
_TITLE, _TITLE_LINE, _TEXT_LETTER, _TEXT_LINE, _LEGEND_ROW = 1.15, 1.45, 0.51, 1.24, 1.49
"""The title's type, its lines, and letters and lines of text, likewise."""
_EDGE = 0.08
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


def printed_width(width: float) -> float:
    """Return the inches in print of a figure so many inches wide."""
    return PRINTED["column" if width <= COLUMN else "page"]


def type_size(width: float) -> float:
    """Return the points of all type of a figure so many inches wide: 7 in print, or more.

    Examples
    --------
    >>> round(type_size(4.6), 2), type_size(6.6)
    (9.75, 8.0)
    """
    size = _LEAST * width / printed_width(width)
    return size if width <= COLUMN else max(size, WIDE_TYPE)


def text_inches(texts: Iterable[str], points: float) -> float:
    """Return the width of the widest of some texts, inside of `style`."""
    drawn = (TextPath((0, 0), text, size=points) for text in texts if text.strip())
    return max((float(path.get_extents().width) / 72 for path in drawn), default=0.0)


@contextmanager
def style(width: float) -> Iterator[None]:
    """Set the look of whatever is drawn inside the ``with`` block, for a figure so wide."""
    size = type_size(width)
    settings = {
        **sns.axes_style("whitegrid"),
        "axes.edgecolor": "0.6",
        "axes.labelsize": size,
        "axes.linewidth": 0.6,
        "axes.titlesize": size,
        "figure.labelsize": size,
        "font.family": "DejaVu Sans",  # comes with matplotlib, so the same everywhere
        "font.size": size,
        "grid.color": FAINT,
        "grid.linewidth": 0.6,
        "legend.fontsize": size,
        "text.parse_math": False,  # a name with $ in it is no formula
        "xtick.labelsize": size,
        "ytick.labelsize": size,
    }
    with mpl.rc_context(settings):
        yield


def png(figure: Figure) -> bytes:
    """Render as PNG; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    with style(figure.get_figwidth()):  # ticks take their look when they are drawn
        figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return buffer.getvalue()


def pdf(figure: Figure) -> bytes:
    """Render as PDF, without date and with type that can be copied; the same figure, same bytes."""
    buffer = io.BytesIO()
    with style(figure.get_figwidth()), mpl.rc_context({"pdf.fonttype": 42}):
        figure.savefig(buffer, format="pdf", dpi=DPI, metadata={"CreationDate": None})
    return buffer.getvalue()


def svg(figure: Figure) -> bytes:
    """Render as SVG, without date or random names; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    # Element names are hashes of a random salt unless one is given.
    with style(figure.get_figwidth()), mpl.rc_context({"svg.hashsalt": "destseg-bench"}):
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
        return [part for line in lines for part in self.wrapped(line)]

    @cached_property
    def _title_lines(self) -> list[str]:
        return self.wrapped(self.title, 1.1 * _TITLE)  # its letters are bold

    @property
    def em(self) -> float:
        """The size of the figure's type, in inches."""
        return type_size(self.width) / 72

    def wrapped(self, text: str, size: float = 1.0, less: float = 0.0) -> list[str]:
        """Break text, of so many times the usual size, at the width less so many inches."""
        return textwrap.wrap(
            text, int((self.width - 2 * _EDGE - less) / (_TEXT_LETTER * size * self.em))
        )

    @cached_property
    def _legend_rows(self) -> int:
        inches = self.width - 2 * _EDGE
        return legend_rows(list(self.legend), inches / self.em) if self.legend else 0

    @property
    def _text_top(self) -> float:
        return _EDGE + _TITLE_LINE * _TITLE * self.em * len(self._title_lines)

    @property
    def _legend_top(self) -> float:
        return self._text_top + _TEXT_LINE * self.em * len(self._lines) + 0.06

    @property
    def height(self) -> float:
        """Inches from the top of the figure to what is below."""
        rows = self._legend_rows
        return self._legend_top + (_LEGEND_ROW * self.em * rows if rows else -0.06)

    def draw(self, figure: Figure) -> None:
        """Write it."""
        width, height = figure.get_size_inches()
        left = _EDGE / width
        title, lines = ("\n".join(text) for text in (self._title_lines, self._lines))
        size = _TITLE * self.em * 72
        figure.text(left, 1 - _EDGE / height, title, fontsize=size, weight="bold", va="top")
        figure.text(left, 1 - self._text_top / height, lines, color=MUTED, va="top")
        if self.legend:
            figure.legend(
                handles=[
                    Line2D([], [], label=label, **look) for label, look in self.legend.items()
                ],
                loc="upper left",
                bbox_to_anchor=(left, 1 - self._legend_top / height),
                ncols=-(-len(self.legend) // self._legend_rows),
                borderaxespad=0,
                borderpad=0,
                frameon=False,
                handletextpad=0.4,
                columnspacing=1.2,
            )


def legend_rows(labels: Sequence[str], width: float) -> int:
    """Return the fewest rows of a legend; entries go down, then across.

    The width is in sizes of its type.
    """
    for rows in range(1, len(labels)):
        columns = [labels[start : start + rows] for start in range(0, len(labels), rows)]
        widths = [_ENTRY + _LETTER * max(map(len, column)) for column in columns]
        if sum(widths) <= width:
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
