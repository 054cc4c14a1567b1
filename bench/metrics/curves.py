"""The metrics as formulas over the counts of a `Levels` or a `Ranking`.

In the notation below P samples are anomalous and N normal, R regions have sizes n_r, and for a
sample p with score v, TP(v) and FP(v) count the anomalous and normal samples at or above v, and
FP'(v) the normal samples above v. Samples are pixels; for the metrics of images, images. Values
are in [0, 1]; where there is none, `UndefinedMetric` is raised.
"""

import numpy as np
from numpy.typing import NDArray

from bench.metrics.ranking import Levels, Ranking


class UndefinedMetric(ValueError):
    """The metric has no value on this test set, for instance PRO without a defect."""


def auroc(levels: Levels) -> float:
    """Area under the ROC curve: the chance that an anomalous score exceeds a normal one.

    Ties count half, which is the trapezoid over all distinct thresholds. The sum is taken in
    integers and divided once. Both classes must be there.
    """
    anomalous, normal = levels.anomalous, levels.normal
    if anomalous == 0 or normal == 0:
        missing = "an anomalous" if anomalous == 0 else "a normal"
        raise UndefinedMetric(f"AUROC is undefined without {missing} sample")
    wins = int((levels.count * (2 * normal - levels.fp - levels.fp_above)).sum())
    return wins / (2 * anomalous * normal)


def average_precision(levels: Levels) -> float:
    """AP = (1/P) sum_p TP(v_p) / (TP(v_p) + FP(v_p)).

    The step integral of precision over recall at all distinct thresholds, as scikit-learn's
    ``average_precision_score``. It needs an anomalous sample.
    """
    if levels.anomalous == 0:
        raise UndefinedMetric("AP is undefined without an anomalous sample")
    precision = levels.tp / (levels.tp + levels.fp)
    return float((levels.count * precision).sum() / levels.anomalous)


def f1_max(levels: Levels) -> float:
    """F1-max = max_v 2 TP(v) / (TP(v) + FP(v) + P), the best F1 of any threshold.

    That is 2 precision recall / (precision + recall). A threshold takes all samples of equal
    score, and the best is the score of an anomalous sample: down to the next such score only
    normal samples are added. Like AP it is defined, and then 1, where all samples are anomalous.
    """
    if levels.anomalous == 0:
        raise UndefinedMetric("F1-max is undefined without an anomalous sample")
    return float((2 * levels.tp / (levels.tp + levels.fp + levels.anomalous)).max())


def region_overlap(ranking: Ranking, fpr_limit: float) -> float:
    """PRO: area under the mean region overlap over the false-positive rate, up to a limit.

    The curve has one point per distinct score, straight lines between them and at the limit,
    and its area is divided by the limit (Bergmann et al., The MVTec Anomaly Detection Dataset,
    IJCV 2021). A pixel of region r lifts it by 1/(R n_r) while the
    rate goes from a = FP'(v)/N to b = FP(v)/N, so that PRO is the mean over regions of the mean
    over their pixels of that lift's own area, with limit L:

    - 1 - (a + b)/(2L) if b <= L,
    - (L - a)^2 / (2L (b - a)) if a < L < b,
    - 0 otherwise.

    It needs a region and a normal pixel.
    """
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
    """Level of each instance's score, in the order of the regions, shape (R,).

    The score is the largest threshold that still covers more than half of the instance: of its
    n pixels sorted descending, the one at index floor(n/2) (docs/method.md, Metrics).
    """
    levels = ranking.thresholds.size
    keys = np.sort(ranking.region * levels + ranking.level)
    ends = np.cumsum(ranking.region_size)
    at = ends - 1 - ranking.region_size // 2
    found: NDArray[np.int64] = keys[at] - np.arange(ranking.region_size.size) * levels
    return found


def instance_envelope(ranking: Ranking) -> NDArray[np.float64]:
    """Precision envelope e_i of the instances by ascending score, shape (R,).

    Entry i belongs to the recall (R - i)/R (docs/method.md, Metrics). It needs an instance.
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
    # m/R is the double nearest to the fraction, as a decimal k is to its own, so that an
    # attainable recall compares equal to k; 1 - i/R is not, for example 1 - 4/5 < 0.2.
    attainable = np.arange(1, instances + 1) / instances
    return instances - 1 - int(np.searchsorted(attainable, k))
