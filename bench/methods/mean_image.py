"""mean-image, a floor: how far the colours around a pixel are from the mean training image's there.

As `bench.methods.pixel_nn`, with the mean training image instead of the nearest of all.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.methods._floors import distance_maps
from bench.methods.codecs import SCORES
from bench.methods.interface import Method
from bench.methods.steps import Scores, Site, Step


@dataclass(frozen=True)
class Config:
    """There is nothing to set."""


@dataclass(frozen=True)
class FromMean(Step[Scores]):
    """The anomaly maps."""

    kind = "mean-image.maps"
    seeded = False
    reads = ("images",)
    on_device = False
    codec = SCORES

    def run(self, site: Site, *parents: Any) -> Scores:  # noqa: ARG002 - it has no parents
        """Compare every test image with the mean training image."""
        images = site["images"]
        mean = images.train.mean(axis=0, keepdims=True).astype(np.float32)
        return Scores(distance_maps(images.test, mean))


METHOD = Method(
    name="mean-image",
    reference="mean-image, a floor of this benchmark and nobody's paper: the mean training image",
    config=Config,
    last=lambda *_: FromMean(),
    variants={"": None},
)
