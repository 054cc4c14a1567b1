"""Training batches: normal images, rotated by policy, and their corrupted twins.

torchvision's transforms give the same bits, which a test holds, for seconds of importing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from destseg.anomalies import blended, draw_angles, draw_masks, draw_weights
from destseg.config import AnomalyConfig, Rotation
from destseg.feeding import Reused, stream
from destseg.turning import PlacedImages, Turn, draw_turn, matrix, turned, way

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class Batch(NamedTuple):
    """One training batch; images are ImageNet-normalised."""

    corrupted: Tensor
    """(B, 3, H, W) float32."""
    clean: Tensor
    """(B, 3, H, W) float32."""
    mask: Tensor
    """(B, 1, H, W) float32 of 0 and 1: where the two differ."""


class Draft(NamedTuple):
    """What is random or dear in a batch, a seventh of its bytes: an accelerator does the rest."""

    ways: Tensor
    """(B, 3) int64, where the pixels of the normal images are; see `destseg.turning.way`."""
    matrices: Tensor
    """(B, 6) float64, by which they are rotated; see `destseg.turning.matrix`."""
    sources: Tensor
    """(B, H, W, 3) uint8, the textures under the masks."""
    mask: Tensor
    """(B, 1, H, W) bool."""
    weights: Tensor
    """(B, 1, 1, 1) float32, of the normal images under the masks."""


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

    A batch is a function of ``seed`` and its index in the stream, of the same bits on all devices:
    a stream may be entered anywhere. For an accelerator processes draw drafts of some ahead, which
    it makes batches of, on the stream that is current, and all normal images lie on it.

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
        With fewer images than one batch needs, or quarter turns of images that are not square.
    """
    draws = Draws(data, batch_size=batch_size, seed=seed, anomalies=anomalies)
    indices = range(first, first + steps)
    if torch.device(device).type == "cpu":
        yield from map(draws.batch, indices)
    else:
        yield from map(Finish(data, device), stream(draws.draft, indices, device))


class _Drawn(NamedTuple):
    """What is random in a batch but its masks."""

    places: NDArray[np.int64]
    turns: list[Turn]
    sources: NDArray[np.uint8]
    weights: NDArray[np.float32]


class Draws:
    """The batches of a seed by their index, each whole or as a draft; see `training_batches`."""

    def __init__(
        self,
        data: TrainingImages,
        *,
        batch_size: int,
        seed: int,
        anomalies: AnomalyConfig = AnomalyConfig(),
    ) -> None:
        self._data, self._batch_size, self._seed = data, batch_size, seed
        self._anomalies = anomalies
        self._size = height, width = data.images.shape[1:3]
        self._per_epoch = len(data.images) // batch_size
        if self._per_epoch == 0:
            raise ValueError(
                f"a batch needs {batch_size} training images, there are {len(data.images)}; "
                "set a smaller batch_size"
            )
        if data.rotation.quarter_turns and height != width:
            raise ValueError(f"quarter turns need square images, not {height} x {width}")
        self._degrees = None
        if anomalies.rotation_stream == "fixed":
            self._degrees = draw_angles(_generator(seed, "angles"), batch_size, anomalies)
        self._memory = Reused()

    def batch(self, index: int) -> Batch:
        """Draw a batch and compute it on the CPU."""
        count, (height, width) = self._batch_size, self._size
        channels = (3, 3, 1)
        batch = Batch(*(self._memory.empty((count, c, height, width)) for c in channels))
        drawn = self._drawn(index, batch.mask)
        for place, turn, source, weight, *written in zip(*drawn, *batch, strict=True):
            image = turned(self._data.images[place], turn)
            _write(image, source, weight, *(each.numpy() for each in written))
        return batch

    def draft(self, index: int) -> Draft:
        """Draw a batch, for `Finish`."""
        mask = torch.empty(self._batch_size, 1, *self._size, dtype=torch.bool)
        places, turns, sources, weights = self._drawn(index, mask)
        return Draft(
            torch.tensor(
                [
                    way(place, turn.quarters, self._size)
                    for place, turn in zip(places.tolist(), turns, strict=True)
                ]
            ),
            torch.tensor([matrix(turn.degrees, self._size) for turn in turns], dtype=torch.float64),
            torch.from_numpy(sources),
            mask,
            torch.from_numpy(weights).view(-1, 1, 1, 1),
        )

    def _drawn(self, index: int, mask: Tensor) -> _Drawn:
        """Draw all that is random, and write the masks."""
        data, count, rng = self._data, self._batch_size, _generator(self._seed, "batch", index)
        epoch, place = divmod(index, self._per_epoch)
        order = _generator(self._seed, "epoch", epoch).permutation(len(data.images))
        turns = [draw_turn(data.rotation, rng) for _ in range(count)]
        sources = data.textures[rng.integers(len(data.textures), size=count)]
        draw_masks(rng, count, self._size, self._anomalies, degrees=self._degrees, out=mask)
        weights = draw_weights(rng, count, self._anomalies)
        return _Drawn(order[place * count : (place + 1) * count], turns, sources, weights)


class Finish:
    """Make batches of drafts on a device, to the bits of `Draws.batch`.

    The normal images lie there, as bytes. A division is by a tensor: by a number, CUDA would
    multiply with its reciprocal. Nothing waits for the device.
    """

    def __init__(self, data: TrainingImages, device: torch.device | str) -> None:
        self._images = PlacedImages(data.images, device)
        self._rotated = data.rotation.degrees > 0
        self._full = torch.tensor(255.0, device=device)
        constants = torch.tensor((IMAGENET_MEAN, IMAGENET_STD), device=device).view(2, 3, 1, 1)
        self._mean, self._deviation = constants[0], constants[1]

    def __call__(self, draft: Draft) -> Batch:
        """Make a batch of a draft that is on the device."""
        matrices = draft.matrices if self._rotated else None
        clean = self._in_unit(self._images.turned(draft.ways, matrices))
        mixed = blended(clean, self._in_unit(draft.sources), draft.weights)
        corrupted = torch.where(draft.mask, mixed, clean)
        return Batch(self._normalised(corrupted), self._normalised(clean), draft.mask.float())

    def _in_unit(self, pixels: Tensor) -> Tensor:
        return pixels.permute(0, 3, 1, 2).contiguous().float() / self._full

    def _normalised(self, images: Tensor) -> Tensor:
        return (images - self._mean) / self._deviation


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
