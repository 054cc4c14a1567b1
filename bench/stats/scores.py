"""Scores laid out as matrices over categories and seeds, and what counts of them."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.experiment.grid import METHOD

Scores = NDArray[np.float64]
"""Shape (categories, seeds); NaN where a cell is missing or undefined."""


def score_matrix(
    cells: pd.DataFrame,
    metric: str,
    *,
    categories: Sequence[str],
    seeds: Sequence[int],
    variant: str | None,
    method: str = METHOD,
) -> Scores:
    """Lay out one metric of one variant as a matrix over the expected grid.

    Parameters
    ----------
    cells
        One row per (method, category, variant, seed), metrics as fractions.
    metric
        Column of `cells`.
    categories, seeds
        The expected grid; rows of `cells` outside it are ignored.
    variant
        The variant, or None for a method that has only one.
    method
        The method.

    Returns
    -------
    Scores
        Shape (categories, seeds), in the order asked for; NaN where there is no cell.

    Raises
    ------
    ValueError
        If a cell occurs twice.
    """
    # Tables ask for hundreds of matrices, and rows are picked far faster without pandas.
    chosen = cells["method"].to_numpy() == method
    if variant is not None:
        chosen &= cells["variant"].to_numpy() == variant
    rows = pd.Index(categories).get_indexer(pd.Index(cells["category"].to_numpy()[chosen]))
    columns = pd.Index(seeds).get_indexer(pd.Index(cells["seed"].to_numpy()[chosen]))
    expected = (rows >= 0) & (columns >= 0)
    places = rows[expected], columns[expected]
    counts = np.zeros((len(categories), len(seeds)), dtype=int)
    np.add.at(counts, places, 1)
    if counts.max(initial=0) > 1:
        row, column = np.argwhere(counts > 1)[0]
        raise ValueError(
            f"the cell of {method}, {variant}, {categories[row]}, seed {seeds[column]} "
            f"occurs {counts[row, column]} times: keep one"
        )
    scores = np.full(counts.shape, np.nan)
    scores[places] = cells[metric].to_numpy(dtype=np.float64)[chosen][expected]
    return scores


def complete_seeds(scores: Scores) -> Scores:
    """Return the columns of `scores` that have a value for every category."""
    return scores[:, ~np.isnan(scores).any(axis=0)]
