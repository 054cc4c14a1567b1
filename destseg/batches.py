"""Training batches: normal images, rotated by policy, and their corrupted twins.

torchvision's transforms give the same bits, which a test holds, for seconds of importing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from destseg.anomalies import blended, draw_angles, draw_masks, draw_weights
from destseg.config import AnomalyConfig, Rotation
from destseg.feeding import Reused, stream

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
ROTATION_FILL = (114, 114, 114)
_QUARTERS = (
    Image.Transpose.ROTATE_90,
    Image.Transpose.ROTATE_180,
    Image.Transpose.ROTATE_270,
)


class Batch(NamedTuple):
    """One training batch; images are ImageNet-normalised."""

    corrupted: Tensor
    """(B, 3, H, W) float32."""
    clean: Tensor
    """(B, 3, H, W) float32."""
    mask: Tensor
    """(B, 1, H, W) float32 of 0 and 1: where the two differ."""


@dataclass(frozen=True)
class TrainingImages:
    """What training batches are made of.

    Parameters
    ----------
    images : ndarray
        (N, H, W, 3) uint8 RGB, the normal images of one category.
    textures : ndarray
        (M, H, W, 3) uint8 RGB, sources of anomalies.
    rotation : Rotation
        Applied to the normal images, before corruption.
    """

    images: NDArray[np.uint8]
    textures: NDArray[np.uint8]
    rotation: Rotation = Rotation()


def training_batches(
    data: TrainingImages,
    *,
    batch_size: int,
    steps: int,
    seed: int,
    first: int = 0,
    anomalies: AnomalyConfig = AnomalyConfig(),
    device: torch.device | str = "cpu",
) -> Iterator[Batch]:
    """Yield a fixed number of shuffled batches, the last partial one of an epoch dropped.

    A batch is a function of ``seed`` and its index in the stream, computed on the CPU to the same
    bits whatever the device: a stream may be entered anywhere. For an accelerator processes draw
    some ahead.

    Parameters
    ----------
    data : TrainingImages
        What the batches are made of.
    batch_size, steps : int
        Images in a batch, and number of batches.
    seed : int
        Of everything random.
    first : int
        Index of the first batch in the seed's stream.
    anomalies : AnomalyConfig
        How anomalies are drawn.
    device : torch.device or str
        Where the batches are.

    Raises
    ------
    ValueError
        With fewer images than one batch needs.
    """
    per_epoch = len(data.images) // batch_size
    if per_epoch == 0:
        raise ValueError(
            f"a batch needs {batch_size} training images, there are {len(data.images)}; "
            "set a smaller batch_size"
        )
    fixed = None
    if anomalies.rotation_stream == "fixed":
        fixed = draw_angles(_generator(seed, "angles"), batch_size, anomalies)

    # What other processes draw lies in memory that they share.
    empty = Reused().empty if torch.device(device).type == "cpu" else torch.empty
    height, width = data.images.shape[1:3]

    def draw(index: int) -> Batch:
        epoch, place = divmod(index, per_epoch)
        order = _generator(seed, "epoch", epoch).permutation(len(data.images))
        chosen = order[place * batch_size : (place + 1) * batch_size]
        rng = _generator(seed, "batch", index)
        turned = [turn(data.images[i], data.rotation, rng) for i in chosen]
        sources = data.textures[rng.integers(len(data.textures), size=batch_size)]
        shape = (batch_size, 3, height, width)
        batch = Batch(empty(shape), empty(shape), empty((batch_size, 1, height, width)))
        draw_masks(rng, batch_size, (height, width), anomalies, degrees=fixed, out=batch.mask)
        weights = draw_weights(rng, batch_size, anomalies)
        for image, source, weight, *written in zip(turned, sources, weights, *batch, strict=True):
            _write(image, source, weight, *(each.numpy() for each in written))
        return batch

    yield from stream(draw, range(first, first + steps), device)


def _write(
    image: NDArray[np.uint8],
    source: NDArray[np.uint8],
    weight: NDArray[np.float32],
    corrupted: NDArray[np.float32],
    clean: NDArray[np.float32],
    mask: NDArray[np.float32],
) -> None:
    """Write an image, normalised (3, H, W), as it is, and blended with a source under its mask.

    Colour by colour, which stay in the processor's cache.
    """
    under = np.flatnonzero(mask > 0)
    foreign = source.reshape(-1, 3).take(under, axis=0)
    for channel, (mean, deviation) in enumerate(zip(IMAGENET_MEAN, IMAGENET_STD, strict=True)):
        plane = clean[channel]
        plane[...] = image[..., channel]
        plane /= 255
        own = plane.reshape(-1).take(under)
        mixed = blended(own, np.divide(foreign[:, channel], 255, dtype=np.float32), weight)
        for values in (plane, mixed):
            values -= np.float32(mean)
            values /= np.float32(deviation)
        corrupted[channel] = plane
        corrupted[channel].reshape(-1)[under] = mixed


def turn(
    image: NDArray[np.uint8], rotation: Rotation, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Rotate an image (H, W, 3) at random; corners turned into view are grey."""
    if not rotation.quarter_turns and rotation.degrees <= 0:
        return image
    turned = Image.fromarray(image)
    # Pillow moves pixels, NumPy bytes, for which it takes five times as long.
    if rotation.quarter_turns and (quarter := int(rng.integers(4))):
        turned = turned.transpose(_QUARTERS[quarter - 1])
    if rotation.degrees > 0:
        angle = rng.uniform(-rotation.degrees, rotation.degrees)
        turned = turned.rotate(angle, Image.Resampling.BILINEAR, fillcolor=ROTATION_FILL)
    return np.asarray(turned)


def as_tensor(images: NDArray[np.uint8], device: torch.device | str = "cpu") -> Tensor:
    """Turn (B, H, W, 3) uint8 into (B, 3, H, W) float32 in [0, 1]."""
    pixels = torch.from_numpy(np.array(images)).to(device)
    return pixels.permute(0, 3, 1, 2).contiguous().float().div_(255)


def normalise(images: Tensor) -> Tensor:
    """Subtract ImageNet's channel means and divide by its standard deviations."""
    mean = images.new_tensor(IMAGENET_MEAN).view(1, 3, 1, 1)
    std = images.new_tensor(IMAGENET_STD).view(1, 3, 1, 1)
    return (images - mean) / std


_STREAMS = ("epoch", "batch", "angles")


def _generator(seed: int, stream: str, index: int = 0) -> np.random.Generator:
    return np.random.default_rng((seed, _STREAMS.index(stream), index))
