"""The kernel: where every anomalous pixel stands among all pixels of the test set.

All pixel metrics depend on the scores through two counts alone: for each distinct score of an
*anomalous* pixel, how many anomalous and how many normal pixels reach it. Thresholds between
two such scores only move along a metric's curve, never bend it. Anomalous pixels are few, so
one sort of the bare scores and a binary search per distinct anomalous score give every count
exactly; nothing is binned, and ties are counted as ties.
"""

import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from bench.metrics.inputs import Array, ArraySource, BatchSource, Block
from bench.metrics.regions import label_regions

Counts = NDArray[np.int64]

# Scores sorted together. One run holds any MVTec AD category at 256x256, so that the usual test
# set takes a single sort; larger ones are counted run by run in the same memory.
_RUN_PIXELS = 1 << 24
# Bytes of a batched test set kept in memory; beyond it, runs wait in an unnamed temporary file.
_SPOOL_BYTES = 1 << 27


@dataclass(frozen=True, slots=True)
class Levels:
    """Exact counts of scored samples, be they pixels or images.

    Levels are the K distinct scores of anomalous samples, ascending.

    Attributes
    ----------
    thresholds : ndarray, shape (K,)
        Score of each level, in the type of the scores.
    count : ndarray of int64, shape (K,)
        Anomalous samples exactly at the level.
    tp, fp : ndarray of int64, shape (K,)
        Anomalous and normal samples at or above the level.
    fp_above : ndarray of int64, shape (K,)
        Normal samples above the level.
    normal : int
        Normal samples in all.
    """

    thresholds: Array
    count: Counts
    tp: Counts
    fp: Counts
    fp_above: Counts
    normal: int

    @property
    def anomalous(self) -> int:
        """Anomalous samples in all."""
        return int(self.count.sum())


@dataclass(frozen=True, slots=True)
class Ranking(Levels):
    """Exact counts of the pixels of a test set, whose P anomalous pixels lie in R regions.

    Attributes
    ----------
    level : ndarray of int64, shape (P,)
        Level of each anomalous pixel, in reading order.
    region : ndarray of int64, shape (P,)
        Region of each anomalous pixel, from 0.
    region_size : ndarray of int64, shape (R,)
        Pixels of each region.
    """

    level: Counts
    region: Counts
    region_size: Counts


def rank(
    source: ArraySource | BatchSource,
    connectivity: int = 8,
    observe: Callable[[Block], None] | None = None,
) -> Ranking:
    """Count a test set, whose batches are read once; `observe` is given each block, in order.

    Memory above the input: the anomalous pixels (about 60 bytes each while they are ranked), one
    run of 16.8 million scores and one block; for batches also up to 128 MiB of scores, and the
    remaining scores on disk.
    """
    anomalous = _AnomalousPixels(connectivity)

    def scores() -> Iterator[Array]:
        for block in source.blocks():
            if observe is not None:
                observe(block)
            anomalous.add(block)
            yield block.maps

    if isinstance(source, ArraySource):
        total = sum(values.size for values in scores())
        return anomalous.ranked(total, sorted_runs(source.values()))
    with _Spool() as spool:
        total = sum(spool.keep(run) for run in sorted_runs(scores()))
        return anomalous.ranked(total, spool.runs())


class _AnomalousPixels:
    """Score and region of the anomalous pixels seen so far."""

    def __init__(self, connectivity: int) -> None:
        self._connectivity = connectivity
        self._scores: list[Array] = []
        self._regions: list[Counts] = []
        self._found = 0

    def add(self, block: Block) -> None:
        pixels, region = label_regions(block.masks, self._connectivity)
        if pixels.size:
            self._scores.append(block.maps.reshape(-1)[pixels])
            self._regions.append(region + self._found)
            self._found = int(self._regions[-1].max()) + 1

    def ranked(self, total: int, runs: Iterable[Array]) -> Ranking:
        if total == 0:
            raise ValueError("the test set holds no pixel")
        scores = np.concatenate(self._scores or [np.empty(0, np.float32)])
        region = np.concatenate(self._regions or [np.empty(0, np.int64)])
        thresholds, level, count = np.unique(scores, return_inverse=True, return_counts=True)
        reach, above = count_reaching(runs, thresholds)
        tp = np.cumsum(count[::-1])[::-1]
        return Ranking(
            thresholds=thresholds,
            count=count,
            tp=tp,
            fp=reach - tp,
            fp_above=above - (tp - count),
            normal=total - scores.size,
            level=level,
            region=region,
            region_size=np.bincount(region, minlength=self._found),
        )


class _Spool:
    """Sorted runs on their way from the first reading to the count."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=_SPOOL_BYTES)  # noqa: SIM115
        self._runs: list[tuple[np.dtype[np.generic], int]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def keep(self, run: Array) -> int:
        self._file.write(run.data)
        self._runs.append((run.dtype, run.nbytes))
        return run.size

    def runs(self) -> Iterator[Array]:
        self._file.seek(0)
        for dtype, size in self._runs:
            yield np.frombuffer(self._file.read(size), dtype)


def sorted_runs(parts: Iterable[Array]) -> Iterator[Array]:
    """Gather scores of any shape in runs, sorted ascending; a change of type starts a new run.

    A run is to be used before the next one is asked for, which may overwrite it.
    """
    run = np.empty(0, np.float32)
    filled = 0
    for part in parts:
        rest = part.reshape(-1)
        if rest.dtype != run.dtype or run.size == 0:
            if filled:
                yield _sorted(run[:filled])
            run, filled = np.empty(_RUN_PIXELS, rest.dtype), 0
        while rest.size:
            taken = min(rest.size, run.size - filled)
            run[filled : filled + taken] = rest[:taken]
            filled, rest = filled + taken, rest[taken:]
            if filled == run.size:
                yield _sorted(run)
                filled = 0
    if filled:
        yield _sorted(run[:filled])


def _sorted(run: Array) -> Array:
    run.sort()
    return run


def count_reaching(runs: Iterable[Array], thresholds: Array) -> tuple[Counts, Counts]:
    """Count the scores of ascending runs that are at or above, and above, each threshold.

    Examples
    --------
    >>> [counts.tolist() for counts in count_reaching([np.array([1, 2, 2, 3])], np.array([2]))]
    [[3], [1]]
    """
    reach = np.zeros(thresholds.size, np.int64)
    above = np.zeros(thresholds.size, np.int64)
    for run in runs:
        reach += run.size - np.searchsorted(run, thresholds, "left")
        above += run.size - np.searchsorted(run, thresholds, "right")
    return reach, above
