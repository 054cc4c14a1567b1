"""From distances to the patches that are kept to maps and image scores."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from destseg.inference import upsample

COMPARED = 2**22
"""Distances that are held at a time."""


class Neighbours(NamedTuple):
    """The nearest kept patches of some patches, nearest first."""

    squared: Tensor
    """(Q, k) squared distances."""
    places: Tensor
    """(Q, k) int64 indices of kept patches."""


def nearest(queries: Tensor, kept: Tensor, count: int) -> Neighbours:
    """Find the nearest of the kept patches (n, d) for each of some patches (Q, d).

    They are found by a matrix product, which takes half the time of scikit-learn's search at 64 to
    1024 numbers; their distances are computed anew from the differences, so that they are exact
    for near duplicates.
    """
    norms = kept.square().sum(dim=1)
    squared, places = [], []
    for part in torch.split(queries, max(1, COMPARED // len(kept))):
        relative = torch.addmm(norms, part, kept.T, alpha=-2)
        found = relative.topk(min(count, len(kept)), dim=1, largest=False).indices
        apart = torch.stack([(part - kept[each]).square().sum(dim=1) for each in found.T], dim=1)
        order = apart.argsort(dim=1, stable=True)
        squared.append(apart.gather(1, order))
        places.append(found.gather(1, order))
    return Neighbours(torch.cat(squared), torch.cat(places))


def reweighted(patch: Tensor, place: Tensor, kept: Tensor, count: int) -> Tensor:
    """Return the paper's image score of a test patch, the farthest of its image (Eq. 7).

    Parameters
    ----------
    patch : Tensor
        (d,).
    place : Tensor
        Index of its nearest kept patch.
    kept : Tensor
        (n, d).
    count : int
        Neighbours of that kept patch, itself among them.

    Returns
    -------
    Tensor
        The distance, not squared, times one less the share of its exponential among those of the
        distances to the neighbours.
    """
    around = nearest(kept[place][None], kept, count).places[0]
    distance = (patch - kept[place]).norm()
    exponents = (patch - kept[around]).norm(dim=1)
    most = torch.maximum(exponents.max(), distance)
    share = (distance - most).exp() / (exponents - most).exp().sum()
    score: Tensor = (1 - share) * distance
    return score


def smooth_maps(
    scores: NDArray[np.float32], size: tuple[int, int], sigma: float
) -> NDArray[np.float32]:
    """Enlarge patch scores (N, h, w) bilinearly to a size, and smooth them by a Gaussian.

    The Gaussian ends after four sigma; maps go on in their mirror, edges repeated.
    """
    from scipy.ndimage import gaussian_filter

    smooth: NDArray[np.float32] = gaussian_filter(
        upsample(scores, size), (0, sigma, sigma), mode="reflect", truncate=4.0
    )
    return smooth


def framed(maps: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """Put maps of the centre of images back in place, in zeros."""
    height, width = maps.shape[1:]
    top, left = (size[0] - height) // 2, (size[1] - width) // 2
    whole = np.zeros((len(maps), *size), np.float32)
    whole[:, top : top + height, left : left + width] = maps
    return whole
