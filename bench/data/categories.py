"""Categories in MVTec AD's folder layout: validated and decoded once, then memory-mapped.

Images are read and masks resized as section "Data" of ``docs/method.md`` tells.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from bench.data.cache import publish, recipe_key, require_leave, require_whole
from bench.data.layout import (
    CategoryFiles,
    Extent,
    list_categories,
    scan_category,
)
from bench.data.reading import Reading, reading_of
from destseg.errors import InputError, input_faults, suggestion, tell
from destseg.images import read_rgb, resize_rgb
from destseg.masks import HALF

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from bench.metrics import Protocol  # needs torch

DECODING_VERSION = 3
"""Raised when the decoded arrays change for the same files."""

LOST = "lost.json"
"""Names of defective test images of which resizing leaves no mark."""


@dataclass(frozen=True)
class CategoryRef:
    """A decoded category on disk."""

    category: str  # name of its folder
    path: Path  # the decoded folder in the cache
    digest: str  # of the source files' relative paths and contents, whatever machine or folder
    train: int  # number of training images
    test: int  # number of test images
    native: tuple[int, int] | None = None  # of the source images, see `Extent`
    depth: int | None = None  # bits of source images that are stored with 16, see `bit_depth`

    @property
    def extent(self) -> Extent:
        """How many images it has, and how large they were."""
        return Extent(self.train, self.test, self.native)


@dataclass(frozen=True)
class CategoryData:
    """The memory-mapped, read-only arrays of a category."""

    train: NDArray[np.uint8]  # (N, S, S, 3), the normal training images
    test: NDArray[np.uint8]  # (M, S, S, 3), ordered by path
    # (M, P, P), the ground truth at the rule's size; all False for normal images.
    masks: NDArray[np.bool_]
    names: tuple[str, ...]  # of test images, as ``defect/stem``, for example ``broken_large/000``


def prepare_category(
    root: Path, category: str, size: int, cache: Path, protocol: Protocol
) -> CategoryRef:
    """Validate a category and decode it into the cache, unless it is there already.

    Images are decoded at ``size`` pixels a side, masks at the size and by the rule of the protocol.

    Raises
    ------
    InputError
        With every fault of the category, or when ``root`` has no such category.
    """
    known = list_categories(root)
    if category not in known:
        raise InputError(f"{root}: no category {category!r}; {suggestion(category, known)}")
    folder = root / category
    listing = scan_category(folder)
    reading = reading_of(folder, listing, cache)
    rule = f"{protocol.mask_rule}-{protocol.size}"
    key = recipe_key([DECODING_VERSION, reading.digest, size, rule])
    path = cache / "categories" / f"{category}-{size}-{key}"
    if listing.faults:
        # That the same files were decoded once does not excuse what is missing beside them.
        require_leave(path)
        _decode(folder, listing, reading, size, protocol, path)
    publish(path, lambda draft: _decode(folder, listing, reading, size, protocol, draft))
    # Only now, since what has been decoded has sizes; caches of older releases do not tell them.
    extent = listing.extent
    ref = CategoryRef(category, path, reading.digest, *extent.counts, extent.native, reading.depth)
    for sentence in listing.passed_over:
        tell(sentence)
    tell_doubts(category, reading, protocol)
    # What is damaged was made again above, except where nothing is computed with it.
    with contextlib.suppress(OSError, ValueError):
        tell_lost(category, json.loads((path / LOST).read_text(encoding="utf-8")), protocol)
    return ref


def load_category(ref: CategoryRef) -> CategoryData:
    """Map what `prepare_category` decoded into memory.

    Raises
    ------
    InputError
        When it is not what was decoded.
    """
    require_whole(ref.path)
    train, test, masks = (
        np.load(ref.path / f"{name}.npy", mmap_mode="r") for name in ("train", "test", "masks")
    )
    names = json.loads((ref.path / "names.json").read_text(encoding="utf-8"))
    return CategoryData(train, test, masks, tuple(names))


def tell_doubts(category: str, reading: Reading, protocol: Protocol) -> None:
    """Tell of masks with a region that is nowhere light enough to count, and of turned images."""
    from bench.data.truth import least_of

    if reading.turned:
        count = "1 image" if len(reading.turned) == 1 else f"{len(reading.turned)} images"
        tell(
            f"{category}: {count}, such as {reading.turned[0]}, would be turned by viewers (EXIF) "
            "and are read as stored; masks that were drawn on the turned image do not fit"
        )
    if reading.faint and least_of(protocol.mask_rule) >= HALF:
        count = "1 mask" if len(reading.faint) == 1 else f"{len(reading.faint)} masks"
        tell(
            f"{category}: regions of {count}, such as {reading.faint[0]}, are not marked, since no "
            f"pixel of them reaches the level {HALF}; masks that were made smaller have such"
        )


def tell_lost(category: str, names: Sequence[str], protocol: Protocol) -> None:
    """Tell which defective test images have no mark left at the protocol's size."""
    if names:
        tell(
            f"{category}: at {protocol.size}x{protocol.size} pixels no mark is left of "
            f"{', '.join(names)}, which count as normal (mask rule {protocol.mask_rule})"
        )


def _decode(
    folder: Path,
    listing: CategoryFiles,
    reading: Reading,
    size: int,
    protocol: Protocol,
    draft: Path,
) -> None:
    """Write a category's arrays into ``draft``, or raise one error with all its faults."""
    from bench.data.truth import read_truth

    faults = list(listing.faults)
    images = (*listing.train, *listing.test)
    masks: tuple[Path | None, ...] = (*(None for _ in listing.train), *listing.masks)
    rgb = np.zeros((len(images), size, size, 3), np.uint8)
    # Metrics have a size of their own, so that masks may have another one than images.
    marked: dict[int, NDArray[np.bool_]] = {}
    pairs = zip(images, masks, strict=True)
    progress = tqdm(pairs, f"decode {folder.name}", len(images), unit="image", delay=2)
    for index, (image, mask) in enumerate(progress):
        shape: tuple[int, int] | None = None
        try:
            native = read_rgb(image, None, depth=reading.depth)
            shape = native.shape[:2]
            rgb[index] = resize_rgb(native, size)
        except InputError as error:
            faults.append(str(error))
        try:
            if mask is not None:
                marked[index] = read_truth(mask, shape, protocol)
        except InputError as error:
            faults.append(str(error))
    if faults:
        raise input_faults(str(folder), faults)
    first = len(listing.train)
    np.save(draft / "train.npy", rgb[:first])
    np.save(draft / "test.npy", rgb[first:])
    normal = np.zeros_like(next(iter(marked.values())))
    tests = [marked.get(index, normal) for index in range(first, len(images))]
    np.save(draft / "masks.npy", np.stack(tests))
    (draft / "names.json").write_text(json.dumps(listing.names), encoding="utf-8")
    lost = [
        name
        for index, name in enumerate(listing.names, start=first)
        if index in marked and not marked[index].any()
    ]
    (draft / LOST).write_text(json.dumps(lost), encoding="utf-8")
