"""Main effects with both intervals, one panel for each factor."""

from collections.abc import Iterable
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from bench.methods.interface import Method
from bench.paper.published import is_whole, published_effect
from bench.presentation.figure_style import (
    BLUE,
    COLUMN,
    MUTED,
    ORANGE,
    PAPER_MARK,
    Head,
    style,
    text_inches,
)
from bench.presentation.formatting import listed
from bench.presentation.statistics_tables import design_of, design_scores
from bench.results.results import Results
from bench.stats import Effect, contrast_effect, contrast_weights, factorial_contrast


def with_effects(results: Results) -> tuple[Method[Any, Any], ...]:
    """Return the methods all of whose design was asked for: an effect needs every variant."""
    return tuple(
        method
        for method in results.known.values()
        if method.factors and set(method.design) <= set(results.variants[method.name])
    )


_THESE: dict[str, Any] = {"color": BLUE, "linewidth": 2.4, "solid_capstyle": "butt"}
_OTHERS: dict[str, Any] = {"color": ORANGE, "linewidth": 1.1, "solid_capstyle": "butt"}
_MARK: dict[str, Any] = {"marker": "o", "markersize": 2.0, "mfc": "white", "mec": BLUE, "mew": 0.6}
_BELOW = 0.24
"""Rows between the interval for these categories and the one for others."""


def effects_figure(results: Results, method: Method[Any, Any]) -> Figure:
    """Draw the effect of each factor of one of `with_effects` on each metric, with both intervals.

    The one for these categories under new seeds is thick, the one for other categories of this
    kind thin, and below it. The effect that follows from the paper's table of the variants is
    marked on MVTec AD with all categories.
    """
    with_paper = results.comparable and is_whole(results.categories)
    design = design_of(method)
    metrics = results.metrics
    effects = {
        (factor, metric.key): contrast_effect(
            factorial_contrast(design_scores(results, method, metric.key), design, factor)
        )
        for factor in method.factors
        for metric in metrics
    }
    seeds = len(results.seeds)
    head = Head(
        f"What {listed(method.factors)} change{'s' if len(method.factors) == 1 else ''}",
        results,
        COLUMN,
        f"{seeds} seeds" if seeds > 1 else "one seed, no interval",
        _legend(effects.values(), with_paper=with_paper),
    )
    with style(COLUMN):
        names = [metric.display for metric in metrics]
        inner, foot = 0.3 * len(metrics), 3.5 * head.em
        height = head.height + 2.2 * head.em + inner + foot
        figure = Figure(figsize=(COLUMN, height))
        panels = figure.subplots(
            1, len(method.factors), sharex=True, sharey=True, squeeze=False
        ).ravel()
        figure.subplots_adjust(
            left=(0.2 + text_inches(names, 72 * head.em)) / COLUMN,
            right=1 - 0.08 / COLUMN,
            top=(foot + inner) / height,
            bottom=foot / height,
            wspace=0.07,
        )
        for axes, factor in zip(panels, method.factors, strict=True):
            axes.axvline(0, color="0.3", linewidth=0.9, zorder=1)
            weights = contrast_weights(design, factor)
            for row, metric in enumerate(metrics):
                _draw_effect(axes, row, effects[factor, metric.key])
                printed = published_effect(results.categories, method, weights, metric.key)
                if with_paper and printed is not None:
                    axes.plot(printed, row - 0.28, **PAPER_MARK | {"markersize": 4})
            axes.set_title(factor, weight="bold", pad=4)
            axes.grid(visible=False, axis="y")
        panels[0].set_yticks(range(len(metrics)), names)
        panels[0].set_ylim(len(metrics) - 0.5, -0.5)
        panels[0].xaxis.set_major_locator(
            MaxNLocator(6, steps=[1, 2, 5, 10], prune="both", min_n_ticks=5)
        )
        figure.supxlabel("points: mean with it minus mean without", y=0.05 / height)
        head.draw(figure)
    return figure


def _draw_effect(axes: Axes, row: int, effect: Effect) -> None:
    ours = effect.estimate
    if ours.n == 0:
        axes.annotate(
            "not measured", (0.5, row), xycoords=("axes fraction", "data"), color=MUTED,
            ha="center", va="center",
        )  # fmt: skip
        return
    for interval, y, look in (
        (ours.interval, row, _THESE),
        (effect.like_these, row + _BELOW, _OTHERS),
    ):
        if interval is not None:
            axes.plot((100 * interval.low, 100 * interval.high), (y, y), **look, zorder=2)
    axes.plot(100 * ours.mean, row, **_MARK, linestyle="", zorder=3)


def _legend(effects: Iterable[Effect], *, with_paper: bool) -> dict[str, dict[str, Any]]:
    entries: dict[str, dict[str, Any]] = {}
    effects = tuple(effects)
    if any(effect.estimate.interval is not None for effect in effects):
        entries["95 % interval, these categories under new seeds"] = _THESE | _MARK
    if any(effect.like_these is not None for effect in effects):
        entries["95 % interval, other categories"] = _OTHERS
    if with_paper:
        entries["paper"] = PAPER_MARK
    return entries
