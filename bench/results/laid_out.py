"""Cells laid out by the grid that was asked for: an array of each metric."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from bench.results.rows import Row
    from bench.stats import Scores


class LaidOut:
    """Cells in their places; those outside the grid have none.

    Parameters
    ----------
    cells : pandas.DataFrame
        As in `bench.results.results.Results`.
    rows, categories, seeds
        The grid.
    """

    def __init__(
        self,
        cells: pd.DataFrame,
        rows: Sequence[Row],
        categories: Sequence[str],
        seeds: Sequence[int],
    ) -> None:
        self.cells, self.categories, self.seeds = cells, tuple(categories), tuple(seeds)
        self._rows: Mapping[Row, int] = {row: index for index, row in enumerate(rows)}
        self._pivots: dict[str, NDArray[np.float64]] = {}

    def scores(self, metric: str, row: Row, categories: Sequence[str]) -> Scores:
        """Return a metric of a row, shape (categories, seeds); NaN where there is no cell."""
        chosen = [self.categories.index(name) for name in categories]
        index = self._rows.get(row)
        if index is None:
            return np.full((len(chosen), len(self.seeds)), np.nan)
        if metric not in self._pivots:
            self._pivots[metric] = self._pivot(metric)
        return self._pivots[metric][index, chosen]

    def repeated(self) -> tuple[Row, str, int, int] | None:
        """Return row, category and seed of a cell that is there several times, and how often."""
        inside = self._places[:, (self._places >= 0).all(axis=0)]
        places, counts = np.unique(inside, axis=1, return_counts=True)
        if counts.max(initial=0) <= 1:
            return None
        row, category, seed = places[:, np.argmax(counts)]
        return (
            list(self._rows)[row],
            self.categories[category],
            self.seeds[seed],
            int(counts.max()),
        )

    @property
    def count(self) -> int:
        """How many cells lie inside the grid."""
        return int((self._places >= 0).all(axis=0).sum())

    @cached_property
    def _places(self) -> NDArray[np.intp]:
        """Shape (3, cells): row, category and seed of each cell; one is -1 outside the grid."""
        pairs = zip(self.cells["method"], self.cells["variant"], strict=True)
        return np.stack(
            [
                np.array([self._rows.get(pair, -1) for pair in pairs], dtype=np.intp),
                pd.Index(self.categories).get_indexer(pd.Index(self.cells["category"])),
                pd.Index(self.seeds).get_indexer(pd.Index(self.cells["seed"])),
            ]
        )

    def _pivot(self, metric: str) -> NDArray[np.float64]:
        """Lay a metric out: shape (rows, categories, seeds)."""
        laid = np.full((len(self._rows), len(self.categories), len(self.seeds)), np.nan)
        if metric in self.cells:
            inside = (self._places >= 0).all(axis=0)
            values = self.cells[metric].to_numpy(dtype=np.float64)[inside]
            laid[tuple(self._places[:, inside])] = values
        return laid
