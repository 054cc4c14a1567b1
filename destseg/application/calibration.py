"""What the values of a trained model's maps mean, measured."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from destseg.application.parts import SMALLEST, too_small
from destseg.application.progress import OnProgress
from destseg.batches import Batch
from destseg.card import TRAINING_IMAGES
from destseg.errors import InputError, counted, input_faults
from destseg.inference import anomaly_maps, image_scores, upsample
from destseg.losses import downsampled_mask
from destseg.model import DeSTSeg
from destseg.precision import arithmetic
from destseg.prediction import Prediction, Scale, files_of, top_pixels

CALIBRATION_BATCHES = 8
"""Batches of synthetic anomalies on which a model's scale is measured."""

NORMAL_QUANTILE = 0.999

SHORTEST_SPAN = 1e-3
"""Of the colours, for a model that gives one value to all."""

SCALE_BATCH = 8
"""Images at a time while the scale is measured."""


class Calibration(NamedTuple):
    """What was measured of a model."""

    scale: Scale
    scores: tuple[float, ...]
    """Image scores of the normal images."""
    separation: float | None
    """Of synthetic anomalies, see `destseg.card.Card`; None without."""


def calibrate(
    model: DeSTSeg,
    batches: Iterable[Batch],
    normal: NDArray[np.uint8],
    on_progress: OnProgress | None = None,
) -> Calibration:
    """Find out what values a model gives normal pixels and synthetic anomalies.

    Parameters
    ----------
    model : DeSTSeg
        Trained.
    batches : iterable of Batch
        Synthetic anomalies it was not trained on, `CALIBRATION_BATCHES` of them.
    normal : ndarray
        (N, size, size, 3) uint8, the normal training images.
    on_progress : callable, optional
        Called after each few images, and after each batch.
    """
    device = next(model.parameters()).device

    def mapper(images: torch.Tensor) -> torch.Tensor:
        segmentation: torch.Tensor = model(images).segmentation
        return segmentation

    def scores_of(native: NDArray[np.float32]) -> NDArray[np.float32]:
        return image_scores(upsample(native, (model.size, model.size)), top_pixels(model.size))

    parts = []
    for start in range(0, len(normal), SCALE_BATCH):
        chosen = normal[start : start + SCALE_BATCH]
        native = anomaly_maps(mapper, chosen, device=device)
        parts.append(upsample(native, (model.size, model.size)))
        if on_progress is not None:
            on_progress("scale", start + len(chosen), len(normal), "")
    maps = np.concatenate(parts)
    anomalous, around, corrupted, clean = [], [], [], []
    # As the maps of the clean images above, and as `predict` computes them.
    with torch.no_grad(), arithmetic("float32", device):
        for number, batch in enumerate(batches, 1):
            found = mapper(batch.corrupted)
            height, width = found.shape[-2:]
            inside = downsampled_mask(batch.mask, (height, width)) > 0
            anomalous.append(found[inside].cpu())
            # Those alone that have an anomaly, each beside the same image without.
            marked = batch.mask.flatten(1).any(dim=1)
            around.append(found[marked][~inside[marked]].cpu())
            beside = mapper(batch.clean)[marked]
            corrupted.append(scores_of(found[marked].squeeze(1).cpu().numpy()))
            clean.append(scores_of(beside.squeeze(1).cpu().numpy()))
            if on_progress is not None:
                on_progress("synthetic anomalies", number, CALIBRATION_BATCHES, "")
    edge = float(np.quantile(maps, NORMAL_QUANTILE))
    pixels = torch.cat(anomalous)
    typical = float(pixels.median()) if len(pixels) else 1.0
    # The anomalies of a model that learned little lie within its normal range, or just above: a
    # span of nothing, in which whatever exceeds it has the strongest colour.
    shortest = max(edge - float(np.median(maps)), SHORTEST_SPAN)
    scores = image_scores(maps, top_pixels(model.size))
    told = (
        auroc(np.concatenate(corrupted), np.concatenate(clean)),
        auroc(pixels.numpy(), torch.cat(around).numpy()),
    )
    return Calibration(
        Scale(edge, max(typical, edge + shortest), float(scores.max())),
        tuple(map(float, scores)),
        min((each for each in told if each is not None), default=None),
    )


