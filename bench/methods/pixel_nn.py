"""pixel-nn, a floor: how far the colours around a pixel are from all training images' there.

Per pixel the least, over the training images, of the mean squared difference of colours in a
window around the same place; then a Gaussian. No network, no training, no random numbers. On images
of 64 px the window has 5x5 pixels and the Gaussian a sigma of 1.5; on others both grow with the
image's side, so that they cover the same share of it.
"""

from dataclasses import dataclass
from typing import Any

from bench.methods._floors import distance_maps
from bench.methods.codecs import SCORES
from bench.methods.interface import Method
from bench.methods.steps import Scores, Site, Step


@dataclass(frozen=True)
class Config:
    """There is nothing to set."""


@dataclass(frozen=True)
class NearestPixels(Step[Scores]):
    """The anomaly maps."""

    kind = "pixel-nn.maps"
    seeded = False
    reads = ("images",)
    on_device = False
    codec = SCORES

    def run(self, site: Site, *parents: Any) -> Scores:  # noqa: ARG002 - it has no parents
        """Compare every test image with every training image."""
        images = site["images"]
        return Scores(distance_maps(images.test, images.train))


METHOD = Method(
    name="pixel-nn",
    reference="pixel-nn, a floor of this benchmark and nobody's paper: nearest training pixels",
    config=Config,
    last=lambda *_: NearestPixels(),
    variants={"": None},
)
