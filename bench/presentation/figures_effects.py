"""Main effects with their intervals, one panel for each factor."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.methods.interface import Method
from bench.paper.published import is_whole, published_effect
from bench.presentation.figure_style import BLUE, MUTED, PAPER_MARK, add_legend, add_title, style
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


def effects_figure(results: Results, method: Method[Any, Any]) -> Figure:
    """Draw the effect of each factor of one of `with_effects` on each metric, with its interval.

    A filled mark has a 95 % interval that excludes zero. The effect that follows from the paper's
    table of the variants is marked on MVTec AD with all categories.
    """
    with_paper = results.comparable and is_whole(results.categories)
    design = design_of(method)
    metrics = results.metrics
    with style():
        # However few the factors, the title needs its width.
        size = max(9 + 19 * len(method.factors), 56) / 10, (13 + 3 * len(metrics)) / 10
        figure = Figure(figsize=size)
        panels = figure.subplots(
            1, len(method.factors), sharex=True, sharey=True, squeeze=False
        ).ravel()
        figure.subplots_adjust(
            left=max(0.14, 0.92 / size[0]), right=0.985, top=0.68, bottom=0.15, wspace=0.08
        )
        for axes, factor in zip(panels, method.factors, strict=True):
            axes.axvline(0, color="0.3", linewidth=0.9, zorder=1)
            weights = contrast_weights(design, factor)
            for row, metric in enumerate(metrics):
                scores = design_scores(results, method, metric.key)
                contrast = factorial_contrast(scores, design, factor)
                _draw_effect(axes, row, contrast_effect(contrast))
                printed = published_effect(results.categories, method, weights, metric.key)
                if with_paper and printed is not None:
                    axes.plot(printed, row + 0.3, **PAPER_MARK | {"markersize": 4})
            axes.set_title(factor, fontsize=9, weight="bold", pad=4)
            axes.grid(visible=False, axis="y")
        panels[0].set_yticks(range(len(metrics)), [metric.display for metric in metrics])
        panels[0].set_ylim(len(metrics) - 0.5, -0.5)
        figure.supxlabel("effect in points: mean with minus mean without", fontsize=8.5, y=0.015)
        seeds = len(results.seeds)
        detail = f"95 % interval, {seeds} seeds" if seeds > 1 else "one seed, no interval"
        add_title(
            figure,
            f"What {listed(method.factors)} change{'s' if len(method.factors) == 1 else ''}",
            results,
            detail,
        )
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
    entries = {}
    if with_interval:
        entries["interval excludes zero"] = _mark(decided=True)
        entries["undecided"] = _mark(decided=False)
    if with_paper:
        entries["paper"] = PAPER_MARK
    if entries:
        add_legend(figure, entries, (0.985, 0.985), ncols=1)
