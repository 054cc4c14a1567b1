"""Anomaly maps and image scores of trained networks (paper, section 3.4)."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from numpy.typing import NDArray
from torch import Tensor

from destseg.batches import as_tensor, normalise
from destseg.features import cosine_distances, fused_distance, fusion_maps
from destseg.precision import arithmetic, autocast
from destseg.segmentation import SegmentationNet
from destseg.student import Student, paired_features
from destseg.teacher import Teacher

Mapper = Callable[[Tensor], Tensor]
"""Normalised images (B, 3, H, W) to anomaly maps (B, 1, h, w)."""


def distance_mapper(teacher: Teacher, student: Student) -> Mapper:
    """Map without ``seg``: the product of the levels' cosine distances."""

    def mapper(images: Tensor) -> Tensor:
        return fused_distance(cosine_distances(*paired_features(teacher, student, images)))

    return mapper


def segmentation_mapper(
    teacher: Teacher, student: Student, segmentation: SegmentationNet
) -> Mapper:
    """Map with ``seg``: the segmentation net's probabilities."""

    def mapper(images: Tensor) -> Tensor:
        features = paired_features(teacher, student, images)
        probabilities: Tensor = segmentation(fusion_maps(*features, segmentation.fusion_input))
        return probabilities

    return mapper


def anomaly_maps(
    mapper: Mapper,
    images: NDArray[np.uint8],
    *,
    batch_size: int = 32,
    device: torch.device | str = "cpu",
) -> NDArray[np.float32]:
    """Compute the map of every image at the networks' own resolution.

    Parameters
    ----------
    mapper : callable
        From `distance_mapper` or `segmentation_mapper`, its networks on ``device``.
    images : ndarray
        (N, H, W, 3) uint8 RGB.
    batch_size : int
        Images at a time.
    device : torch.device or str
        Where the networks are.

    Returns
    -------
    ndarray
        (N, H/4, W/4) float32; larger is more anomalous.
    """
    (maps,) = anomaly_maps_of([mapper], images, batch_size=batch_size, device=device)
    return maps


@torch.no_grad()
def anomaly_maps_of(
    mappers: Sequence[Mapper],
    images: NDArray[np.uint8],
    *,
    batch_size: int = 32,
    device: torch.device | str = "cpu",
) -> list[NDArray[np.float32]]:
    """Compute what `anomaly_maps` does for several mappers, all shown the same batches."""
    found: list[list[Tensor]] = [[] for _ in mappers]
    with arithmetic("float32", device), autocast("float32", device):
        for start in range(0, len(images), batch_size):
            shown = normalise(as_tensor(images[start : start + batch_size], device))
            for maps, mapper in zip(found, mappers, strict=True):
                maps.append(mapper(shown).squeeze(1).cpu())
    return [torch.cat(maps).numpy() for maps in found]


def upsample(maps: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """Resize maps (N, h, w) bilinearly (``align_corners=False``), as the paper scores them.

    Returns
    -------
    ndarray
        (N, *size) float32.
    """
    if maps.shape[1:] == size:
        return maps
    # A copy, since a stored map may be memory-mapped read-only.
    tensor = torch.from_numpy(np.array(maps)).unsqueeze(1)
    resized = F.interpolate(tensor, size=size, mode="bilinear", align_corners=False)
    return resized.squeeze(1).numpy()


def image_scores(maps: NDArray[np.float32], top: int = 100) -> NDArray[np.float32]:
    """Mean of the largest values of each full-size map (all of them, where there are fewer).

    Parameters
    ----------
    maps : ndarray
        (N, H, W) float32.
    top : int
        How many values; the program's T is 100 at 256 px.

    Returns
    -------
    ndarray
        (N,) float32.
    """
    values = torch.from_numpy(np.array(maps)).flatten(1)
    return values.topk(min(top, values.shape[1]), dim=1).values.mean(dim=1).numpy()
