"""What the values of a trained model's maps mean, measured."""

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray

from destseg.application.progress import OnProgress
from destseg.batches import Batch
from destseg.inference import anomaly_maps, image_scores, upsample
from destseg.losses import downsampled_mask
from destseg.model import DeSTSeg
from destseg.prediction import Scale, top_pixels

CALIBRATION_BATCHES = 8
"""Batches of synthetic anomalies on which a model's scale is measured."""

NORMAL_QUANTILE = 0.999

SCALE_BATCH = 8
"""Images at a time while the scale is measured."""


def measure_scale(
    model: DeSTSeg,
    batches: Iterable[Batch],
    normal: NDArray[np.uint8],
    on_progress: OnProgress | None = None,
) -> Scale:
    """Find out what values a model gives normal pixels and synthetic anomalies.

    Parameters
    ----------
    model : DeSTSeg
        Trained.
    batches : iterable of Batch
        Synthetic anomalies it was not trained on.
    normal : ndarray
        (N, size, size, 3) uint8, the normal training images.
    on_progress : callable, optional
        Called after each few images.
    """
    device = next(model.parameters()).device

    def mapper(images: torch.Tensor) -> torch.Tensor:
        segmentation: torch.Tensor = model(images).segmentation
        return segmentation

    parts = []
    for start in range(0, len(normal), SCALE_BATCH):
        chosen = normal[start : start + SCALE_BATCH]
        native = anomaly_maps(mapper, chosen, device=device)
        parts.append(upsample(native, (model.size, model.size)))
        if on_progress is not None:
            on_progress("scale", start + len(chosen), len(normal), "")
    maps = np.concatenate(parts)
    anomalous = []
    with torch.no_grad():
        for batch in batches:
            found = mapper(batch.corrupted)
            height, width = found.shape[-2:]
            anomalous.append(found[downsampled_mask(batch.mask, (height, width)) > 0].cpu())
    edge = float(np.quantile(maps, NORMAL_QUANTILE))
    inside = torch.cat(anomalous)
    # A model that learned nothing still needs a scale of some length.
    typical = max(float(inside.median()) if len(inside) else 1.0, edge + 1e-3)
    return Scale(edge, typical, float(image_scores(maps, top_pixels(model.size)).max()))
