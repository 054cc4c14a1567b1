"""The metrics as formulas over a `Ranking`.

In the notation below P pixels are anomalous and N normal, R regions have sizes n_r, and for a
pixel p with score v, TP(v) and FP(v) count the anomalous and normal pixels at or above v, and
FP'(v) the normal pixels above v.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench.metrics.protocol import UndefinedMetric, require_fraction

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bench.metrics.ranking import Ranking


def auroc(
    count: NDArray[np.int64], fp: NDArray[np.int64], fp_above: NDArray[np.int64], normal: int
) -> float:
    """Area under the ROC curve: the chance that an anomalous score exceeds a normal one.

    Ties count half, which is the trapezoid over all distinct thresholds. The sum is taken in
    integers and divided once. Specification, section 4.

    Parameters
    ----------
    count, fp, fp_above : ndarray of int64, shape (K,)
        Per distinct anomalous score, see `Ranking`.
    normal : int
        Normal samples.

    Returns
    -------
    float
        In [0, 1].

    Raises
    ------
    UndefinedMetric
        If either class is empty.
    """
    anomalous = int(count.sum())
    if anomalous == 0 or normal == 0:
        missing = "an anomalous" if anomalous == 0 else "a normal"
        raise UndefinedMetric(f"AUROC is undefined without {missing} sample")
    wins = int((count * (2 * normal - fp - fp_above)).sum())
    return wins / (2 * anomalous * normal)


def average_precision(ranking: Ranking) -> float:
    """Pixel AP = (1/P) sum_p TP(v_p) / (TP(v_p) + FP(v_p)).

    The step integral of precision over recall at all distinct thresholds, as scikit-learn's
    ``average_precision_score``. Specification, section 4.

    Returns
    -------
    float
        In (0, 1].

    Raises
    ------
    UndefinedMetric
        If no pixel is anomalous.
    """
    if ranking.anomalous == 0:
        raise UndefinedMetric("pixel AP is undefined without an anomalous pixel")
    precision = ranking.tp / (ranking.tp + ranking.fp)
    return float((ranking.count * precision).sum() / ranking.anomalous)


def region_overlap(ranking: Ranking, fpr_limit: float) -> float:
    """PRO: area under the mean region overlap over the false-positive rate, up to a limit.

    The curve has one point per distinct score, straight lines between them and at the limit,
    and its area is divided by the limit (Bergmann et al., The MVTec Anomaly Detection Dataset,
    IJCV 2021; specification, section 4.2). A pixel of region r lifts it by 1/(R n_r) while the
    rate goes from a = FP'(v)/N to b = FP(v)/N, so that PRO is the mean over regions of the mean
    over their pixels of that lift's own area, with limit L:

    - 1 - (a + b)/(2L) if b <= L,
    - (L - a)^2 / (2L (b - a)) if a < L < b,
    - 0 otherwise.

    Returns
    -------
    float
        In [0, 1].

    Raises
    ------
    UndefinedMetric
        If there is no region or no normal pixel.
    """
    require_fraction("fpr_limit", fpr_limit)
    if ranking.region_size.size == 0 or ranking.normal == 0:
        missing = "a region" if ranking.region_size.size == 0 else "a normal pixel"
        raise UndefinedMetric(f"PRO is undefined without {missing}")
    limit = fpr_limit * ranking.normal
    start, end = ranking.fp_above, ranking.fp
    area = np.where(end <= limit, 1 - (start + end) / (2 * limit), 0.0)
    cut = (start < limit) & (end > limit)
    area[cut] = (limit - start[cut]) ** 2 / (2 * limit * (end - start)[cut])
    per_region = np.bincount(ranking.region, weights=area[ranking.level])
    return float((per_region / ranking.region_size).mean())


def instance_levels(ranking: Ranking) -> NDArray[np.int64]:
    """Level of each instance's score, in the order of the regions.

    The score is the largest threshold that still covers more than half of the instance: of its
    n pixels sorted descending, the one at index floor(n/2). Specification, section 4.1, item 2.

    Returns
    -------
    ndarray of int64, shape (R,)
    """
    levels = ranking.thresholds.size
    keys = np.sort(ranking.region * levels + ranking.level)
    ends = np.cumsum(ranking.region_size)
    at = ends - 1 - ranking.region_size // 2
    found: NDArray[np.int64] = keys[at] - np.arange(ranking.region_size.size) * levels
    return found


def instance_envelope(ranking: Ranking) -> NDArray[np.float64]:
    """Precision envelope e_i of the instances by ascending score.

    Entry i belongs to the recall (R - i)/R. Specification, section 4.1, items 3 and 4.

    Returns
    -------
    ndarray of float64, shape (R,)

    Raises
    ------
    UndefinedMetric
        If there is no instance.
    """
    if ranking.region_size.size == 0:
        raise UndefinedMetric("IAP is undefined without an anomalous instance")
    level = np.sort(instance_levels(ranking))
    tp, fp = ranking.tp[level], ranking.fp[level]
    envelope: NDArray[np.float64] = np.maximum.accumulate(tp / (tp + fp))
    return envelope


def instance_recall_index(instances: int, k: float) -> int:
    """Index into the envelope of the smallest attainable recall of at least `k`.

    Examples
    --------
    >>> instance_recall_index(10, 0.9), instance_recall_index(9, 0.9)
    (1, 0)
    """
    require_fraction("k", k)
    # m/R is the double nearest to the fraction, as a decimal k is to its own, so that an
    # attainable recall compares equal to k; 1 - i/R is not, for example 1 - 4/5 < 0.2.
    attainable = np.arange(1, instances + 1) / instances
    return instances - 1 - int(np.searchsorted(attainable, k))
