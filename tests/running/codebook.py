"""A method of a test: a codebook shared by all categories, and image scores of its own."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.methods.codecs import ARRAYS, SCORES
from bench.methods.interface import Method
from bench.methods.steps import Scores, Site, Step


@dataclass(frozen=True)
class Codes(Step[dict[str, Any]]):
    """Colours drawn from the textures: of a seed, and of no category."""

    count: int

    kind = "codebook.codes"
    reads = ("textures",)
    codec = ARRAYS

    def run(self, site: Site, *parents: Any) -> dict[str, Any]:
        pixels = site["textures"].reshape(-1, 3)
        chosen = np.random.default_rng(site.seed("codes")).integers(0, len(pixels), self.count)
        return {"codes": pixels[chosen].astype(np.float32)}


@dataclass(frozen=True)
class Nearest(Step[Scores]):
    """Each pixel's distance to the nearest colour; the largest is the image's score."""

    codes: Codes

    kind = "codebook.maps"
    seeded = False
    reads = ("images",)
    codec = SCORES

    def run(self, site: Site, *parents: Any) -> Scores:
        (found,) = parents
        test = site["images"].test[:, ::4, ::4, None].astype(np.float32)
        maps = np.abs(test - found["codes"]).mean(axis=-1).min(axis=-1)
        return Scores(maps, maps.max(axis=(1, 2)).astype(np.float64))


@dataclass(frozen=True)
class Config:
    """Settings of the method."""

    count: int = 3


METHOD = Method(
    name="codebook",
    reference="nobody's",
    config=Config,
    last=lambda config, _: Nearest(Codes(config.count)),
    variants={"": None},
)
