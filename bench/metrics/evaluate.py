"""The public functions: metrics of anomaly maps."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from bench.metrics.authors import authors_envelope, authors_pro
from bench.metrics.curves import (
    auroc,
    average_precision,
    instance_envelope,
    instance_recall_index,
    region_overlap,
)
from bench.metrics.images import ImageTally
from bench.metrics.inputs import Block, open_source
from bench.metrics.protocol import METRICS, PAPER, Protocol, UndefinedMetric, require_fraction
from bench.metrics.ranking import rank

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from bench.metrics.inputs import Batches, Images
    from bench.metrics.ranking import Ranking

    Compat = Literal["authors"] | None


def evaluate(
    maps: Images | Batches,
    masks: Images | None = None,
    protocol: Protocol = PAPER,
    *,
    compat: Compat = None,
) -> dict[str, float]:
    """Compute all six metrics of a test set, exactly.

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
    compat : {"authors"}, optional
        Replay PRO and IAP as the paper's published program computes them, whatever the protocol
        says. It keeps all scores in memory, and its PRO takes time in proportion to the number of
        regions.

    Returns
    -------
    dict of str to float
        By the keys of `METRICS`, in that order, each in [0, 1]. NaN where a metric is undefined
        on this test set: the value is missing, it is not 0. IAP at the protocol's `iap_k` is
        under ``iap90``.

    Raises
    ------
    ValueError
        If shapes differ, a score is NaN or infinite, or a mask holds another value than 0 and 1
        (with image, row and column); if there is no image.

    See Also
    --------
    iap, iap_at, pro : one metric each; they raise `UndefinedMetric` instead.

    Notes
    -----
    Specification, section 4. The pixel metrics do not change under a strictly increasing
    transform of the scores, to the last bit, as long as it keeps distinct scores distinct.

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
    """
    _check_compat(compat)
    if compat is None and protocol.compat is not None:
        compat = "authors"
    images = ImageTally(protocol)
    kept: list[Block] = []

    def observe(block: Block) -> None:
        images.add(block)
        if compat is not None:
            kept.append(Block(block.maps.copy(), block.masks.copy()))  # a batch may be reused

    source = open_source(maps, masks, protocol.crop)
    ranking = rank(source, protocol.connectivity, observe)

    def overlap() -> float:
        if compat is None:
            return region_overlap(ranking, protocol.fpr_limit)
        return authors_pro(kept, protocol.connectivity, protocol.fpr_limit)

    computed = (
        images.auroc,
        lambda: auroc(ranking.count, ranking.fp, ranking.fp_above, ranking.normal),
        lambda: average_precision(ranking),
        overlap,
        lambda: _iap(ranking, compat),
        lambda: _iap_at(ranking, protocol.iap_k, compat),
    )
    return {
        metric.key: _or_missing(compute) for metric, compute in zip(METRICS, computed, strict=True)
    }


def iap(maps: Images | Batches, masks: Images | None = None, *, compat: Compat = None) -> float:
    """Instance average precision, the paper's own metric.

    An instance counts as found at a threshold if more than half of its pixels reach it.
    IAP = (1/R) sum_i e_i, where e_i is the best pixel precision at an instance recall of at
    least (R - i)/R, R the number of instances (Zhang et al., CVPR 2023;
    specification, section 4.1).

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
    UndefinedMetric
        If there is no anomalous instance.
    ValueError
        See `evaluate`.

    Examples
    --------
    Two instances; finding both costs five pixels for three anomalous ones.

    >>> import numpy as np
    >>> maps = np.array([[[9, 0, 3, 4], [8, 0, 0, 5]]])
    >>> masks = np.array([[[1, 0, 1, 0], [1, 0, 0, 0]]])
    >>> iap(maps, masks), iap_at(maps, masks)
    (0.8, 0.6)
    """
    _check_compat(compat)
    return _iap(rank(open_source(maps, masks)), compat)


def iap_at(
    maps: Images | Batches, masks: Images | None = None, k: float = 0.9, *, compat: Compat = None
) -> float:
    """IAP@k: the best pixel precision at an instance recall of at least `k`.

    Read from the envelope at the smallest recall of at least `k` that the instances attain
    (Zhang et al., CVPR 2023; specification, section 4.1, item 6).

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
    UndefinedMetric
        If there is no anomalous instance.
    ValueError
        If `k` is out of range, and see `evaluate`.
    """
    require_fraction("k", k)
    _check_compat(compat)
    return _iap_at(rank(open_source(maps, masks)), k, compat)


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
    UndefinedMetric
        If there is no region or no normal pixel.
    ValueError
        If `fpr_limit` is out of range, and see `evaluate`.
    """
    require_fraction("fpr_limit", fpr_limit)
    _check_compat(compat)
    source = open_source(maps, masks)
    if compat is None:
        return region_overlap(rank(source), fpr_limit)
    return authors_pro(source.blocks(), PAPER.connectivity, fpr_limit)


def _iap(ranking: Ranking, compat: Compat) -> float:
    return float(_envelope(ranking, compat).mean())


def _iap_at(ranking: Ranking, k: float, compat: Compat) -> float:
    envelope = _envelope(ranking, compat)
    return float(envelope[instance_recall_index(envelope.size, k)])


def _envelope(ranking: Ranking, compat: Compat) -> NDArray[np.float64] | NDArray[np.float32]:
    return instance_envelope(ranking) if compat is None else authors_envelope(ranking)


def _or_missing(compute: Callable[[], float]) -> float:
    try:
        return compute()
    except UndefinedMetric:
        return math.nan


def _check_compat(compat: str | None) -> None:
    if compat not in (None, "authors"):
        raise ValueError(f"compat is {compat!r}; allowed: None, 'authors'")
