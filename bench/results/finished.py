"""What is finished of an experiment, and the way from its cells to their maps and images.

Nothing here writes: what is damaged or gone is simply not there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.data.categories import CategoryRef, load_category
from bench.experiment.experiment import Experiment
from bench.experiment.grid import Cell
from bench.methods.codecs import SCORES
from bench.methods.steps import Scores
from bench.metrics import image_scores
from bench.results.cells import cells_of
from bench.results.results import Results
from bench.store.runs import DamagedArtifact, Failure, RunStore
from destseg.images import resize_rgb


@dataclass(frozen=True, eq=False)
class ScoredImages:
    """A cell's test images as they were scored: at the protocol's size, and cropped.

    Attributes
    ----------
    names
        Test images as ``defect/stem``.
    masks
        bool, shape (N, P, P).
    maps
        float32, shape (N, P, P).
    image_scores
        Shape (N,), larger is more anomalous.
    images
        uint8, shape (N, S, S, 3), at the dataset's size and not cropped; see `image`.
    size
        The protocol's, before the crop.
    """

    cell: Cell
    names: tuple[str, ...]
    masks: NDArray[np.bool_]
    maps: NDArray[np.float32]
    image_scores: NDArray[np.floating]
    images: NDArray[np.uint8]
    size: int

    def image(self, index: int) -> NDArray[np.uint8]:
        """Return a test image as its map and mask are."""
        resized = resize_rgb(np.asarray(self.images[index]), self.size)
        cut: NDArray[np.uint8] = centre(resized[None], self.maps.shape[1])[0]
        return cut


@dataclass(frozen=True, eq=False)
class Finished:
    """What is finished of an experiment.

    Attributes
    ----------
    results
        Its cells; the column ``key`` names each one's record in the store.
    images
        The decoded categories at hand; may lack some or all.
    failures
        Of its stages, those whose last attempt failed.
    """

    experiment: Experiment
    results: Results
    store: RunStore
    images: Mapping[str, CategoryRef]
    failures: tuple[Failure, ...] = ()

    @property
    def excerpted(self) -> tuple[Cell, ...]:
        """Cells whose maps figures show: of each category the rows that stand for all."""
        return tuple(
            Cell(method, variant, category, self.results.seeds[0])
            for category in self.results.categories
            for method, variant in self.results.extremes
        )

    @cached_property
    def _keys(self) -> Mapping[Cell, str]:
        cells = self.results.cells
        return dict(zip(cells_of(cells), cells["key"], strict=True))

    def scores(self, cell: Cell) -> Scores | None:
        """Read a cell's maps, shape (N, h, w), as they are stored; None without whole ones."""
        key = self._keys.get(cell)
        evaluation = None if key is None else self.store.get(key)
        if evaluation is None or not evaluation.parents:
            return None
        record = self.store.get(evaluation.parents[0])
        if record is None:
            return None
        try:
            return SCORES.decode(self.store.artifact(record))
        except DamagedArtifact:
            return None

    def scored_images(self, cell: Cell) -> ScoredImages | None:
        """Return a cell's images, masks and maps; None unless all of them are at hand."""
        from destseg.inference import upsample  # needs torch

        ref = self.images.get(cell.category)
        native = None if ref is None else self.scores(cell)
        if ref is None or native is None:
            return None
        data = load_category(ref)
        protocol = self.results.protocol
        side = protocol.crop or protocol.size
        maps = centre(upsample(native.maps, (protocol.size, protocol.size)), side)
        own = native.image_scores
        return ScoredImages(
            cell,
            data.names,
            centre(data.masks, side),
            maps,
            image_scores(maps, protocol) if own is None else own,
            data.test,
            protocol.size,
        )


def centre(images: NDArray[Any], side: int) -> NDArray[Any]:
    """Cut the centre out of square images, shape (N, H, H, ...), as the metrics do."""
    start = (images.shape[1] - side) // 2
    return images[:, start : start + side, start : start + side]
