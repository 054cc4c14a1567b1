"""Exact metrics for any method's anomaly maps, and the protocol that moves them.

`evaluate` computes them under a `Protocol`: the paper's six, `METRICS`, or any others of
`ALL_METRICS`; `iap`, `iap_at` and `pro` compute one each. Importing the package takes no torch.
"""

from bench.metrics.counted import Counted
from bench.metrics.curves import UndefinedMetric
from bench.metrics.evaluate import evaluate, iap, iap_at, pro
from bench.metrics.images import image_scores
from bench.metrics.masks import resize_mask
from bench.metrics.protocol import PAPER, PROTOCOLS, Protocol
from bench.metrics.ranking import Levels, Ranking
from bench.metrics.registry import ALL_METRICS, METRICS, Metric, metrics_of

__all__ = [
    "ALL_METRICS",
    "METRICS",
    "PAPER",
    "PROTOCOLS",
    "Counted",
    "Levels",
    "Metric",
    "Protocol",
    "Ranking",
    "UndefinedMetric",
    "evaluate",
    "iap",
    "iap_at",
    "image_scores",
    "metrics_of",
    "pro",
    "resize_mask",
]
