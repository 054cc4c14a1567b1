"""A complete method: each patch's distance to the mean of the training patches of its place."""

from dataclasses import dataclass

import numpy as np

from bench.methods.codecs import ARRAYS, SCORES
from bench.methods.interface import Method
from bench.methods.steps import Scores, Step


def patches(images, side):
    """Average (N, S, S, 3) images over squares, to (N, S / side, S / side, 3)."""
    count = images.shape[1] // side
    cut = images[:, : count * side, : count * side].reshape(-1, count, side, count, side, 3)
    return cut.mean(axis=(2, 4), dtype=np.float32)


@dataclass(frozen=True)
class Config:
    side: int = 4  # [methods.mean-patch] side in an experiment's file


@dataclass(frozen=True)
class Means(Step):
    side: int
    kind = "mean-patch.means"  # names it in records and random streams; nobody else's
    seeded = False  # draws nothing at random: computed once for all seeds
    reads = ("images",)  # what `site` gives; anything else raises
    codec = ARRAYS  # how the result becomes a file, and back
    version = 1  # raise it when the code computes something else: results are found by it

    def run(self, site):
        return {"means": patches(site["images"].train, self.side).mean(axis=0)}


@dataclass(frozen=True)
class Distances(Step):
    means: Means  # a field of step type is a parent, whose result `run` is given
    kind, seeded, reads, codec = "mean-patch.maps", False, ("images",), SCORES

    def run(self, site, found):
        test = patches(site["images"].test, self.means.side)
        return Scores(np.abs(test - found["means"]).mean(axis=3))  # larger is more anomalous


METHOD = Method(
    name="mean-patch",
    reference="nobody's",
    config=Config,
    last=lambda config, _: Distances(Means(config.side)),
    variants={"": None},
)
