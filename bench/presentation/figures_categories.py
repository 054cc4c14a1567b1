"""The categories one by one: single seeds, and every variant beside the others."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bench.metrics import Metric
from bench.paper.published import prints_categories, published_over
from bench.presentation.figure_style import (
    COLUMN,
    MUTED,
    PAPER_MARK,
    WIDE_TYPE,
    Head,
    begin_at_zero,
    floor_look,
    mark,
    style,
    text_inches,
    type_size,
)
from bench.presentation.formatting import format_percent
from bench.results.results import Results

_BAND = 0.27
"""Distance of a variant's marks from the middle of its category's row."""

_FLOOR_MARK: dict[str, Any] = {"linestyle": "", "markersize": 4, "mew": 1}

_BEST = "#4a90d0"
"""The best of a row; light enough for black numbers on it."""

_CELL, _CELL_WIDE = 2.75, 3.4
"""Widths of a cell of the heat map in sizes of its type, in a column and on a page."""

_PAD = 2.5
"""Points between a name of the heat map and its cells."""

_RIGHT = 0.04
"""Inches at the right of the heat map."""

_ROW = 1.87
"""Height of a category's row, likewise."""


def seeds_figure(results: Results, metric: Metric) -> Figure:
    """Draw the single seeds of each category, for `Results.extremes`, and what the floors have.

    The distance between two variants or methods can so be seen beside what another seed does to
    either.
    """
    shown = results.extremes
    band = min(_BAND, 2 * _BAND / max(len(shown) - 1, 1))
    paper = {
        row: printed
        for row, category in enumerate(results.categories)
        if (printed := _printed(results, metric, category)) is not None
    }
    legend: dict[str, dict[str, Any]] = {
        results.labels[row]: {**mark(results, row), "linestyle": "", "markersize": 5, "mew": 0}
        for row in shown
    }
    legend |= {floor: floor_look(results, floor) | _FLOOR_MARK for floor in results.floors}
    if paper:
        full = results.labels[results.method, results.full(results.method)]
        legend[f"paper, {full}"] = PAPER_MARK
    seeds = len(results.seeds)
    detail = f"{seeds} single seeds, line: mean" if seeds > 1 else "one seed"
    head = Head(f"{metric.display} of each category", results, COLUMN, detail, legend)
    rows, foot = _ROW * head.em * len(results.categories), 3.5 * head.em
    with style(COLUMN):
        left = 0.16 + text_inches(results.categories, 72 * head.em)
        height = head.height + 0.08 + rows + foot
        figure = Figure(figsize=(COLUMN, height))
        width = 1 - (left + 0.08) / COLUMN
        axes = figure.add_axes((left / COLUMN, foot / height, width, rows / height))
        for index, (method, variant) in enumerate(shown):
            shift = band * (index - (len(shown) - 1) / 2)
            matrix = 100 * results.scores(metric.key, method=method, variant=variant)
            for row, scores in enumerate(matrix):
                _draw_seeds(axes, row + shift, scores, mark(results, (method, variant)))
        for floor in results.floors:
            look = floor_look(results, floor) | _FLOOR_MARK
            means = 100 * results.scores(metric.key, method=floor).mean(axis=1)
            axes.plot(means, range(len(means)), **look)
        for row, printed in paper.items():
            axes.plot(printed, row, **PAPER_MARK)
        for row in range(1, len(results.categories), 2):
            axes.axhspan(row - 0.5, row + 0.5, color="0.965", zorder=0, linewidth=0)
        axes.set_yticks(range(len(results.categories)), results.categories)
        axes.set_ylim(len(results.categories) - 0.5, -0.5)
        axes.set_xlabel(f"{metric.display} (%)")
        axes.grid(visible=False, axis="y")
        begin_at_zero(axes, "x")
        head.draw(figure)
    return figure


