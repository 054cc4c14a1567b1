"""Every metric, each one object: what it computes, what it is called and how it is printed.

A new metric is one more object in `ALL_METRICS`. All that concerns a single metric stands on it,
and whatever tabulates, draws or compares metrics asks these objects.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from bench.metrics.authors import authors_pro
from bench.metrics.counted import Counted
from bench.metrics.curves import (
    UndefinedMetric,
    auroc,
    average_precision,
    f1_max,
    instance_recall_index,
    region_overlap,
)


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric.

    Attributes
    ----------
    key : str
        Column of ``cells.csv`` and of the records, and key of `evaluate`'s answer.
    display : str
        Name in tables and figures.
    compute : callable
        From a `Counted` test set to a value in [0, 1]; raises `UndefinedMetric` where there is
        none. A module's function, so that the object can be sent to another process.
    decimals : int
        Digits after the point in print, where the value is in percent.
    higher_is_better : bool
        Direction of improvement.
    table : {"1", "2", "3", "slides"} or None
        The paper's table that prints it of several methods; "slides" are the paper's.
    ablation : bool
        Whether the paper prints it of variants, in Tables 4 to 6.
    extra : bool
        Whether it is computed only where it is asked for; the paper's six metrics always are.
    """

    key: str
    display: str
    compute: Callable[[Counted], float] = field(repr=False)
    decimals: int = 1
    higher_is_better: bool = True
    table: str | None = None
    ablation: bool = False
    extra: bool = False

    def __call__(self, counted: Counted) -> float:
        """Compute it; NaN where it is undefined on this test set."""
        try:
            return self.compute(counted)
        except UndefinedMetric:
            return math.nan


def _image_auroc(test: Counted) -> float:
    return auroc(test.images)


def _pixel_auroc(test: Counted) -> float:
    return auroc(test.pixels)


def _pixel_ap(test: Counted) -> float:
    return average_precision(test.pixels)


def _pro(test: Counted) -> float:
    protocol = test.protocol
    if protocol.compat is None:
        return region_overlap(test.pixels, protocol.fpr_limit)
    return authors_pro(test.blocks, protocol.connectivity, protocol.fpr_limit)


def _iap(test: Counted) -> float:
    return float(test.envelope.mean())


def _iap_at_k(test: Counted) -> float:
    return float(test.envelope[instance_recall_index(test.envelope.size, test.protocol.iap_k)])


def _image_f1max(test: Counted) -> float:
    return f1_max(test.images)


def _pixel_f1max(test: Counted) -> float:
    return f1_max(test.pixels)


ALL_METRICS: Final[Mapping[str, Metric]] = MappingProxyType(
    {
        metric.key: metric
        for metric in (
            Metric("image_auroc", "Image AUROC", _image_auroc, table="1", ablation=True),
            Metric("pixel_auroc", "Pixel AUROC", _pixel_auroc, table="2"),
            Metric("pixel_ap", "Pixel AP", _pixel_ap, table="2", ablation=True),
            Metric("pro", "PRO", _pro, table="slides"),
            Metric("iap", "IAP", _iap, table="3", ablation=True),
            Metric("iap90", "IAP@90", _iap_at_k, table="3"),
            Metric("image_f1max", "Image F1-max", _image_f1max, extra=True),
            Metric("pixel_f1max", "Pixel F1-max", _pixel_f1max, extra=True),
        )
    }
)
"""Every metric by its key."""

METRICS: Final = tuple(metric for metric in ALL_METRICS.values() if not metric.extra)
"""The paper's metrics, computed wherever no others are asked for."""


def metrics_of(extra: Iterable[str] | None) -> tuple[Metric, ...]:
    """Return the paper's metrics and, by their keys, those that are asked for beyond."""
    return (*METRICS, *(ALL_METRICS[key] for key in extra or ()))
