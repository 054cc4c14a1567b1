"""The six metrics, exact, for any method's anomaly maps.

`evaluate` computes all of them under a `Protocol`; `iap`, `iap_at` and `pro` one each.
"""

from bench.metrics.evaluate import evaluate, iap, iap_at, pro
from bench.metrics.images import image_scores
from bench.metrics.masks import resize_mask
from bench.metrics.protocol import (
    METRICS,
    PAPER,
    PROTOCOLS,
    Metric,
    Protocol,
    UndefinedMetric,
)

__all__ = [
    "METRICS",
    "PAPER",
    "PROTOCOLS",
    "Metric",
    "Protocol",
    "UndefinedMetric",
    "evaluate",
    "iap",
    "iap_at",
    "image_scores",
    "pro",
    "resize_mask",
]
