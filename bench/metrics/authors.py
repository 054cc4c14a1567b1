"""The IAP and PRO of the paper's published program, oddities included.

Only for telling how much of a difference is due to the metric; both can exceed 1. docs/method.md,
Metrics, describes what that program computes, and this module was written from such a description.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from bench.metrics.curves import UndefinedMetric, instance_levels
from bench.metrics.inputs import Array, Block
from bench.metrics.ranking import Ranking
from bench.metrics.regions import label_regions

Floats = NDArray[np.float64]

_EPSILON = float(np.finfo(np.float32).eps)


def authors_envelope(ranking: Ranking) -> NDArray[np.float32]:
    """Precision envelope of the published program.

    A pixel counts as a true positive if score times label reaches the threshold. At thresholds
    of 0 and below every normal pixel therefore does, and the precision is 1 or more. Where no
    pixel is normal, the first instance is taken for the background and lost. Divisions are in
    float32. It is undefined where the program stops with "gt_masks all zeros".
    """
    level = instance_levels(ranking)
    if ranking.normal == 0:
        level = level[1:]
    if level.size == 0:
        raise UndefinedMetric("the authors' IAP is undefined without an instance")
    level = np.sort(level)
    tp, fp = ranking.tp[level], ranking.fp[level]
    counted = np.where(ranking.thresholds[level] <= 0, tp + ranking.normal, tp)
    precision = counted.astype(np.float32) / (tp + fp).astype(np.float32)
    envelope: NDArray[np.float32] = np.maximum.accumulate(precision)
    return envelope


def authors_pro(blocks: Iterable[Block], connectivity: int, fpr_limit: float) -> float:
    """PRO of the published program: curves averaged by index, not by false-positive rate.

    It holds all scores in memory and walks through all normal pixels once per region. It is NaN
    where the program's is, for instance on constant maps.
    """
    normal, regions = _split(blocks, connectivity)
    if not regions or normal.size == 0:
        return float("nan")
    fpr, _ = _roc(normal, np.sort(np.concatenate(regions)))
    samples = int(np.count_nonzero(fpr <= fpr_limit))
    if samples < 2:
        return float("nan")  # one sample spans no area; the program divides zero by zero

    mean_fpr, mean_tpr = np.zeros(samples), np.zeros(samples)
    for region in regions:
        sampled_fpr, sampled_tpr = _resampled(*_roc(normal, region), fpr_limit, samples)
        mean_fpr += sampled_fpr / len(regions)
        mean_tpr += sampled_tpr / len(regions)
    order = np.argsort(mean_fpr, kind="stable")
    mean_fpr, mean_tpr = mean_fpr[order], mean_tpr[order]
    area = np.diff(mean_fpr) @ (mean_tpr[1:] + mean_tpr[:-1]) / 2
    return float(area / mean_fpr[-1])


def _split(blocks: Iterable[Block], connectivity: int) -> tuple[Array, list[Array]]:
    """Sorted scores of the normal pixels, and of each region."""
    normal: list[Array] = []
    regions: list[Array] = []
    for block in blocks:
        pixels, region = label_regions(block.masks, connectivity)
        scores = block.maps.reshape(-1)[pixels]
        regions += [np.sort(scores[region == number]) for number in np.unique(region)]
        normal.append(block.maps[~block.masks])
    return np.sort(np.concatenate(normal)), regions


def _roc(normal: Array, anomalous: Array) -> tuple[Floats, Floats]:
    """ROC of two sorted sets of scores: the origin, then all distinct scores descending."""
    thresholds = np.union1d(normal, anomalous)

    def rate(scores: Array) -> Floats:
        reached = scores.size - np.searchsorted(scores, thresholds, "left")
        return np.concatenate(([0.0], reached[::-1] / scores.size))

    return rate(normal), rate(anomalous)


def _resampled(fpr: Floats, tpr: Floats, limit: float, samples: int) -> tuple[Floats, Floats]:
    """Cut a curve at the limit and sample it at `samples` points, evenly by index."""
    kept = int(np.searchsorted(fpr, limit, "right"))
    if fpr[kept - 1] == 0:
        kept = int(np.searchsorted(fpr, fpr[kept], "right"))
    points = np.arange(kept)
    stretch = None
    if not np.isclose(fpr[kept - 1], limit, rtol=1e-5, atol=1e-8):
        following = int(np.searchsorted(fpr, limit, "left"))
        points = np.append(points, following)
        rise = fpr[following] - fpr[following - 1]
        stretch = 1 - (fpr[following] - limit) / rise
    at = np.linspace(0, samples - 1, points.size)
    wanted = np.arange(samples, dtype=np.float64)
    if stretch is not None:
        wanted[-1] = at[-2] + (at[-1] - at[-2]) * stretch
    left = np.clip(np.searchsorted(at, wanted) - 1, 0, points.size - 2)
    width = at[left + 1] - at[left] + _EPSILON

    def sample(curve: Floats) -> Floats:
        known = curve[points]
        slope = (known[left + 1] - known[left]) / width
        sampled: Floats = known[left] + slope * (wanted - at[left])
        return sampled

    return sample(fpr), sample(tpr)
