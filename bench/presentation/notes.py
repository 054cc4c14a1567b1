"""Sentences that say what numbers are: of which data, with what spread, and what is missing."""

from collections.abc import Collection

import numpy as np
import pandas as pd

from bench.paper.published import is_whole
from bench.presentation.heading import Heading
from bench.stats.significance import MOST_EXACT
from destseg.errors import InputError


def score_notes(
    cells: pd.DataFrame,
    heading: Heading,
    metrics: Collection[str],
    variants: Collection[str | None],
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
    variants: Collection[str | None],
) -> tuple[str, ...]:
    """Say which dataset, categories, seeds and protocol the numbers are of, and what is missing.

    Parameters
    ----------
    cells
        One row per (method, category, variant, seed).
    heading
        The expected grid.
    metrics, variants
        What the table shows; None for a method that has no variants.

    Raises
    ------
    InputError
        If a cell was measured under another protocol than the heading's.
    """
    require_one_protocol(cells, heading)
    notes = [
        f"Dataset: {heading.dataset}; {heading.categories_text}, {heading.seeds_text}.",
        f"Protocol: {heading.protocol.label}.",
    ]
    if heading.not_comparable is not None:
        notes.insert(0, heading.not_comparable)
    wanted = [variant for variant in variants if variant is None or variant in heading.variants]
    absent = [variant for variant in variants if variant is not None and variant not in wanted]
    if absent:
        notes.append(f"Not part of this run: {', '.join(absent)}.")
    missing = sum(_missing(cells, heading, metrics, variant) for variant in wanted)
    if missing:
        total = len(wanted) * len(heading.categories) * len(heading.seeds)
        notes.append(
            f"INCOMPLETE: {missing} of {total} cells are missing or undefined; "
            "a seed counts only where every category has a value."
        )
    return tuple(notes)


def require_one_protocol(cells: pd.DataFrame, heading: Heading) -> None:
    """Refuse to put numbers of different protocols side by side.

    One and the same set of maps scores differently under another mask rule, size or crop, by more
    than most methods differ.

    Raises
    ------
    InputError
        If a cell was measured under another protocol than the heading's.
    """
    other = cells[cells["protocol"] != heading.protocol.label]
    if len(other):
        first = other.iloc[0]
        raise InputError(
            f"{len(other)} of {len(cells)} cells, such as {first['method']} on "
            f"{first['category']}, were measured under the protocol {first['protocol']!r}, not "
            f"under {heading.protocol.label!r}: measure them again under one, or tabulate them "
            "apart."
        )


def _missing(
    cells: pd.DataFrame, heading: Heading, metrics: Collection[str], variant: str | None
) -> int:
    """Cells of a variant that lack one of the metrics at least."""
    lacking = np.zeros((len(heading.categories), len(heading.seeds)), dtype=bool)
    for metric in metrics:
        lacking |= np.isnan(heading.scores(cells, metric, variant=variant))
    return int(lacking.sum())


def paper_notes(heading: Heading, source: str) -> tuple[str, ...]:
    """Name the source of the published numbers; nothing where none are shown."""
    if not heading.comparable:
        return ()
    if is_whole(heading.categories):
        return (f"Paper: Zhang et al., CVPR 2023, {source}.",)
    same = (
        "Paper: Zhang et al., CVPR 2023, Tables 2 and 3, averaged over the same categories; "
        "blank where it prints an average over all 15 only."
    )
    return (same,)


def difference_notes(heading: Heading) -> tuple[str, ...]:
    """Say what a difference from the paper is; nothing where none is shown."""
    if not heading.comparable:
        return ()
    difference = (
        "Ours minus the paper's mean, in points and, in brackets, in half widths of our 95 % "
        "interval for these categories and new seeds: beyond ±1 it lies outside. The paper's own "
        "spread is not counted."
    )
    return (difference, *setting_notes(heading))


def setting_notes(heading: Heading) -> tuple[str, ...]:
    """Say where training was not the paper's though the images and the protocol are."""
    if heading.comparable and not heading.paper_setting:
        return ("NOT the paper's training: a difference from it is no failure to reproduce.",)
    return ()


def interval_notes(heading: Heading) -> tuple[str, ...]:
    """Say what the two intervals are, or that there is none."""
    if len(heading.seeds) < 2:
        return ("One seed carries no spread, so no interval exists, and no p is given.",)
    return (
        (
            "95 % interval: for these categories under new seeds (t, within-category variance, "
            "Satterthwaite)."
        ),
        (
            "95 % like these: for categories like these, trained anew (BCa bootstrap over "
            "categories, expanded for their number)."
        ),
    )


def effect_notes(heading: Heading, contrast: str, family: int) -> tuple[str, ...]:
    """Say what an effect is, its intervals, its p and the improved categories.

    Parameters
    ----------
    heading
        What the numbers are of.
    contrast
        The sentence that says what is subtracted from what.
    family
        Number of tests that the correction is over.
    """
    notes = [contrast, *interval_notes(heading)]
    if family:
        notes += (
            "Intervals are each for itself, not corrected for their number.",
            (
                "p: two-sided sign flips of the categories' own effects, all of them tried up to "
                f"{MOST_EXACT} categories; p (Holm): corrected over one family, the {family} tests "
                "of three main effects and three interactions on six metrics."
            ),
        )
    return (*notes, "Improved: categories whose own effect is above zero.")
