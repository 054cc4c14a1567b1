"""PatchCore's steps: the patches that are kept, and the maps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from bench.methods.codecs import SCORES, WEIGHTS
from bench.methods.steps import Scores, Site, Step

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

Dims = int | Literal["channels"]
BatchNorm = Literal["clean", "as_program"]
Coreset = Literal["approximate", "exact"]
Distance = Literal["squared", "euclidean"]

_IMAGES = 200
"""Training images of a category, about, where the work is told before it is known whose."""

_FEATURES = 2e6
"""Multiply-accumulates for a patch of a ResNet-18 of width 64."""


@dataclass(frozen=True)
class Remember(Step["dict[str, Tensor]"]):
    """The patches of the normal images that are kept, (n, d) float32, under ``kept``.

    Random are the projection by which they are chosen and the start of the choice, nothing else.
    """

    patch: int
    dims: Dims
    batchnorm: BatchNorm
    coreset: Coreset
    fraction: float
    crop: int | None

    kind = "patchcore.memory"
    reads = ("images", "backbone")
    codec = WEIGHTS

    @classmethod
    def work(cls, settings: Mapping[str, Any]) -> float:
        """Return the multiply-accumulates, about."""
        patches = _IMAGES * (settings["size"] / 8) ** 2
        return float(patches * (_FEATURES + settings["fraction"] * patches * 128))

    def run(self, site: Site, *parents: Any) -> dict[str, Tensor]:  # noqa: ARG002 - no parents
        """Look at the training images, and choose."""
        from bench.methods.patchcore.coreset import (
            collect,
            draw_projection,
            draw_starts,
            greedy_cover,
            project,
        )

        images = site["images"].train
        bank = collect(self.described(site, images), len(images))
        points = project(bank, draw_projection(bank.shape[1], site.seed("projection")))
        starts = None
        if self.coreset == "approximate":
            starts = draw_starts(len(bank), site.seed("starts")).to(bank.device)
        picks, _ = greedy_cover(points, max(1, int(self.fraction * len(bank))), starts)
        return {"kept": bank[picks]}

    def described(self, site: Site, images: NDArray[np.uint8]) -> Iterator[Tensor]:
        """Describe the patches of images by the numbers that are compared, some at a time."""
        from bench.methods.patchcore.embedding import centre, embeddings, with_moved_statistics

        images = centre(images, self.crop)
        backbone = site["backbone"]
        if self.batchnorm == "as_program":
            backbone = with_moved_statistics(backbone, images.shape[1:3])
        dims = None if self.dims == "channels" else self.dims
        return embeddings(backbone, images, side=self.patch, dims=dims, device=site.device)


@dataclass(frozen=True)
class Map(Step[Scores]):
    """The anomaly maps: how far patches are from the nearest that are kept."""

    neighbours: int
    distance: Distance
    reweighting: int | None
    sigma: float
    sigma_side: int | None
    memory: Remember

    kind = "patchcore.maps"
    seeded = False
    reads = ("images", "backbone")
    codec = SCORES

    def run(self, site: Site, *parents: Any) -> Scores:
        """Return the maps of the test images at their size, and the image scores."""
        import numpy as np
        import torch

        from bench.methods.patchcore.scoring import framed, nearest, reweighted, smooth_maps

        kept = parents[0]["kept"].to(site.device)
        images = site["images"].test
        size = images.shape[1:3]
        maps, image_scores = [], []
        for part in self.memory.described(site, images):
            for patches in part:
                grid = patches.shape[:2]
                vectors = patches.flatten(0, 1)
                found = nearest(vectors, kept, self.neighbours)
                scores = found.squared if self.distance == "squared" else found.squared.sqrt()
                patch_scores = scores.mean(dim=1)
                score = patch_scores.max()
                if self.reweighting is not None:
                    farthest = found.squared[:, 0].argmax()
                    place = found.places[farthest, 0]
                    score = reweighted(vectors[farthest], place, kept, self.reweighting)
                image_scores.append(float(score))
                maps.append(patch_scores.reshape(grid).cpu())
        side = self.memory.crop or size[0]
        sigma = self.sigma if self.sigma_side is None else self.sigma * side / self.sigma_side
        inner = size if self.memory.crop is None else (side, side)
        smooth = smooth_maps(torch.stack(maps).numpy(), inner, sigma)
        return Scores(framed(smooth, size), np.array(image_scores))
