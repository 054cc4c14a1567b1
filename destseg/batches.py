"""Training batches: normal images, rotated by policy, and their corrupted twins.

torchvision's transforms give the same bits, which a test holds, for seconds of importing.
"""

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from destseg.anomalies import corrupt, draw_angles
from destseg.config import AnomalyConfig, Rotation

T = TypeVar("T")

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
ROTATION_FILL = (114, 114, 114)

AHEAD = 8
"""Threads that draw batches for an accelerator: turning 32 images of 256 px takes 60 ms."""


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

    A batch is a function of ``seed`` and its index in the stream, drawn on the CPU whatever the
    device: a stream may be entered anywhere. For an accelerator threads draw some ahead.

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
        Where the arithmetic runs and the batches are.

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

    def draw(index: int) -> _Drawn:
        epoch, place = divmod(index, per_epoch)
        order = _generator(seed, "epoch", epoch).permutation(len(data.images))
        chosen = order[place * batch_size : (place + 1) * batch_size]
        rng = _generator(seed, "batch", index)
        turned = np.stack([turn(data.images[i], data.rotation, rng) for i in chosen])
        sources = data.textures[rng.integers(len(data.textures), size=batch_size)]
        return _Drawn(turned, sources, rng)

    indices = range(first, first + steps)
    here = torch.device(device).type == "cpu"
    for turned, sources, rng in map(draw, indices) if here else ahead(draw, indices):
        clean = as_tensor(turned, device)
        corrupted, mask = corrupt(clean, as_tensor(sources, device), rng, anomalies, degrees=fixed)
        yield Batch(normalise(corrupted), normalise(clean), mask)


class _Drawn(NamedTuple):
    """What is drawn of a batch before any arithmetic."""

    turned: NDArray[np.uint8]  # (B, H, W, 3) RGB
    sources: NDArray[np.uint8]  # (B, H, W, 3) RGB
    rng: np.random.Generator  # of the batch, for the rest


def ahead(draw: Callable[[int], T], indices: range) -> Iterator[T]:
    """Draw in order, by threads that are some batches ahead of what was asked for."""
    threads = min(AHEAD, os.cpu_count() or 1)
    with ThreadPoolExecutor(threads, thread_name_prefix="batches") as pool:
        waiting: deque[Future[T]] = deque()
        try:
            for index in indices:
                waiting.append(pool.submit(draw, index))
                if len(waiting) > threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def turn(
    image: NDArray[np.uint8], rotation: Rotation, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Rotate an image (H, W, 3) at random; corners turned into view are grey."""
    if rotation.quarter_turns:
        image = np.rot90(image, int(rng.integers(4)))
    if rotation.degrees > 0:
        angle = rng.uniform(-rotation.degrees, rotation.degrees)
        turned = Image.fromarray(np.ascontiguousarray(image)).rotate(
            angle, Image.Resampling.BILINEAR, fillcolor=ROTATION_FILL
        )
        image = np.asarray(turned)
    return image


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
