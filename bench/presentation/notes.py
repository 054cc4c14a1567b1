"""Sentences that say what numbers are: of which data, with what spread, and what is missing."""

from collections.abc import Collection

import numpy as np
import pandas as pd

from bench.presentation.heading import Heading
from bench.presentation.paper import is_whole
from bench.stats import score_matrix


def score_notes(
    cells: pd.DataFrame,
    heading: Heading,
    metrics: Collection[str],
    variants: Collection[str],
) -> tuple[str, ...]:
    """Say what a table of scores is of, and what its ± is; parameters as for `grid_notes`."""
    if len(heading.seeds) > 1:
        spread = (
            "In percent: mean ± sample standard deviation (ddof 1) over seeds "
            "of the mean over categories."
        )
    else:
        spread = "In percent, one seed: there is no standard deviation and no interval."
    return (*grid_notes(cells, heading, metrics, variants), spread)


def grid_notes(
    cells: pd.DataFrame,
    heading: Heading,
    metrics: Collection[str],
    variants: Collection[str],
) -> tuple[str, ...]:
    """Say which dataset, categories and seeds the numbers are of, and what is missing.

    Parameters
    ----------
    cells
        One row per (method, category, variant, seed).
    heading
        The expected grid.
    metrics, variants
        What the table shows.
    """
    notes = [f"Dataset: {heading.dataset}; {heading.categories_text}, {heading.seeds_text}."]
    if heading.not_comparable is not None:
        notes.insert(0, heading.not_comparable)
    absent = [variant for variant in variants if variant not in heading.variants]
    if absent:
        notes.append(f"Not part of this run: {', '.join(absent)}.")
    wanted = [variant for variant in variants if variant in heading.variants]
    missing = sum(_missing(cells, heading, metrics, variant) for variant in wanted)
    if missing:
        total = len(wanted) * len(heading.categories) * len(heading.seeds)
        notes.append(
            f"INCOMPLETE: {missing} of {total} cells are missing or undefined; "
            "a seed counts only where every category has a value."
        )
    return tuple(notes)


def _missing(cells: pd.DataFrame, heading: Heading, metrics: Collection[str], variant: str) -> int:
    """Cells of a variant that lack one of the metrics at least."""
    lacking = np.zeros((len(heading.categories), len(heading.seeds)), dtype=bool)
    for metric in metrics:
        lacking |= np.isnan(
            score_matrix(
                cells,
                metric,
                categories=heading.categories,
                seeds=heading.seeds,
                variant=variant,
            )
        )
    return int(lacking.sum())


def paper_notes(heading: Heading, source: str) -> tuple[str, ...]:
    """Name the source of the published numbers; nothing off MVTec AD, where none are shown."""
    if not heading.is_mvtec:
        return ()
    if is_whole(heading.categories):
        return (f"Paper: Zhang et al., CVPR 2023, {source}.",)
    same = (
        "Paper: Zhang et al., CVPR 2023, Tables 2 and 3, averaged over the same categories; "
        "blank where it prints an average over all 15 only."
    )
    return (same,)


def effect_notes(heading: Heading) -> tuple[str, ...]:
    """Say what an effect, its interval and the improved categories are."""
    contrast = (
        "In points: for each category and seed, the mean of the four variants with the factor "
        "minus the mean of the four without, averaged."
    )
    if len(heading.seeds) > 1:
        interval = (
            "The interval is for these categories under new seeds (t, within-category variance, "
            "Satterthwaite), one effect at a time, not corrected for their number."
        )
    else:
        interval = "One seed carries no spread, so no interval exists."
    return contrast, interval, "Improved: categories whose own effect is above zero."
