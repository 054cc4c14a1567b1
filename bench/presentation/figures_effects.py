"""Main effects with their intervals, one panel for each factor."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bench.experiment.grid import ABLATION, FACTORS
from bench.paper.published import is_whole, published_effect
from bench.presentation.figure_style import BLUE, MUTED, PAPER_MARK, add_title, style
from bench.presentation.heading import METRIC_NAMES, Heading
from bench.stats import Effect, contrast_effect, factorial_contrast


def has_effects(heading: Heading) -> bool:
    """Whether all eight variants were asked for: an effect needs every one of them."""
    return set(ABLATION) <= set(heading.variants)


def effects_figure(cells: pd.DataFrame, heading: Heading) -> Figure:
    """Draw the effect of den, ed and seg on each metric, with its 95 % interval.

    A filled mark has an interval that excludes zero. The effect that follows from the paper's
    Table 4 is marked on MVTec AD with all categories.

    Parameters
    ----------
    cells
        One row per (method, category, variant, seed), metrics as fractions.
    heading
        What the numbers are of.
    """
    with_paper = heading.comparable and is_whole(heading.categories)
    with style():
        figure = Figure(figsize=(6.6, 3.1))
        panels = figure.subplots(1, len(FACTORS), sharex=True, sharey=True)
        figure.subplots_adjust(left=0.14, right=0.985, top=0.68, bottom=0.15, wspace=0.08)
        for axes, factor in zip(panels, FACTORS, strict=True):
            axes.axvline(0, color="0.3", linewidth=0.9, zorder=1)
            for row, metric in enumerate(METRIC_NAMES):
                scores = heading.ablation_scores(cells, metric)
                _draw_effect(axes, row, contrast_effect(factorial_contrast(scores, factor)))
                printed = published_effect(heading.categories, factor, metric=metric)
                if with_paper and printed is not None:
                    axes.plot(printed, row + 0.3, **PAPER_MARK | {"markersize": 4})
            axes.set_title(factor, fontsize=9, weight="bold", pad=4)
            axes.grid(visible=False, axis="y")
        panels[0].set_yticks(range(len(METRIC_NAMES)), METRIC_NAMES.values())
        panels[0].set_ylim(len(METRIC_NAMES) - 0.5, -0.5)
        figure.supxlabel("effect in points: mean with minus mean without", fontsize=8.5, y=0.015)
        seeds = len(heading.seeds)
        detail = f"95 % interval, {seeds} seeds" if seeds > 1 else "one seed, no interval"
        add_title(figure, "What den, ed and seg change", heading, detail)
        _legend(figure, with_paper=with_paper, with_interval=seeds > 1)
    return figure


def _draw_effect(axes: Axes, row: int, effect: Effect) -> None:
    ours = effect.estimate
    if ours.n == 0:
        axes.annotate(
            "not measured", (0.5, row), xycoords=("axes fraction", "data"), fontsize=6.5,
            color=MUTED, ha="center", va="center",
        )  # fmt: skip
        return
    decided = ours.interval is not None and ours.interval.excludes_zero
    if ours.interval is not None:
        ends = 100 * ours.interval.low, 100 * ours.interval.high
        axes.hlines(row, *ends, color=BLUE, linewidth=1.6, zorder=2)
    axes.plot(100 * ours.mean, row, zorder=3, **_mark(decided=decided))


def _mark(*, decided: bool) -> dict[str, Any]:
    fill = BLUE if decided else "white"
    return {"marker": "o", "markersize": 5.5, "mfc": fill, "mec": BLUE, "mew": 1.3, "linestyle": ""}


def _legend(figure: Figure, *, with_paper: bool, with_interval: bool) -> None:
    handles = []
    if with_interval:
        handles += [
            Line2D([], [], label="interval excludes zero", **_mark(decided=True)),
            Line2D([], [], label="undecided", **_mark(decided=False)),
        ]
    if with_paper:
        handles.append(Line2D([], [], label="paper", **PAPER_MARK))
    if handles:
        figure.legend(
            handles=handles,
            loc="upper right",
            bbox_to_anchor=(0.985, 0.985),
            ncols=1,
            fontsize=7.5,
            handletextpad=0.1,
            borderaxespad=0,
            frameon=False,
        )
