"""What figures and reports are made from: measured cells, and the maps and images behind them.

Nothing here writes: what is damaged or gone is simply not there.
"""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.data.categories import CategoryRef, load_category
from bench.data.kinds import Origin
from bench.experiment.experiment import Experiment
from bench.experiment.grid import Grid
from bench.presentation.heading import Heading
from bench.store.runs import DamagedArtifact, RunStore
from destseg.images import resize_rgb
from destseg.inference import upsample


@dataclass(frozen=True, eq=False)
class Scored:
    """A cell's test images as they were scored: at the protocol's size, and cropped.

    Attributes
    ----------
    category, variant, seed
        The cell.
    names
        Test images as ``defect/stem``.
    masks
        bool, shape (N, P, P).
    maps
        float32, shape (N, P, P).
    images
        uint8, shape (N, S, S, 3), at the dataset's size and not cropped; see `image`.
    size
        The protocol's, before the crop.
    """

    category: str
    variant: str
    seed: int
    names: tuple[str, ...]
    masks: NDArray[np.bool_]
    maps: NDArray[np.float32]
    images: NDArray[np.uint8]
    size: int

    def image(self, index: int) -> NDArray[np.uint8]:
        """Return a test image as its map and mask are."""
        resized = resize_rgb(np.asarray(self.images[index]), self.size)
        cut: NDArray[np.uint8] = centre(resized[None], self.maps.shape[1])[0]
        return cut


@dataclass(frozen=True, eq=False)
class Evidence:
    """Cells, with the way to their maps and images.

    Attributes
    ----------
    cells
        The table of `bench.results.cells`; the column ``key`` names each cell's record.
    heading
        What they are of.
    store
        The records.
    images
        The decoded categories at hand; may lack some or all.
    """

    cells: pd.DataFrame
    heading: Heading
    store: RunStore
    images: Mapping[str, CategoryRef]

    @cached_property
    def _keys(self) -> Mapping[tuple[str, str, int], str]:
        if self.cells.empty:  # it may then lack columns
            return {}
        columns = (self.cells[name] for name in ("category", "variant", "seed", "key"))
        return {(c, v, int(s)): key for c, v, s, key in zip(*columns, strict=True)}

    def key(self, category: str, variant: str, seed: int) -> str | None:
        """Return the key of a cell's evaluation."""
        return self._keys.get((category, variant, seed))

    def maps(self, category: str, variant: str, seed: int) -> NDArray[np.float32] | None:
        """Read a cell's maps as they are stored, shape (N, h, w); None without whole ones."""
        key = self.key(category, variant, seed)
        evaluation = None if key is None else self.store.get(key)
        if evaluation is None or not evaluation.parents:
            return None
        record = self.store.get(evaluation.parents[0])
        if record is None or record.kind != "maps":
            return None
        try:
            content = self.store.artifact(record)
        except DamagedArtifact:
            return None
        maps: NDArray[np.float32] = np.load(io.BytesIO(content), allow_pickle=False)
        return maps

    def scored(self, category: str, variant: str, seed: int) -> Scored | None:
        """Return a cell's images, masks and maps; None unless all of them are at hand."""
        ref = self.images.get(category)
        native = None if ref is None else self.maps(category, variant, seed)
        if ref is None or native is None:
            return None
        data = load_category(ref)
        protocol = self.heading.protocol
        side = protocol.crop or protocol.size
        return Scored(
            category,
            variant,
            seed,
            data.names,
            centre(data.masks, side),
            centre(upsample(native, (protocol.size, protocol.size)), side),
            data.test,
            protocol.size,
        )


def heading_of(
    experiment: Experiment,
    grid: Grid,
    origin: Origin,
    *,
    seeds: tuple[int, ...] | None = None,
    provenance: tuple[str, ...] = (),
) -> Heading:
    """Say what an experiment's numbers are of.

    Parameters
    ----------
    experiment, grid
        What was asked for.
    origin
        What the images are.
    seeds
        Only these; default: all of the grid.
    provenance
        Lines for the foot of tables.
    """
    return Heading(
        experiment=experiment.name,
        dataset=f"{origin.title}, {experiment.dataset.size} px",
        is_mvtec=origin.in_paper,
        categories=grid.categories,
        variants=grid.variants,
        seeds=seeds or grid.seeds,
        provenance=provenance,
        protocol=experiment.protocol,
        paper_setting=experiment.has_paper_setting,
    )


def centre(images: NDArray[Any], side: int) -> NDArray[Any]:
    """Cut the centre out of square images, shape (N, H, H, ...), as the metrics do."""
    start = (images.shape[1] - side) // 2
    return images[:, start : start + side, start : start + side]
