"""Mean and spread of each variant, its parts below."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bench.experiment.grid import FACTORS, VARIANTS, Variant
from bench.paper.published import published_variant
from bench.presentation.figure_style import FAINT, MUTED, PAPER_MARK, add_title, style, variant_mark
from bench.presentation.heading import METRIC_NAMES, Heading
from bench.stats import Scores, complete_seeds, estimate

# The single seeds stand left of the mean and the paper's value right of it, so none hides another.
_ASIDE = 0.24
_SEED_MARK: dict[str, Any] = {"linestyle": "", "markersize": 3.2, "alpha": 0.5, "mew": 0}


def variants_figure(cells: pd.DataFrame, heading: Heading, metric: str) -> Figure:
    """Draw mean ± sample std over seeds of each variant, its seeds, and its parts below.

    The paper's value stands beside ours on MVTec AD only, and only over the same categories.

    Parameters
    ----------
    cells
        One row per (method, category, variant, seed), metrics as fractions.
    heading
        What the numbers are of.
    metric
        Column of `cells`.
    """
    variants = heading.ordered_variants
    parts = _parts(variants)
    paper = [_published(heading, metric, variant) for variant in variants]
    left = 0.02 + 0.013 * max(7, *map(len, parts))  # room for the parts' names
    with style():
        figure = Figure(figsize=(5.6, 4.0))
        grid = figure.add_gridspec(
            2, 1, height_ratios=(4.2, 1), hspace=0.05, left=left, right=0.985, top=0.77, bottom=0.02
        )
        scores = figure.add_subplot(grid[0])
        switches = figure.add_subplot(grid[1], sharex=scores)
        incomplete = False
        for x, (variant, printed) in enumerate(zip(variants, paper, strict=True)):
            if printed is not None:
                scores.plot(x + _ASIDE, printed, **PAPER_MARK)
            matrix = heading.scores(cells, metric, variant=variant)
            incomplete |= not _draw_variant(scores, x, matrix, variant_mark(variant))
        _draw_switches(switches, variants, parts)
        scores.set_xlim(-0.6, len(variants) - 0.4)
        if not scores.lines:
            scores.set_ylim(0, 100)
        scores.margins(y=0.12)
        scores.locator_params(axis="y", steps=[1, 2, 5, 10])
        if incomplete:  # room for the notes of what is missing, below every mark
            low, high = scores.get_ylim()
            scores.set_ylim(low - 0.1 * (high - low), high)
        scores.set_ylabel(f"{METRIC_NAMES[metric]} (%)")
        scores.tick_params(bottom=False, labelbottom=False)
        scores.grid(visible=False, axis="x")
        seeds = len(heading.seeds)
        spread = f"mean ± sample std over {seeds} seeds" if seeds > 1 else "one seed, no spread"
        *others, last = parts
        named = f"{', '.join(others)} and {last}" if others else last
        title = f"{METRIC_NAMES[metric]} with and without {named}"
        add_title(figure, title, heading, spread)
        _legend(figure, variants, with_seeds=seeds > 1, with_paper=any(paper))
    return figure


def _published(heading: Heading, metric: str, variant: str) -> float | None:
    """Return the paper's value in percent where it may stand beside ours."""
    if not heading.comparable:
        return None
    figure = published_variant(heading.categories, variant=variant, metric=metric)
    return None if figure is None else figure.mean


def _draw_variant(axes: Axes, x: int, scores: Scores, mark: dict[str, Any]) -> bool:
    """Draw the single seeds, their mean ± std and what is missing; False if something is."""
    ours = estimate(scores)
    if not ours.complete:
        axes.annotate(
            f"{ours.n} of {ours.expected}\nseeds",
            (x, 0.01),
            xycoords=axes.get_xaxis_transform(),
            ha="center",
            va="bottom",
            fontsize=6.5,
            color=MUTED,
        )
    if ours.n == 0:
        return False
    per_seed = 100 * complete_seeds(scores).mean(axis=0)
    if ours.n > 1:
        axes.plot(np.full(ours.n, x - _ASIDE), per_seed, **mark | _SEED_MARK)
    axes.errorbar(
        x,
        100 * ours.mean,
        yerr=100 * ours.std if ours.n > 1 else None,
        **mark,
        markersize=6,
        ecolor="0.15",
        elinewidth=1.2,
        capsize=3.5,
        capthick=1.2,
        # Over the marker, or a small std would hide behind it.
        barsabove=True,
    )
    return ours.complete


_PARTS: Mapping[str, Callable[[Variant], bool]] = MappingProxyType(
    {
        "den": lambda variant: variant.den,
        "ed": lambda variant: variant.ed,
        "decoder": lambda variant: variant.student == "decoder",
        "seg": lambda variant: variant.seg,
        "L1": lambda variant: variant.l1,
        "features": lambda variant: variant.fusion_input == "features",
        "distances": lambda variant: variant.fusion_input == "distances",
    }
)
"""What a variant may have or not, in print."""


def _parts(variants: Sequence[str]) -> tuple[str, ...]:
    """Parts that some of the variants have and some have not; else those of the ablation."""
    chosen = [VARIANTS[variant] for variant in variants]
    return (
        tuple(name for name, has in _PARTS.items() if len({has(v) for v in chosen}) == 2) or FACTORS
    )


def _draw_switches(axes: Axes, variants: Sequence[str], parts: Sequence[str]) -> None:
    """Draw a row of dots for each part: filled where a variant has it."""
    for row, part in enumerate(parts):
        for x, variant in enumerate(variants):
            on = _PARTS[part](VARIANTS[variant])
            axes.plot(x, row, marker="o", markersize=7, color="0.2" if on else FAINT)
        axes.axhline(row, color=FAINT, linewidth=0.6, zorder=0)
    axes.set_yticks(range(len(parts)), parts)
    axes.set_ylim(len(parts) - 0.4, -0.6)
    axes.tick_params(bottom=False, labelbottom=False, left=False)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)


def _legend(figure: Figure, variants: Sequence[str], *, with_seeds: bool, with_paper: bool) -> None:
    entries = {variant_mark(variant)["marker"]: variant_mark(variant) for variant in variants}
    names = {"s": "without seg", "o": "with seg"}
    handles = [
        Line2D([], [], linestyle="", markersize=6.5, label=names[marker], **mark)
        for marker, mark in entries.items()
    ]
    if with_seeds:
        seed_mark = {"color": "0.3", "marker": "o"} | _SEED_MARK
        handles.append(Line2D([], [], label="single seeds", **seed_mark))
    if with_paper:
        handles.append(Line2D([], [], label="paper", **PAPER_MARK))
    figure.legend(
        handles=handles,
        loc="upper right",
        bbox_to_anchor=(0.985, 0.835),
        ncols=len(handles),
        fontsize=7.5,
        handletextpad=0.1,
        columnspacing=1.2,
        borderaxespad=0,
        frameon=False,
    )