def auroc(positive: NDArray[np.float32], negative: NDArray[np.float32]) -> float | None:
    """Return how often a positive is above a negative, ties counted half; None where one lacks.

    Examples
    --------
    >>> auroc(np.array([3, 2], np.float32), np.array([1, 2], np.float32))
    0.875
    """
    if not len(positive) or not len(negative):
        return None
    ordered = np.sort(negative)
    below = np.searchsorted(ordered, positive, "left") + np.searchsorted(ordered, positive, "right")
    return float(below.sum() / (2 * len(positive) * len(negative)))


def set_limit(model: DeSTSeg, rate: float, good: Path | str | None = None) -> None:
    """Set a model's limit so that at most a share of good pictures exceeds it, see `limit_for`.

    Parameters
    ----------
    model : DeSTSeg
        Its scale is replaced and, with ``good``, the scores in its card.
    rate : float
        The share, between 0 and 1.
    good : Path or str, optional
        A folder of good images that the model was not trained on. Without it the scores in the
        model's card are used: of its training images, unless others were measured before. A model
        knows those, and the share among others will be larger.

    Raises
    ------
    InputError
        When there are no scores, or too few for such a share, or images that cannot be read, are
        too small or are those of the training.
    """
    if good is not None:
        scores, faults = [], []
        for one in _predicted(model, files_of(Path(good))):
            scores.append(one.score)
            if min(one.picture.shape[:2]) < SMALLEST:
                faults.append(too_small(one.source, one.picture))
        if faults:
            raise input_faults(str(good), faults)
        card = model.card
        known = card.good_scores if card.good == TRAINING_IMAGES else card.training_scores
        if _alike(scores, known):
            raise InputError(
                f"{good}: by their scores the images that the model was trained on, which it "
                "knows; give other good ones."
            )
        name = f"the good images in {Path(good).resolve().name}"
        model.card = replace(
            card, good=name, good_scores=tuple(scores), training_scores=tuple(known)
        )
    if not model.card.good_scores:
        raise InputError(
            "the model file keeps no scores of good images; measure some with "
            "`python -m destseg calibrate MODEL --good DIR --false-alarms 0.01`."
        )
    limit = limit_for(model.card.good_scores, rate)
    model.scale = replace(model.scale, limit=limit)


def _alike(scores: Sequence[float], others: Sequence[float]) -> bool:
    """Whether scores are of the same images; of a model of few updates others are near as well."""
    return len(scores) == len(others) and np.allclose(sorted(scores), sorted(others), 1e-6, 0)


def _predicted(model: DeSTSeg, files: Sequence[Path]) -> Iterator[Prediction]:
    for start in range(0, len(files), SCALE_BATCH):
        yield from model.predict(files[start : start + SCALE_BATCH])


def limit_for(scores: Sequence[float], rate: float) -> float:
    """Return the image score that at most so many good pictures exceed, on average.

    With n good images the k-th smallest score is taken, k = ceil((n + 1)(1 - rate)): a new picture
    drawn as they were exceeds it with a probability of ``rate`` at most (split conformal
    prediction), whatever the scores' distribution.

    Raises
    ------
    InputError
        When there are too few for such a rate, or the rate is none.

    Examples
    --------
    >>> limit_for([0.4, 0.1, 0.2, 0.3], 0.25)
    0.4
    """
    if not 0 < rate < 1:
        raise InputError(f"false alarms {rate:g}: give a share of pictures, such as 0.01.")
    needed = math.ceil(1 / rate - 1e-9) - 1
    if len(scores) < needed:
        raise InputError(
            f"false alarms {rate:g}: {counted(len(scores), 'good image')} cannot tell so small a "
            f"share; {needed} are needed, in a folder for `python -m destseg calibrate --good "
            "DIR`, or ask for a larger share."
        )
    # Less a rounding error, as 100 * (1 - 0.01) is not quite 99.
    rank = math.ceil((len(scores) + 1) * (1 - rate) - 1e-9)
    return sorted(scores)[rank - 1]
