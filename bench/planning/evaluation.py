"""The harness's own step: a method's scores of the test images turned into metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bench.methods import EVALUATION
from bench.methods.steps import Scores, Site, Step
from bench.metrics import Protocol, evaluate, metrics_of
from bench.store.records import recordable

Metrics = Mapping[str, float | None]
"""By their keys, as fractions; None where undefined."""


@dataclass(frozen=True)
class Evaluate(Step[Metrics]):
    """Every method's last stage. It alone sees the ground truth, and has no artifact."""

    protocol: Protocol  # its name does not matter
    metrics: tuple[str, ...] | None  # keys of metrics beyond the paper's six
    scores: Step[Scores]  # the method's last step

    kind = EVALUATION
    seeded = False
    reads = ("masks",)
    on_device = False

    @property
    def settings(self) -> dict[str, Any]:
        """What moves a metric."""
        return {**super().settings, "protocol": self.protocol.identity()}

    @classmethod
    def work(cls, settings: Mapping[str, Any]) -> float:
        """Return the pixels of one map."""
        return float(settings["protocol"]["size"] ** 2)

    def run(self, site: Site, *parents: Any) -> Metrics:
        """Return the metrics of maps enlarged to the protocol's size."""
        from destseg.inference import upsample

        (scores,) = parents
        side = self.protocol.size
        maps = upsample(scores.maps, (side, side))
        measured = evaluate(
            maps,
            site["masks"],
            self.protocol,
            metrics=metrics_of(self.metrics),
            image_scores=scores.image_scores,
        )
        return recordable(measured)
