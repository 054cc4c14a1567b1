"""Scores as matrices over categories and seeds, and what counts of them."""

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]
"""Shape (categories, seeds); NaN where a cell is missing or undefined."""


def complete_seeds(scores: Scores) -> Scores:
    """Return the columns of `scores` that have a value for every category."""
    return scores[:, ~np.isnan(scores).any(axis=0)]
