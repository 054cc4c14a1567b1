"""Scores made by hand on which formulas of a metric part: few levels, many ties, few instances.

Trained networks hardly ever tie, and have so many levels that a sum over steps is an integral to
any tolerance of arithmetic. Everything here is whole numbers, the same on every machine.
"""

import dataclasses

import numpy as np

from bench.experiment.grid import Cell
from bench.metrics import Protocol, evaluate
from bench.regress.measured import Measured

COARSE = Cell("coarse scores", "", "made by hand", 0)
"""Under which they stand among the cells of a gate that compares record by record."""

_SIDE, _LEVELS = 12, 8
# Rows and columns of each image's instance; the last three images are normal.
_INSTANCES = ((0, 3, 2, 4), (2, 7, 1, 6), (5, 6, 3, 10), (8, 12, 8, 12), (4, 8, 0, 2), (1, 3, 7, 9))
_NORMAL = 3


def with_coarse(run: Measured) -> Measured:
    """Add the metrics of the scores made by hand to a run's; nothing to one that has no cell."""
    if not run.cells:
        return run
    place, row, column = np.mgrid[0 : len(_INSTANCES) + _NORMAL, 0:_SIDE, 0:_SIDE]
    masks = np.zeros(place.shape, bool)
    for index, (top, bottom, left, right) in enumerate(_INSTANCES):
        masks[index, top:bottom, left:right] = True
    masks[0, 3:5, 4:6] = True  # touches the first at a corner: one instance by 8 neighbours
    # The instances are half a range above what surrounds them, and some are hardly seen; a corner
    # of the normal images is as high, so that images tie too.
    noise = (7 * row + 5 * column + 3 * place + row * column) % _LEVELS
    corner = (place >= len(_INSTANCES)) & (row < 2) & (column < place)
    maps = (noise + masks * (_LEVELS // 2 - place % 3) + 3 * corner).astype(np.float32)
    values = evaluate(maps, masks, Protocol(name="coarse", size=_SIDE, top_t=3))
    return dataclasses.replace(run, cells={**run.cells, COARSE: values})
