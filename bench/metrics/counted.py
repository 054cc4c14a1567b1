"""What one reading of a test set gives; the metrics are functions of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bench.metrics.authors import authors_envelope
from bench.metrics.curves import instance_envelope
from bench.metrics.images import ImageTally
from bench.metrics.inputs import Batches, Block, Images, Values, open_source, read_image_scores
from bench.metrics.protocol import Protocol
from bench.metrics.ranking import Levels, Ranking, rank


@dataclass(frozen=True)
class Counted:
    """A test set after its one reading and one sort: what a metric may use.

    Attributes
    ----------
    protocol : Protocol
        What it was counted under.
    pixels : Ranking
        Exact counts of its pixels, with the regions they lie in.
    images : Levels
        Exact counts of its images.
    blocks : tuple of Block
        All maps and masks, where the protocol's `compat` asks for the published program's metrics,
        which do not follow from counts; otherwise empty.
    """

    protocol: Protocol
    pixels: Ranking
    images: Levels
    blocks: tuple[Block, ...]

    @cached_property
    def envelope(self) -> NDArray[np.float64] | NDArray[np.float32]:
        """Precision envelope of the instances, shape (R,), that IAP and IAP@k read.

        See `instance_envelope`, and `authors_envelope` for a protocol with `compat`; without an
        instance they raise `UndefinedMetric`.
        """
        envelope = instance_envelope if self.protocol.compat is None else authors_envelope
        return envelope(self.pixels)


def count(
    maps: Images | Batches,
    masks: Images | None,
    protocol: Protocol,
    image_scores: Values | Sequence[float] | None = None,
) -> Counted:
    """Read a test set once and count it; parameters and errors are those of `evaluate`."""
    images = ImageTally(protocol, None if image_scores is None else read_image_scores(image_scores))
    kept: list[Block] = []

    def observe(block: Block) -> None:
        images.add(block)
        if protocol.compat is not None:
            kept.append(Block(block.maps.copy(), block.masks.copy()))  # a batch may be reused

    pixels = rank(open_source(maps, masks, protocol.crop), protocol.connectivity, observe)
    return Counted(protocol, pixels, images.levels(), tuple(kept))
