"""Image scores and labels."""

import numpy as np
from numpy.typing import NDArray

from bench.metrics.inputs import Array, Block
from bench.metrics.protocol import Protocol
from bench.metrics.ranking import Levels, count_reaching


def image_scores(maps: Array, protocol: Protocol) -> NDArray[np.float64]:
    """Score each image by its map.

    Parameters
    ----------
    maps : ndarray, shape (n, H, W)
    protocol : Protocol
        `image_score` and `top_t` are used. "top-mean" is the mean of the `top_t` largest pixels,
        or of all where there are fewer (docs/method.md, Metrics); "max" the largest pixel.

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
    """Scores and labels of the images seen so far; `given` scores take the place of the maps'."""

    def __init__(self, protocol: Protocol, given: Array | None = None) -> None:
        self._protocol = protocol
        self._given = given
        self._scores: list[NDArray[np.float64]] = []
        self._labels: list[NDArray[np.bool_]] = []

    def add(self, block: Block) -> None:
        """Score the images of a block; an image is anomalous if any pixel of its mask is."""
        if self._given is None:
            self._scores.append(image_scores(block.maps, self._protocol))
        self._labels.append(np.array([mask.any() for mask in block.masks], np.bool_))

    def levels(self) -> Levels:
        """Count what was added."""
        labels = np.concatenate(self._labels)
        scores = np.concatenate(self._scores) if self._given is None else self._given
        if scores.size != labels.size:
            raise ValueError(
                f"image_scores has shape {scores.shape}; expected ({labels.size},), "
                "one score for each image"
            )
        thresholds, count = np.unique(scores[labels], return_counts=True)
        normal = np.sort(scores[~labels])
        fp, fp_above = count_reaching([normal], thresholds)
        tp = np.cumsum(count[::-1])[::-1]
        return Levels(thresholds, count, tp, fp, fp_above, normal.size)
