"""Mean and spread of each variant, its parts below."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.methods.interface import Method
from bench.metrics import Metric
from bench.paper.published import published_over, published_variant
from bench.presentation.figure_style import (
    COLUMN,
    FAINT,
    MUTED,
    PAPER_MARK,
    Head,
    begin_at_zero,
    floor_look,
    mark,
    mark_name,
    style,
    text_inches,
)
from bench.presentation.formatting import listed
from bench.results.results import Results, Row
from bench.stats import Scores, complete_seeds, estimate

# The single seeds stand left of the mean and the paper's value right of it, so none hides another.
_ASIDE = 0.24
_PLOT = 2.1
"""Inches of the part with the marks."""
_BELOW = 0.4
"""Rows of dots left free below that part, where its lowest number stands."""
_SEED_MARK: dict[str, Any] = {"linestyle": "", "markersize": 3.2, "alpha": 0.5, "mew": 0}


def variants_figure(results: Results, metric: Metric) -> Figure:
    """Draw mean ± sample std over seeds of each row of the grid, and its seeds.

    Below are the parts of each variant, or the names where several methods stand side by side.
    Floors are lines, which what learns should be above.
    The paper's value stands beside ours on MVTec AD only, and only over the same categories.
    """
    rows = [row for row in results.labels if row[0] not in results.floors]
    parts = _parts(results)
    paper = [_published(results, metric, row) for row in rows]
    seeds = len(results.seeds)
    spread = f"mean ± std over {seeds} seeds" if seeds > 1 else "one seed, no spread"
    title = f"{metric.display} with and without {listed(parts)}" if parts else metric.display
    width = COLUMN if parts else max(COLUMN, 0.8 + 0.48 * len(rows))
    with style(width):
        head = Head(title, results, width, spread, _legend(results, with_paper=any(paper)))
        names = [results.labels[row] for row in rows]
        em, points = head.em, 72 * head.em
        foot = 0.06 + (
            1.5 * em * (len(parts) + _BELOW)
            if parts
            else 2 * em + 0.45 * text_inches(names, points)
        )
        height = head.height + 0.08 + _PLOT + foot
        figure = Figure(figsize=(width, height))
        left = max(5 * em, 0.16 + text_inches(parts, points))  # room for parts' names
        grid = figure.add_gridspec(
            2,
            1,
            height_ratios=(_PLOT, foot - 0.06),
            hspace=0,
            left=left / width,
            right=1 - 0.07 / width,
            top=1 - (head.height + 0.08) / height,
            bottom=0.03 / height,
        )
        scores = figure.add_subplot(grid[0])
        below = figure.add_subplot(grid[1], sharex=scores)
        incomplete = False
        for x, (row, printed) in enumerate(zip(rows, paper, strict=True)):
            if printed is not None:
                scores.plot(x + _ASIDE, printed, **PAPER_MARK)
            matrix = results.scores(metric.key, method=row[0], variant=row[1])
            incomplete |= not _draw_variant(scores, x, matrix, mark(results, row))
        _draw_floors(scores, results, metric)
        if parts:
            _draw_switches(below, parts)
        else:
            _draw_names(below, names)
        scores.set_xlim(-0.6, len(rows) - 0.4)
        if not scores.lines:
            scores.set_ylim(0, 100)
        scores.margins(y=0.12)
        scores.locator_params(axis="y", steps=[1, 2, 5, 10])
        if incomplete:  # room for the notes of what is missing, below every mark
            low, high = scores.get_ylim()
            scores.set_ylim(low - 0.1 * (high - low), high)
        scores.set_ylabel(f"{metric.display} (%)")
        begin_at_zero(scores, "y")
        scores.tick_params(bottom=False, labelbottom=False)
        scores.grid(visible=False, axis="x")
        head.draw(figure)
    return figure


def _published(results: Results, metric: Metric, row: Row) -> float | None:
    """Return the paper's value in percent where it may stand beside ours."""
    if not results.comparable:
        return None
    method, variant = row
    if method in results.known:
        figure = published_variant(
            results.categories, results.known[method], variant, metric=metric.key
        )
    else:
        figure = published_over(results.categories, metric=metric.key, method=method)
    return None if figure is None else figure.mean