def heatmap_figure(results: Results, metric: Metric) -> Figure:
    """Draw every variant on every category; the nearer to the category's best, the stronger.

    Floors stand at the right, behind a line; they are never the best, but marked where they are
    better than that.

    Categories differ by far more than variants do, so that the colour of the scores themselves
    would show nothing but which categories are hard.
    """
    names = list(results.labels.values())
    scores = [
        results.scores(metric.key, method=method, variant=variant)
        for method, variant in results.labels
    ]
    # A mean is NaN where a seed is missing, as in the tables.
    means = 100 * np.stack(scores, axis=1).mean(axis=2)
    means = np.vstack([means, means.mean(axis=0, keepdims=True)])
    learning = len(names) - len(results.floors)
    sign = 1 if metric.higher_is_better else -1
    best = sign * np.max(
        sign * means[:, :learning],
        axis=1,
        keepdims=True,
        initial=-np.inf,
        where=~np.isnan(means[:, :learning]),
    )
    behind = sign * (best - means)
    rows = [*results.categories, "average"]
    what, best_one = ("variant", "best variant") if len(results.learners) == 1 else (
        "method and variant", "best"
    )  # fmt: skip
    seeds = len(results.seeds)
    detail = f"mean over {seeds} seeds, %" if seeds > 1 else "one seed, %"
    title = f"{metric.display} of each {what}"
    width = _heatmap_width(rows, len(names))
    with style(width):
        head = Head(title, results, width, detail)
        em, points = head.em, 72 * head.em
        left = _left(rows, points)
        said = [
            f"points from the row's {best_one} (•)",
            "▲: a floor better than it" if (behind[:, learning:] < 0).any() else "",
            "hatched: a seed is missing" if np.isnan(means).any() else "",
        ]
        said = [line for text in said for line in head.wrapped(text, less=left + 1.3)]
        under = 0.1 + em * max(1.25 * len(said), 2.2)  # the scale, and what is said of it
        foot = under + 1.3 * em + 0.45 * text_inches(names, points)  # the slanting names
        inner = _ROW * em * len(rows)
        height = head.height + 0.06 + inner + foot
        figure = Figure(figsize=(width, height))
        box = (left / width, foot / height, 1 - (left + _RIGHT) / width, inner / height)
        axes = figure.add_axes(box)
        scale = figure.add_axes(
            (left / width, (under - 0.8 * em) / height, 1.2 / width, 0.7 * em / height)
        )
        sns.heatmap(
            -behind,
            ax=axes,
            cmap=sns.light_palette(_BEST, as_cmap=True),
            vmin=-max(float(np.nanmax(behind[:, :learning], initial=0.0)), 1.0),
            vmax=0,
            annot=_annotations(metric, means),
            fmt="",
            annot_kws={"fontsize": points, "color": "0.1"},
            linewidths=0.5,
            linecolor="white",
            mask=np.isnan(means),
            cbar_ax=scale,
            cbar_kws={"orientation": "horizontal"},
            xticklabels=names,
            yticklabels=rows,
        )
        axes.axhline(len(results.categories), color="0.2", linewidth=1)
        if results.floors:
            axes.axvline(learning, color="0.2", linewidth=1)
        _mark_best(axes, behind)
        axes.tick_params(length=0, pad=_PAD)
        axes.tick_params(axis="y", rotation=0)
        axes.set_xticklabels(names, rotation=25, ha="right", rotation_mode="anchor")
        axes.patch.set(facecolor="white", edgecolor="0.75", hatch="////")  # seen where one lacks
        axes.grid(visible=False)
        scale.tick_params(length=2, pad=1.5)
        figure.text(
            (left + 1.3) / width,
            under / height,
            "\n".join(said),
            color=MUTED,
            va="top",
        )
        head.draw(figure)
    return figure


def _draw_seeds(axes: Axes, y: float, scores: NDArray[np.float64], look: dict[str, Any]) -> None:
    found = scores[~np.isnan(scores)]
    if not found.size:
        return
    if found.size > 1:
        axes.vlines(found.mean(), y - 0.13, y + 0.13, color=look["color"], linewidth=1.4)
    axes.plot(found, np.full(found.size, y), linestyle="", markersize=4, mew=0, alpha=0.65, **look)


def _printed(results: Results, metric: Metric, category: str) -> float | None:
    """Return the paper's value of the full variant in percent where it may stand beside ours."""
    method = results.method
    if not (
        results.comparable
        and prints_categories(metric.key, method)
        and (method, results.full(method)) in results.labels
    ):
        return None
    figure = published_over((category,), metric=metric.key, method=method)
    return None if figure is None else figure.mean


def _left(rows: Sequence[str], points: float) -> float:
    """Return the inches that the names of the rows take."""
    return 0.06 + _PAD / 72 + text_inches(rows, points)


def _heatmap_width(rows: Sequence[str], columns: int) -> float:
    """Return a column's width where that many columns of cells fit, else what they take."""
    with style(COLUMN):
        narrow, wide = (
            _left(rows, points) + columns * cell * points / 72 + _RIGHT
            for cell, points in ((_CELL, type_size(COLUMN)), (_CELL_WIDE, WIDE_TYPE))
        )
    return COLUMN if narrow <= COLUMN else max(wide, 1.1 * COLUMN)


def _annotations(metric: Metric, means: NDArray[np.float64]) -> NDArray[np.object_]:
    texts = np.empty(means.shape, dtype=object)
    for place, mean in np.ndenumerate(means):
        text = "" if np.isnan(mean) else format_percent(mean / 100, metric)
        texts[place] = text.replace("100.0", "100")  # the one number that is wider than a cell
    return texts


def _mark_best(axes: Axes, behind: NDArray[np.float64]) -> None:
    """Mark the best of each row in the corner of its cell, and floors that are better."""
    for marker, where, label in (("o", behind == 0, "best"), ("^", behind < 0, "better floor")):
        rows, columns = np.nonzero(where)
        axes.plot(
            columns + 0.93, rows + 0.13, linestyle="", marker=marker, markersize=2.8, color="0.1",
            label=label,
        )  # fmt: skip
