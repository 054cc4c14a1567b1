"""Quality by training compute: where on its own curve each method stands."""

from typing import Any

from matplotlib.figure import Figure

from bench.metrics import ALL_METRICS
from bench.presentation.costs_table import CURVE_METRIC, curve_means
from bench.presentation.figure_style import (
    add_legend,
    add_title,
    floor_look,
    legend_rows,
    mark,
    style,
)
from bench.presentation.formatting import in_words
from bench.results.results import Results


def training_figure(results: Results) -> Figure:
    """Draw each method's curve over its training compute, a large mark at the setting of the run.

    Methods without training are lines from side to side.
    """
    metric = ALL_METRICS[CURVE_METRIC]
    looks: dict[str, Any] = {}
    ticks: list[float] = []
    with style():
        figure = Figure(figsize=(5.6, 4.0))
        axes = figure.subplots()
        for method, variant in results.fulls.items():
            means = curve_means(results, method)
            if not means:
                continue
            floor = method in results.floors
            look = floor_look(results, method) if floor else mark(results, (method, variant))
            looks[method] = look = {"linewidth": 1.4, **look}
            cost = results.costs.get(method)
            if len(means) > 1 and cost is not None:
                macs = {factor: factor * cost.training_macs / 1e9 for factor in means}
                ticks = ticks or [*macs.values()]
                percents = [100 * mean for mean in means.values()]
                axes.plot([*macs.values()], percents, **look, markersize=4)
                axes.plot(macs[1.0], 100 * means[1.0], **look, markersize=9, mec="white", mew=0.8)
            else:
                line = {"linestyle": (0, (4, 1.5)), **look, "marker": ""}
                axes.axhline(100 * means[1.0], **line)
                looks[method] = line
        axes.set_xscale("log")
        axes.set_xticks(ticks, [f"{tick:.3g}" for tick in ticks])
        axes.minorticks_off()
        axes.set_xlabel("training, GMAC of one category and seed")
        axes.set_ylabel(f"{metric.display} (%), development images")
        axes.margins(y=0.08)
        lines = legend_rows(list(looks), 0.9 * 5.6)
        figure.subplots_adjust(left=0.1, right=0.985, bottom=0.11, top=0.81 - 0.04 * lines)
        add_title(figure, f"{metric.display} by length of training", results, _whose(results))
        columns = -(-len(looks) // lines)
        add_legend(figure, looks, (0.985, 0.835), ncols=columns, handletextpad=0.4)
    return figure


def _whose(results: Results) -> str:
    assert results.curve is not None
    categories = results.curve["category"].nunique()
    seeds = results.curve["seed"].nunique()
    of_categories = "1 category" if categories == 1 else f"{categories} categories"
    return f"other images: {of_categories}, {in_words(seeds, 'seed')}"
