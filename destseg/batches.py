"""Training batches: normal images, rotated by policy, and their corrupted twins."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from destseg.anomalies import AnomalyConfig, corrupt

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
ROTATION_FILL = (114, 114, 114)


class Batch(NamedTuple):
    """One training batch; images are ImageNet-normalised."""

    corrupted: Tensor
    """(B, 3, H, W) float32."""
    clean: Tensor
    """(B, 3, H, W) float32."""
    mask: Tensor
    """(B, 1, H, W) float32 of 0 and 1: where the two differ."""


@dataclass(frozen=True)
class Rotation:
    """How training images of a category may be turned (section 3.2).

    Parameters
    ----------
    quarter_turns : bool
        Turn by 0, 90, 180 or 270 degrees, uniformly.
    degrees : float
        Then turn by an angle uniform in plus or minus this many degrees.
    """

    quarter_turns: bool = False
    degrees: float = 0.0

    def apply(self, image: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
        """Rotate an image (H, W, 3); corners turned into view are grey."""
        if self.quarter_turns:
            image = np.rot90(image, int(rng.integers(4)))
        if self.degrees > 0:
            angle = rng.uniform(-self.degrees, self.degrees)
            turned = Image.fromarray(np.ascontiguousarray(image)).rotate(
                angle, Image.Resampling.BILINEAR, fillcolor=ROTATION_FILL
            )
            image = np.asarray(turned)
        return image


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
    anomalies: AnomalyConfig = AnomalyConfig(),
    device: torch.device | str = "cpu",
) -> Iterator[Batch]:
    """Yield a fixed number of shuffled batches, the last partial one of an epoch dropped.

    Everything random comes from ``seed``, on the CPU, whatever the device.

    Raises
    ------
    ValueError
        With fewer images than one batch needs.
    """
    if len(data.images) < batch_size:
        raise ValueError(
            f"a batch needs {batch_size} training images, there are {len(data.images)}; "
            "set a smaller batch_size"
        )
    rng = np.random.default_rng(seed)
    for chosen in _shuffled(len(data.images), batch_size, steps, rng):
        turned = np.stack([data.rotation.apply(data.images[i], rng) for i in chosen])
        sources = data.textures[np.sort(rng.integers(len(data.textures), size=batch_size))]
        clean = as_tensor(turned, device)
        corrupted, mask = corrupt(clean, as_tensor(sources, device), rng, anomalies)
        yield Batch(normalise(corrupted), normalise(clean), mask)


def as_tensor(images: NDArray[np.uint8], device: torch.device | str = "cpu") -> Tensor:
    """Turn (B, H, W, 3) uint8 into (B, 3, H, W) float32 in [0, 1]."""
    pixels = torch.from_numpy(np.array(images)).to(device)
    return pixels.permute(0, 3, 1, 2).contiguous().float().div_(255)


def normalise(images: Tensor) -> Tensor:
    """Subtract ImageNet's channel means and divide by its standard deviations."""
    mean = images.new_tensor(IMAGENET_MEAN).view(1, 3, 1, 1)
    std = images.new_tensor(IMAGENET_STD).view(1, 3, 1, 1)
    return (images - mean) / std


def _shuffled(
    count: int, batch_size: int, steps: int, rng: np.random.Generator
) -> Iterator[NDArray[np.int64]]:
    done = 0
    while done < steps:
        order = rng.permutation(count)
        for start in range(0, count - batch_size + 1, batch_size):
            if done == steps:
                return
            yield order[start : start + batch_size]
            done += 1
