"""The categories one by one: single seeds, and every variant beside the others."""

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from bench.experiment.grid import FULL_VARIANT
from bench.paper.published import prints_categories, published_over
from bench.presentation.figure_style import MUTED, PAPER_MARK, add_title, style, variant_mark
from bench.presentation.heading import METRIC_NAMES, Heading

_BAND = 0.27
"""Distance of a variant's marks from the middle of its category's row."""

_FAR_BEHIND = "#5b9bd0"
"""Light enough for black numbers on it."""


def seeds_figure(cells: pd.DataFrame, heading: Heading, metric: str) -> Figure:
    """Draw the single seeds of each category, for the first and the last variant.

    The distance between two variants can so be seen beside what another seed does to either.

    Parameters
    ----------
    cells
        One row per (method, category, variant, seed), metrics as fractions.
    heading
        What the numbers are of.
    metric
        Column of `cells`.
    """
    shown = extremes(heading)
    with_paper = False
    with style():
        height = 1.35 + 0.27 * len(heading.categories)
        figure = Figure(figsize=(5.6, height))
        axes = figure.add_axes((0.18, 0.42 / height, 0.8, (height - 1.3) / height))
        for index, variant in enumerate(shown):
            shift = _BAND * (index - (len(shown) - 1) / 2)
            matrix = 100 * heading.scores(cells, metric, variant=variant)
            for row, scores in enumerate(matrix):
                _draw_seeds(axes, row + shift, scores, variant)
        for row, category in enumerate(heading.categories):
            printed = _printed(heading, metric, category)
            if printed is not None:
                with_paper = True
                axes.plot(printed, row, **PAPER_MARK)
        for row in range(1, len(heading.categories), 2):
            axes.axhspan(row - 0.5, row + 0.5, color="0.965", zorder=0, linewidth=0)
        axes.set_yticks(
            range(len(heading.categories)), [name.replace("_", " ") for name in heading.categories]
        )
        axes.set_ylim(len(heading.categories) - 0.5, -0.5)
        axes.set_xlabel(f"{METRIC_NAMES[metric]} (%)")
        axes.grid(visible=False, axis="y")
        seeds = len(heading.seeds)
        detail = f"{seeds} single seeds, their mean as a line" if seeds > 1 else "one seed"
        add_title(figure, f"{METRIC_NAMES[metric]} of each category", heading, detail)
        handles = [
            Line2D(
                [], [], linestyle="", markersize=5, label=variant, mew=0, **variant_mark(variant)
            )
            for variant in shown
        ]
        if with_paper:
            handles.append(Line2D([], [], label=f"paper, {FULL_VARIANT}", **PAPER_MARK))
        figure.legend(
            handles=handles,
            loc="upper right",
            bbox_to_anchor=(0.98, 1 - 0.65 / height),
            ncols=len(handles),
            fontsize=7.5,
            handletextpad=0.1,
            columnspacing=1.2,
            borderaxespad=0,
            frameon=False,
        )
    return figure


def heatmap_figure(cells: pd.DataFrame, heading: Heading, metric: str) -> Figure:
    """Draw every variant on every category; dark is far behind the category's best variant.

    Categories differ by far more than variants do, so that the colour of the scores themselves
    would show nothing but which categories are hard.

    Parameters
    ----------
    cells, heading, metric
        See `seeds_figure`.
    """
    variants = heading.ordered_variants
    means = np.stack(
        [_category_means(heading.scores(cells, metric, variant=name)) for name in variants], axis=1
    )
    means = np.vstack([means, means.mean(axis=0, keepdims=True)])
    best = np.max(means, axis=1, keepdims=True, initial=-np.inf, where=~np.isnan(means))
    behind = best - means
    names = [*(name.replace("_", " ") for name in heading.categories), "all"]
    with style():
        foot = 0.7 + 0.018 * max(map(len, variants))  # room for the variants' slanting names
        width = max(2.2 + 0.56 * len(variants), 5.2)
        height = 0.7 + 0.27 * len(names) + foot
        figure = Figure(figsize=(width, height))
        box = (1.0 / width, foot / height, (width - 1.15) / width, 0.27 * len(names) / height)
        axes = figure.add_axes(box)
        scale = figure.add_axes((1.0 / width, 0.3 / height, 1.6 / width, 0.09 / height))
        sns.heatmap(
            behind,
            ax=axes,
            cmap=sns.light_palette(_FAR_BEHIND, as_cmap=True),
            vmin=0,
            vmax=max(float(np.nanmax(behind, initial=0.0)), 1.0),
            annot=_annotations(means, best),
            fmt="",
            annot_kws={"fontsize": 7, "color": "0.1"},
            linewidths=0.5,
            linecolor="white",
            mask=np.isnan(means),
            cbar_ax=scale,
            cbar_kws={"orientation": "horizontal"},
            xticklabels=variants,
            yticklabels=names,
        )
        axes.axhline(len(heading.categories), color="0.2", linewidth=1)
        axes.tick_params(left=False, bottom=False, labelsize=7.5)
        axes.tick_params(axis="y", rotation=0)
        axes.set_xticklabels(variants, rotation=25, ha="right", rotation_mode="anchor")
        axes.patch.set(facecolor="white", edgecolor="0.75", hatch="////")  # seen where one lacks
        axes.grid(visible=False)
        scale.tick_params(labelsize=7, length=2, pad=1.5)
        figure.text(
            2.72 / width,
            0.345 / height,
            "points behind the best variant (•) of the row"
            + ("; hatched: a seed is missing" if np.isnan(means).any() else ""),
            fontsize=7,
            color=MUTED,
            va="center",
        )
        seeds = len(heading.seeds)
        detail = f"mean over {seeds} seeds, in percent" if seeds > 1 else "one seed, in percent"
        title = f"{METRIC_NAMES[metric]} of each variant on each category"
        add_title(figure, title, heading, detail)
    return figure


def extremes(heading: Heading) -> tuple[str, ...]:
    """Return the variant with the least and the one with the most parts; one if it is alone."""
    ordered = heading.ordered_variants
    most = FULL_VARIANT if FULL_VARIANT in ordered else ordered[-1]
    return tuple(dict.fromkeys((ordered[0], most)))


def _draw_seeds(axes: Axes, y: float, scores: NDArray[np.float64], variant: str) -> None:
    found = scores[~np.isnan(scores)]
    if not found.size:
        return
    mark = variant_mark(variant)
    if found.size > 1:
        axes.vlines(found.mean(), y - 0.13, y + 0.13, color=mark["color"], linewidth=1.4)
    axes.plot(found, np.full(found.size, y), linestyle="", markersize=4, mew=0, alpha=0.65, **mark)


def _printed(heading: Heading, metric: str, category: str) -> float | None:
    """Return the paper's value of the full method in percent where it may stand beside ours."""
    if not (heading.comparable and prints_categories(metric) and FULL_VARIANT in heading.variants):
        return None
    figure = published_over((category,), metric=metric)
    return None if figure is None else figure.mean


def _category_means(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over the seeds in percent; NaN where a seed is missing, as in the tables."""
    means: NDArray[np.float64] = 100 * scores.mean(axis=1)
    return means


def _annotations(means: NDArray[np.float64], best: NDArray[np.float64]) -> NDArray[np.object_]:
    texts = np.empty(means.shape, dtype=object)
    for place, mean in np.ndenumerate(means):
        mark = "•" if mean == best[place[0], 0] else ""
        texts[place] = "" if np.isnan(mean) else f"{mean:.1f}{mark}"
    return texts