def _draw_variant(axes: Axes, x: int, scores: Scores, look: dict[str, Any]) -> bool:
    """Draw the single seeds, their mean ± std and what is missing; False if something is."""
    ours = estimate(scores)
    if not ours.complete:
        axes.annotate(
            f"{ours.n} of {ours.expected}\nseeds",
            (x, 0.01),
            xycoords=axes.get_xaxis_transform(),
            ha="center",
            va="bottom",
            color=MUTED,
        )
    if ours.n == 0:
        return False
    per_seed = 100 * complete_seeds(scores).mean(axis=0)
    if ours.n > 1:
        axes.plot(np.full(ours.n, x - _ASIDE), per_seed, **look | _SEED_MARK)
    axes.errorbar(
        x,
        100 * ours.mean,
        yerr=100 * ours.std if ours.n > 1 else None,
        **look,
        markersize=6,
        ecolor="0.15",
        elinewidth=1.2,
        capsize=3.5,
        capthick=1.2,
        # Over the marker, or a small std would hide behind it.
        barsabove=True,
    )
    return ours.complete


def _draw_floors(axes: Axes, results: Results, metric: Metric) -> None:
    for floor in results.floors:
        mean = results.estimate(metric.key, method=floor).mean
        if not math.isnan(mean):
            axes.axhline(100 * mean, **floor_look(results, floor) | {"marker": ""}, zorder=1)


def _parts(results: Results) -> Mapping[str, Sequence[bool]]:
    """Say what each variant of the one method has or not; nothing where there are several.

    Of the method's table that has the experiment's name, or its first, the parts by which the
    variants differ; of its others those that tell more; if there are none, the factors.
    """
    method = results.known.get(results.method)
    if method is None or len(results.learners) > 1:
        return {}
    own_first = sorted(method.comparisons, key=lambda one: one.name != results.experiment)
    found: dict[str, tuple[bool, ...]] = {}
    for place, parts in enumerate((*(one.parts for one in own_first), method.factors)):
        for name, has in _switches(method, results, parts):
            tells = _distinct({**found, name: has}) > _distinct(found)
            if len(set(has)) == 2 and (tells or place == 0):
                found[name] = has
    return found or dict(_switches(method, results, method.factors))


def _distinct(parts: Mapping[str, Sequence[bool]]) -> int:
    """How many variants these parts tell apart."""
    return len(set(zip(*parts.values(), strict=True)))


def _switches(
    method: Method[Any, Any], results: Results, parts: Mapping[str, Callable[[Any], bool | str]]
) -> Iterator[tuple[str, tuple[bool, ...]]]:
    """Yield names of parts and which variants have them; a text's unusual values one by one."""
    variants = [method.variants[variant] for variant in results.rows(method.name)]
    for name, part in parts.items():
        values = [part(variant) for variant in variants]
        usual = part(method.variants[method.full])
        if isinstance(usual, bool):
            yield name, tuple(map(bool, values))
        else:
            for text in dict.fromkeys(values):
                if text != usual:
                    yield str(text), tuple(value == text for value in values)


def _draw_switches(axes: Axes, parts: Mapping[str, Sequence[bool]]) -> None:
    """Draw a row of dots for each part: filled where a variant has it."""
    for row, switches in enumerate(parts.values()):
        for x, on in enumerate(switches):
            axes.plot(x, row, marker="o", markersize=6, color="0.2" if on else FAINT)
        axes.axhline(row, color=FAINT, linewidth=0.6, zorder=0)
    axes.set_yticks(range(len(parts)), parts)
    axes.set_ylim(len(parts) - 0.4, -0.6 - _BELOW)
    _clear(axes)


def _draw_names(axes: Axes, names: Sequence[str]) -> None:
    """Write what stands above, slanting."""
    for x, name in enumerate(names):
        axes.text(x, 0.92, name, rotation=25, ha="right", va="top", rotation_mode="anchor")
    axes.set_yticks([])
    axes.set_ylim(0, 1)
    _clear(axes)


def _clear(axes: Axes) -> None:
    axes.tick_params(bottom=False, labelbottom=False, left=False)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.patch.set_visible(False)


def _legend(results: Results, *, with_paper: bool) -> dict[str, dict[str, Any]]:
    # Where methods stand side by side, one with a single row is named below it.
    entries = {
        mark_name(results, row): {**mark(results, row), "linestyle": "", "markersize": 6.5}
        for row in results.labels
        if row[0] not in results.floors
        and (len(results.learners) == 1 or len(results.variants[row[0]]) > 1)
    }
    for floor in results.floors:
        entries[floor] = floor_look(results, floor) | {"marker": ""}
    if len(results.seeds) > 1:
        entries["single seeds"] = {"color": "0.3", "marker": "o"} | _SEED_MARK
    if with_paper:
        entries["paper"] = PAPER_MARK
    return entries
