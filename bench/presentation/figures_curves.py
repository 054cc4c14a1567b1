"""Precision over instance recall: the curve whose mean is IAP, and its point at k."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bench.presentation.figure_style import add_legend, add_title, mark, style
from bench.results.results import Results, Row

_MOST_COLUMNS = 5
_K_LINE: dict[str, Any] = {"color": "0.55", "linewidth": 0.8, "linestyle": (0, (3, 2))}


@dataclass(frozen=True, eq=False)
class Curve:
    """The precision envelope of one cell.

    Attributes
    ----------
    category, method, variant
        Of the cell.
    precision
        Shape (R,): entry i is the best precision at an instance recall of at least (R - i)/R.
    point
        Index into `precision` of the smallest recall of at least k.
    """

    category: str
    method: str
    variant: str
    precision: NDArray[np.float64]
    point: int

    @property
    def row(self) -> Row:
        """Method and variant."""
        return self.method, self.variant

    @property
    def recall(self) -> NDArray[np.float64]:
        """Instance recall of each entry, falling."""
        count = self.precision.size
        return (count - np.arange(count)) / count


def curves_figure(curves: Sequence[Curve], results: Results, seed: int) -> Figure:
    """Draw a panel for each category, with the curve of each row and its point at the protocol's k.

    Curves are grouped by category in the order of the panels; the last row's lines are solid.

    Raises
    ------
    ValueError
        If there is no curve.
    """
    if not curves:
        raise ValueError("there are no curves to draw")
    categories = list(dict.fromkeys(curve.category for curve in curves))
    rows = list(dict.fromkeys(curve.row for curve in curves))
    columns = min(len(categories), _MOST_COLUMNS)
    bands = -(-len(categories) // columns)
    k = 100 * results.protocol.iap_k
    with style():
        width, height = max(0.75 + 1.35 * columns, 5.2), 1.45 + 1.4 * bands
        figure = Figure(figsize=(width, height))
        panels = figure.subplots(bands, columns, sharex=True, sharey=True, squeeze=False).ravel()
        figure.subplots_adjust(
            left=0.62 / width,
            right=1 - 0.12 / width,
            bottom=0.5 / height,
            top=1 - 1.1 / height,
            wspace=0.1,
            hspace=0.28,
        )
        for axes, category in zip(panels, categories, strict=False):
            axes.axvline(k, **_K_LINE)
            for curve in curves:
                if curve.category == category:
                    _draw(axes, curve, _line(results, curve.row, solid=curve.row == rows[-1]))
            axes.set_title(category.replace("_", " "), fontsize=7.5, pad=2.5)
            axes.tick_params(labelsize=6.5, length=0)
        for axes in panels[len(categories) :]:
            axes.set_visible(False)
        panels[0].set(xlim=(0, 102), ylim=(0, 102), xticks=(0, 50, k), yticks=(0, 50, 100))
        figure.supxlabel("instance recall (%)", fontsize=8.5, y=0.1 / height)
        figure.supylabel("precision (%)", fontsize=8.5, x=0.1 / width)
        add_title(figure, "Precision over instance recall", results, f"seed {seed}")
        entries = {
            results.labels[row]: {**_line(results, row, solid=row == rows[-1]), "markersize": 4.5}
            for row in rows
        }
        entries[f"k = {k:g} %"] = _K_LINE
        at = 0.62 / width, 1 - 0.64 / height
        add_legend(figure, entries, at, loc="upper left", handletextpad=0.8, columnspacing=2.0)
    return figure


def _draw(axes: Axes, curve: Curve, look: dict[str, Any]) -> None:
    # Between two attainable recalls the precision is that of the next one: a step, no slope.
    recall = 100 * np.append(curve.recall, 0.0)
    precision = 100 * np.append(curve.precision, curve.precision[-1])
    marker = look.pop("marker")
    axes.plot(recall, precision, drawstyle="steps-post", **look)
    at = 100 * curve.recall[curve.point], 100 * curve.precision[curve.point]
    axes.plot(*at, marker=marker, markersize=4.5, color=look["color"], mec="white", mew=0.6)


def _line(results: Results, row: Row, *, solid: bool) -> dict[str, Any]:
    dashes = "-" if solid else (0, (4, 1.2))
    return {**mark(results, row), "linewidth": 1.4, "linestyle": dashes}
