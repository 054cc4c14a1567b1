"""Anomaly maps and masks from the forms users have them in, checked, in blocks of images."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, Union

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch
    from typing_extensions import TypeIs

Array: TypeAlias = NDArray[Any]
Values: TypeAlias = Union[Array, "torch.Tensor"]
#: (N, H, W) array or tensor, or a sequence of N images (H, W), which may differ in size.
Images: TypeAlias = Values | Sequence[Values]
#: Pairs of maps (n, H, W) and masks (n, H, W), read once.
Batches: TypeAlias = Iterable[tuple[Values, Values]]

# Pixels per block. Large enough that the cost per block vanishes, small enough that the copies
# made of a block (selection of the largest pixels, masks) stay at a few tens of megabytes.
_BLOCK_PIXELS = 1 << 22


@dataclass(frozen=True, slots=True)
class Block:
    """Some images of the test set, (n, H, W): finite scores in a native type, and their masks."""

    maps: Array
    masks: NDArray[np.bool_]


@dataclass(frozen=True)
class ArraySource:
    """Maps and masks held in memory; can be read as often as needed."""

    maps: Images
    masks: Images
    crop: int | None

    def __post_init__(self) -> None:
        if len(self.maps) != len(self.masks):
            raise ValueError(f"{len(self.maps)} maps but {len(self.masks)} masks")

    def blocks(self) -> Iterator[Block]:
        """Yield the images in order, checked."""
        for span in self._spans():
            maps, masks = _cut(self.maps, span), _cut(self.masks, span)
            yield _block(maps, masks, first=span.start, crop=self.crop)

    def values(self) -> Iterator[Array]:
        """Yield the scores alone, which `blocks` has checked before."""
        for span in self._spans():
            yield _centre(_scores(_cut(self.maps, span), "maps"), self.crop)

    def _spans(self) -> Iterator[slice]:
        step = 1
        if _is_array(self.maps) and len(self.maps):
            image_pixels = int(np.prod(self.maps.shape[1:]))
            step = max(1, _BLOCK_PIXELS // max(1, image_pixels))
        for start in range(0, len(self.maps), step):
            yield slice(start, min(start + step, len(self.maps)))


@dataclass(frozen=True)
class BatchSource:
    """Batches of maps and masks that are read once and need never be in memory together."""

    batches: Batches
    crop: int | None

    def blocks(self) -> Iterator[Block]:
        """Yield the batches in order, checked."""
        first = 0
        for maps, masks in self.batches:
            block = _block(maps, masks, first=first, crop=self.crop)
            yield block
            first += len(block.maps)


def open_source(
    maps: Images | Batches, masks: Images | None, crop: int | None = None
) -> ArraySource | BatchSource:
    """Read `maps` with `masks`, or, where `masks` is None, `maps` as batches of both."""
    if masks is None:
        if _is_array(maps):
            raise TypeError("maps given without masks; expected masks, or (maps, masks) batches")
        return BatchSource(maps, crop)  # type: ignore[arg-type]
    if not (_is_array(maps) or isinstance(maps, Sequence)):
        raise TypeError(
            f"maps are a {type(maps).__name__} beside masks; "
            "expected an array or a sequence, or an iterable of (maps, masks) alone"
        )
    return ArraySource(maps, masks, crop)


def read_image_scores(given: Values | Sequence[float]) -> Array:
    """Scores that a method gives its images itself, checked: (N,), finite."""
    scores = _scores(given, "image_scores")
    if scores.ndim != 1:
        raise ValueError(f"image_scores has shape {scores.shape}; expected (N,)")
    broken = np.flatnonzero(~np.isfinite(scores))
    if broken.size:
        raise ValueError(
            f"image_scores of image {broken[0]} is {scores[broken[0]]} ({broken.size} such among "
            f"{scores.size} images); expected a finite score"
        )
    return scores


def _cut(images: Images, span: slice) -> Values:
    """Images of `span` as one array; a sequence is read one image at a time."""
    if _is_array(images):
        return images[span]
    image = images[span.start]
    return image[None] if _is_tensor(image) else np.asarray(image)[None]


def _block(maps: Values, masks: Values, *, first: int, crop: int | None) -> Block:
    scores = _scores(maps, "maps")
    labels = _numpy(masks)
    if scores.ndim != 3:
        raise ValueError(f"maps have shape {scores.shape}; expected (N, H, W)")
    if scores.shape != labels.shape:
        raise ValueError(
            f"image {first}: maps have shape {scores.shape} and masks {labels.shape}; "
            "expected the same"
        )
    # Before the crop: a broken pixel is a broken map, wherever it lies.
    if scores.dtype.kind == "f":
        _refuse(~np.isfinite(scores), scores, "map", first, "a finite score")
    if labels.dtype != np.bool_:
        _refuse((labels != 0) & (labels != 1), labels, "mask", first, "0 or 1")
        labels = labels != 0
    return Block(_centre(scores, crop), _centre(labels, crop))


def _refuse(bad: NDArray[np.bool_], values: Array, what: str, first: int, allowed: str) -> None:
    count = int(np.count_nonzero(bad))
    if count:
        image, row, column = (int(i) for i in np.unravel_index(int(bad.argmax()), bad.shape))
        raise ValueError(
            f"{what} of image {first + image} holds {values[image, row, column]} at row {row}, "
            f"column {column} ({count} such pixels among {len(values)} images); "
            f"expected {allowed}"
        )


def _scores(given: Values | Sequence[float], what: str) -> Array:
    """Scores in a type that sorts fast and holds every value of the input exactly."""
    values = _numpy(given)
    if values.dtype.kind not in "fiu":
        raise ValueError(f"{what} have dtype {values.dtype}; expected floating or integer")
    if values.dtype == np.float16:
        return values.astype(np.float32)
    return values.astype(values.dtype.newbyteorder("="), copy=False)


def _is_tensor(values: object) -> "TypeIs[torch.Tensor]":
    # Whoever has a tensor has imported torch.
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(values, torch.Tensor)


def _is_array(values: object) -> "TypeIs[Values]":
    return isinstance(values, np.ndarray) or _is_tensor(values)


def _numpy(values: Values | Sequence[float]) -> Array:
    if _is_tensor(values):
        import torch

        values = values.detach().cpu()
        # NumPy has no bfloat16; float32 holds every one of its values.
        values = values.float() if values.dtype == torch.bfloat16 else values
        return values.numpy()
    return np.asarray(values)


def _centre(images: Array, crop: int | None) -> Array:
    if crop is None:
        return images
    height, width = images.shape[1:]
    if crop > min(height, width):
        raise ValueError(f"crop is {crop}, larger than the maps, {height}x{width}")
    top, left = (height - crop) // 2, (width - crop) // 2
    return images[:, top : top + crop, left : left + crop]
