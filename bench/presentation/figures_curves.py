"""Precision over instance recall: the curve whose mean is IAP, and its point at k."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bench.presentation.figure_style import COLUMN, Head, mark, style
from bench.results.results import Results, Row

_MOST_COLUMNS = 5
_DASHES = ("-", (0, (4, 1.2)), (0, (1, 1)), (0, (5, 1, 1, 1)), (0, (8, 1.5)))
_K_LINE: dict[str, Any] = {"color": "0.55", "linewidth": 0.8, "linestyle": (0, (3, 2))}


@dataclass(frozen=True, eq=False)
class Curve:
    """The precision envelope of one cell.

    Attributes
    ----------
    category, row
        Of the cell.
    precision
        Shape (R,): entry i is the best precision at an instance recall of at least (R - i)/R.
    point
        Index into `precision` of the smallest recall of at least k.
    """

    category: str
    row: Row
    precision: NDArray[np.float64]
    point: int

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
    looks = {row: _line(results, row, place) for place, row in enumerate(reversed(rows))}
    legend = {results.labels[row]: {**looks[row], "markersize": 5} for row in rows}
    legend[f"k = {k:g} %"] = _K_LINE
    width = max(0.6 + 1.2 * columns, COLUMN)
    with style(width):
        detail = f"seed {seed} · mark: the precision at k"
        head = Head("Precision over instance recall", results, width, detail, legend)
        over, under = 2.4 * head.em, 4.2 * head.em
        height = head.height + over + 1.1 * bands + 0.22 * (bands - 1) + under
        figure = Figure(figsize=(width, height))
        panels = figure.subplots(bands, columns, sharex=True, sharey=True, squeeze=False).ravel()
        figure.subplots_adjust(
            left=5.2 * head.em / width,
            right=1 - 0.1 / width,
            bottom=under / height,
            top=1 - (head.height + over) / height,
            wspace=0.1,
            hspace=0.26,
        )
        for axes, category in zip(panels, categories, strict=False):
            axes.axvline(k, **_K_LINE)
            for curve in curves:
                if curve.category == category:
                    _draw(axes, curve, dict(looks[curve.row]))
            axes.set_title(category, pad=2.5)
            axes.tick_params(length=0)
        for axes in panels[len(categories) :]:
            axes.set_visible(False)
        panels[0].set(xlim=(0, 102), ylim=(0, 102), xticks=(0, 50, k), yticks=(0, 50, 100))
        figure.supxlabel("instance recall (%)", y=0.1 / height)
        figure.supylabel("precision (%)", x=0.1 / width)
        head.draw(figure)
    return figure


def _draw(axes: Axes, curve: Curve, look: dict[str, Any]) -> None:
    # Between two attainable recalls the precision is that of the next one: a step, no slope.
    recall = 100 * np.append(curve.recall, 0.0)
    precision = 100 * np.append(curve.precision, curve.precision[-1])
    marker = look.pop("marker")
    axes.plot(recall, precision, drawstyle="steps-post", **look)
    at = 100 * curve.recall[curve.point], 100 * curve.precision[curve.point]
    axes.plot(*at, marker=marker, markersize=5.5, color=look["color"], mec="white", mew=0.6)


def _line(results: Results, row: Row, place: int) -> dict[str, Any]:
    """Solid for the last row; the others have dashes of their own, as in a grey print."""
    return {**mark(results, row), "linewidth": 1.3, "linestyle": _DASHES[place % len(_DASHES)]}
