"""Quality by training compute: where on its own curve each method stands."""

from typing import Any

from matplotlib.figure import Figure

from bench.metrics import ALL_METRICS
from bench.presentation.costs_table import CURVE_METRIC, curve_means
from bench.presentation.figure_style import COLUMN, Head, begin_at_zero, floor_look, mark, style
from bench.presentation.formatting import in_words
from bench.results.results import Results

_HEIGHT = 3.9


def training_figure(results: Results) -> Figure:
    """Draw each method's curve over its training compute, a large mark at the setting of the run.

    Methods without training are lines from side to side.
    """
    metric = ALL_METRICS[CURVE_METRIC]
    looks: dict[str, Any] = {}
    ticks: dict[float, float] = {}
    unit = ""
    with style(COLUMN):
        figure = Figure(figsize=(COLUMN, _HEIGHT))
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
                if not ticks:
                    ticks = macs
                    unit = f"×1: {macs[1.0]:.3g} billion multiply-accumulates ({method})"
                percents = [100 * mean for mean in means.values()]
                axes.plot([*macs.values()], percents, **look, markersize=4)
                axes.plot(macs[1.0], 100 * means[1.0], **look, markersize=9, mec="white", mew=0.8)
            else:
                line = {"linestyle": (0, (4, 1.5)), **look, "marker": ""}
                axes.axhline(100 * means[1.0], **line)
                looks[method] = line
        axes.set_xscale("log")
        axes.set_xticks([*ticks.values()], [f"×{factor:g}" for factor in ticks])
        axes.minorticks_off()
        axes.set_xlabel(unit)
        axes.set_ylabel(f"{metric.display} (%)")
        axes.margins(y=0.08)
        begin_at_zero(axes, "y")
        title = f"{metric.display} by length of training"
        head = Head(title, results, COLUMN, "large: the tables' setting", looks, _whose(results))
        figure.subplots_adjust(
            left=5 * head.em / COLUMN,
            right=0.985,
            bottom=3.5 * head.em / _HEIGHT,
            top=1 - (head.height + 0.06) / _HEIGHT,
        )
        head.draw(figure)
    return figure


def _whose(results: Results) -> str:
    assert results.curve is not None
    categories = results.curve["category"].nunique()
    seeds = results.curve["seed"].nunique()
    of_categories = "1 category" if categories == 1 else f"{categories} categories"
    return f"{of_categories} of development images, {in_words(seeds, 'seed')}"
