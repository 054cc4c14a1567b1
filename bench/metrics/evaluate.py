"""The public functions: metrics of anomaly maps."""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Literal

from bench.metrics.counted import count
from bench.metrics.inputs import Batches, Images, Values
from bench.metrics.protocol import PAPER, Protocol
from bench.metrics.registry import ALL_METRICS, METRICS, Metric

Compat = Literal["authors"] | None


def evaluate(
    maps: Images | Batches,
    masks: Images | None = None,
    protocol: Protocol = PAPER,
    *,
    metrics: Iterable[Metric] = METRICS,
    image_scores: Values | Sequence[float] | None = None,
    compat: Compat = None,
) -> dict[str, float]:
    """Compute the metrics of a test set, exactly.

    Parameters
    ----------
    maps : array or tensor (N, H, W), sequence of (H, W), or iterable of batches
        Finite anomaly scores, higher is more anomalous, of any floating or integer type and
        range. Without `masks`: an iterable of ``(maps, masks)`` pairs, each (n, H, W), read
        once, so that a test set need not fit in memory.
    masks : array or tensor (N, H, W), or sequence of (H, W)
        bool, or 0 and 1, already resized (see `resize_mask`).
    protocol : Protocol
        Its crop, connectivity, image score, `fpr_limit` and `iap_k` are used.
    metrics : iterable of Metric
        What to compute, such as ``[*METRICS, ALL_METRICS["pixel_f1max"]]``. All share one reading
        and one sort, so that fewer metrics take hardly less time.
    image_scores : array or tensor (N,), or sequence of float, optional
        Where a method scores its images itself, what takes the place of the maps' scores in the
        metrics of images: finite, higher is more anomalous, in the order of the images, also
        where these come in batches.
    compat : {"authors"}, optional
        Replay PRO and IAP as the paper's published program computes them, whatever the protocol
        says. It keeps all scores in memory, and its PRO takes time in proportion to the number of
        regions.

    Returns
    -------
    dict of str to float
        By the keys of the metrics, in their order, each in [0, 1]. NaN where a metric is
        undefined on this test set: the value is missing, it is not 0. IAP at the protocol's
        `iap_k` is under ``iap90``.

    Raises
    ------
    ValueError
        If shapes differ, a score is NaN or infinite, or a mask holds another value than 0 and 1
        (with image, row and column); if there is no image; if `image_scores` are not one finite
        number for each image.

    See Also
    --------
    iap, iap_at, pro : one metric each; they raise `UndefinedMetric` instead.

    Notes
    -----
    Sources and definitions are in docs/method.md, Metrics. The metrics of pixels do not change
    under a strictly increasing transform of the scores, to the last bit, as long as it keeps
    distinct scores distinct.

    Memory above the input is bounded whatever the number of images, and results are exact: 16.8
    million scores in the maps' type (67 MB of float32), about 60 bytes for each anomalous pixel,
    and a few copies of one batch, or of 4.2 million pixels of an array. Batches that are read once
    take 128 MiB more, and what does not fit there waits in a temporary file, in the folder that
    `tempfile.gettempdir` names.

    Most of the time goes into `numpy.sort`. On AMD Zen 4, whose compress-store instruction is slow,
    NumPy's AVX-512 sort takes several times as long as its AVX2 one, which
    ``NPY_DISABLE_CPU_FEATURES="X86_V4 AVX512_ICL"`` in the environment selects.

    Examples
    --------
    >>> import numpy as np
    >>> maps = np.array([[[0.1, 0.2], [0.3, 0.9]], [[0.1, 0.3], [0.2, 0.1]]])
    >>> masks = np.array([[[0, 0], [0, 1]], [[0, 0], [0, 0]]])
    >>> evaluate(maps, masks)["pixel_ap"]
    1.0
    >>> evaluate(maps, masks, metrics=[ALL_METRICS["pixel_f1max"]])
    {'pixel_f1max': 1.0}
    """
    if compat is not None:
        protocol = dataclasses.replace(protocol, compat=compat)
    counted = count(maps, masks, protocol, image_scores)
    return {metric.key: metric(counted) for metric in metrics}


def iap(maps: Images | Batches, masks: Images | None = None, *, compat: Compat = None) -> float:
    """Instance average precision, the paper's own metric.

    An instance counts as found at a threshold if more than half of its pixels reach it.
    IAP = (1/R) sum_i e_i, where e_i is the best pixel precision at an instance recall of at
    least (R - i)/R, R the number of instances (Zhang et al., CVPR 2023; docs/method.md, Metrics).

    Parameters
    ----------
    maps, masks, compat
        See `evaluate`.

    Returns
    -------
    float
        In (0, 1].

    Raises
    ------
    UndefinedMetric, ValueError
        If there is no anomalous instance; see `evaluate`.

    Examples
    --------
    Two instances; finding both costs five pixels for three anomalous ones.

    >>> import numpy as np
    >>> maps = np.array([[[9, 0, 3, 4], [8, 0, 0, 5]]])
    >>> masks = np.array([[[1, 0, 1, 0], [1, 0, 0, 0]]])
    >>> iap(maps, masks), iap_at(maps, masks)
    (0.8, 0.6)
    """
    return ALL_METRICS["iap"].compute(count(maps, masks, Protocol(compat=compat)))


def iap_at(
    maps: Images | Batches, masks: Images | None = None, k: float = 0.9, *, compat: Compat = None
) -> float:
    """IAP@k: the best pixel precision at an instance recall of at least `k`.

    Read from the envelope at the smallest recall of at least `k` that the instances attain
    (Zhang et al., CVPR 2023; docs/method.md, Metrics).

    Parameters
    ----------
    maps, masks, compat
        See `evaluate`.
    k : float
        In (0, 1].

    Returns
    -------
    float
        In (0, 1].

    Raises
    ------
    UndefinedMetric, ValueError
        If there is no anomalous instance; if `k` is out of range; see `evaluate`.
    """
    return ALL_METRICS["iap90"].compute(count(maps, masks, Protocol(iap_k=k, compat=compat)))


def pro(
    maps: Images | Batches,
    masks: Images | None = None,
    fpr_limit: float = 0.3,
    *,
    compat: Compat = None,
) -> float:
    """Per-region overlap, integrated over the false-positive rate up to a limit.

    MVTec's definition: at each threshold the mean over regions of the share of the region that
    reaches it, against the share of normal pixels that do; the area up to `fpr_limit`, divided
    by `fpr_limit`. See `region_overlap` for the formula and its source.

    Parameters
    ----------
    maps, masks, compat
        See `evaluate`.
    fpr_limit : float
        In (0, 1].

    Returns
    -------
    float
        In [0, 1].

    Raises
    ------
    UndefinedMetric, ValueError
        If there is no region or no normal pixel; if `fpr_limit` is out of range; see `evaluate`.
    """
    protocol = Protocol(fpr_limit=fpr_limit, compat=compat)
    return ALL_METRICS["pro"].compute(count(maps, masks, protocol))
