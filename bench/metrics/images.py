"""Image scores and labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench.metrics.curves import auroc
from bench.metrics.ranking import count_reaching

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bench.metrics.inputs import Array, Block
    from bench.metrics.protocol import Protocol


def image_scores(maps: Array, protocol: Protocol) -> NDArray[np.float64]:
    """Score each image by its map.

    Parameters
    ----------
    maps : ndarray, shape (n, H, W)
    protocol : Protocol
        `image_score` and `top_t` are used. "top-mean" is the mean of the `top_t` largest pixels,
        or of all where there are fewer (specification, section 4); "max" the largest pixel.

    Returns
    -------
    ndarray of float64, shape (n,)

    Examples
    --------
    >>> from bench.metrics import Protocol
    >>> image_scores(np.array([[[1.0, 2.0], [3.0, 5.0]]]), Protocol(top_t=2)).tolist()
    [4.0]
    """
    pixels = maps.reshape(len(maps), -1)
    wanted = 1 if protocol.image_score == "max" else protocol.top_t
    top = min(wanted, pixels.shape[1])
    largest = np.partition(pixels, pixels.shape[1] - top, axis=1)[:, pixels.shape[1] - top :]
    # In a fixed order, so that images with the same largest pixels tie instead of differing in
    # the last bit of the sum.
    largest.sort(axis=1)
    scores: NDArray[np.float64] = largest.mean(axis=1, dtype=np.float64)
    return scores


class ImageTally:
    """Scores and labels of the images seen so far."""

    def __init__(self, protocol: Protocol) -> None:
        self._protocol = protocol
        self._scores: list[NDArray[np.float64]] = []
        self._labels: list[NDArray[np.bool_]] = []

    def add(self, block: Block) -> None:
        """Score the images of a block; an image is anomalous if any pixel of its mask is."""
        self._scores.append(image_scores(block.maps, self._protocol))
        self._labels.append(np.array([mask.any() for mask in block.masks], np.bool_))

    def auroc(self) -> float:
        """Image AUROC of what was added; see `auroc`."""
        scores, labels = np.concatenate(self._scores), np.concatenate(self._labels)
        levels, count = np.unique(scores[labels], return_counts=True)
        normal = np.sort(scores[~labels])
        fp, fp_above = count_reaching([normal], levels)
        return auroc(count, fp, fp_above, normal.size)
