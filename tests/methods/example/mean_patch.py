"""A complete method: each patch's distance to the mean of the training patches of its place."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.methods.codecs import ARRAYS, SCORES
from bench.methods.interface import Method, Scores, Site, Step

Floats = NDArray[np.float32]


def patches(images: NDArray[np.uint8], side: int) -> Floats:
    """Average (N, S, S, 3) images over squares, to (N, S / side, S / side, 3)."""
    count = images.shape[1] // side
    cut = images[:, : count * side, : count * side].reshape(-1, count, side, count, side, 3)
    return cut.mean(axis=(2, 4), dtype=np.float32)


@dataclass(frozen=True)
class Config:
    """Settings of the method: ``[methods.mean-patch]``."""

    side: int = 4

    def __post_init__(self) -> None:
        if self.side < 1:
            raise ValueError(f"side is {self.side}; it must be at least 1")


@dataclass(frozen=True)
class Means(Step[dict[str, Floats]]):
    """The mean of the training patches at each place."""

    side: int

    kind = "mean-patch.means"
    seeded = False
    reads = ("images",)
    codec = ARRAYS

    def run(self, site: Site, *parents: Any) -> dict[str, Floats]:
        return {"means": patches(site["images"].train, self.side).mean(axis=0)}


@dataclass(frozen=True)
class Distances(Step[Scores]):
    """The anomaly maps."""

    means: Means

    kind = "mean-patch.maps"
    seeded = False
    reads = ("images",)
    codec = SCORES

    def run(self, site: Site, *parents: Any) -> Scores:
        (found,) = parents
        test = patches(site["images"].test, self.means.side)
        return Scores(np.abs(test - found["means"]).mean(axis=3))


METHOD = Method(
    name="mean-patch",
    reference="nobody's",
    config=Config,
    last=lambda config, _: Distances(Means(config.side)),
    variants={"": None},
)
