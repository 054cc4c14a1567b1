"""Categories in MVTec AD's folder layout: validated and decoded once, then memory-mapped.

Images are read and masks resized as section 3 of the specification has it.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from bench.data.cache import content_digest, publish
from bench.data.layout import CategoryFiles, list_categories, other_size, scan_category
from destseg.config import Rotation
from destseg.errors import InputError
from destseg.images import input_faults, read_mask, read_rgb, resize_rgb

DECODING_VERSION = 1
"""Raised when the decoded arrays change for the same files."""

ROTATION: Mapping[str, Rotation] = MappingProxyType(
    dict.fromkeys(("capsule", "metal_nut", "pill", "toothbrush", "transistor"), Rotation())
    | dict.fromkeys(("wood", "zipper", "cable"), Rotation(degrees=5.0))
    | dict.fromkeys(
        ("bottle", "grid", "hazelnut", "leather", "tile", "carpet", "screw"),
        Rotation(quarter_turns=True, degrees=5.0),
    )
)
"""The paper's rotations of the 15 categories of MVTec AD (specification, section 3.2)."""

COUNTS: Mapping[str, tuple[int, int]] = MappingProxyType(
    {
        "bottle": (209, 83),
        "cable": (224, 150),
        "capsule": (219, 132),
        "carpet": (280, 117),
        "grid": (264, 78),
        "hazelnut": (391, 110),
        "leather": (245, 124),
        "metal_nut": (220, 115),
        "pill": (267, 167),
        "screw": (320, 160),
        "tile": (230, 117),
        "toothbrush": (60, 42),
        "transistor": (213, 100),
        "wood": (247, 79),
        "zipper": (240, 151),
    }
)
"""Training and test images of MVTec AD's categories (specification, section 5)."""


def rotation_of(category: str) -> Rotation:
    """Return the paper's rotation of a category; no rotation for a category it has not."""
    return ROTATION.get(category, Rotation())


@dataclass(frozen=True)
class CategoryRef:
    """A decoded category on disk.

    Parameters
    ----------
    category : str
        Name of its folder.
    path : Path
        The decoded folder in the cache.
    digest : str
        Of the source files' relative paths and contents, whatever machine or folder.
    train, test : int
        Number of training and test images.
    """

    category: str
    path: Path
    digest: str
    train: int
    test: int


@dataclass(frozen=True)
class CategoryData:
    """The memory-mapped, read-only arrays of a category.

    Parameters
    ----------
    train : ndarray
        (N, S, S, 3) uint8, the normal training images.
    test : ndarray
        (M, S, S, 3) uint8, ordered by path.
    masks : ndarray
        (M, P, P) bool, the ground truth at the rule's size; all False for normal images.
    names : tuple of str
        Test images as ``defect/stem``, for example ``broken_large/000``.
    """

    train: NDArray[np.uint8]
    test: NDArray[np.uint8]
    masks: NDArray[np.bool_]
    names: tuple[str, ...]


def is_mvtec_ad(categories: Iterable[CategoryRef]) -> bool:
    """Whether categories are MVTec AD's by name and by their numbers of images.

    Only then may the paper's numbers stand beside measured ones.
    """
    return all(has_published_counts(ref.category, ref.train, ref.test) for ref in categories)


def has_published_counts(category: str, train: int, test: int) -> bool:
    """Whether MVTec AD has a category of this name with so many images."""
    return COUNTS.get(category) == (train, test)


def prepare_category(
    root: Path,
    category: str,
    size: int,
    cache: Path,
    *,
    resize_mask: Callable[[NDArray[np.uint8]], NDArray[Any]],
    rule: str,
) -> CategoryRef:
    """Validate a category and decode it into the cache, unless it is there already.

    Parameters
    ----------
    root : Path
        Folder that holds the categories.
    category : str
        Name of the category's folder.
    size : int
        Side of the decoded images.
    cache : Path
        Cache folder.
    resize_mask : callable
        Turns an (H, W) uint8 mask of 0..255 into a square mask, of the same size for all,
        nonzero where anomalous.
    rule : str
        Names what ``resize_mask`` does; masks decoded under another rule are kept apart.

    Returns
    -------
    CategoryRef
        The decoded category.

    Raises
    ------
    InputError
        With every fault of the category, or when there is no such category.
    """
    known = list_categories(root)
    if category not in known:
        near = get_close_matches(category, known, n=3)
        hint = f"did you mean {' or '.join(near)}" if near else f"it has {', '.join(known)}"
        raise InputError(f"{root}: no category {category!r} in it; {hint}?")
    folder = root / category
    listing = scan_category(folder)
    digest = content_digest(folder, listing.paths, cache)
    recipe = json.dumps([DECODING_VERSION, digest, size, rule])
    key = hashlib.sha256(recipe.encode()).hexdigest()[:16]
    path = cache / "categories" / f"{category}-{size}-{key}"
    publish(path, lambda draft: _decode(folder, listing, size, resize_mask, draft))
    return CategoryRef(category, path, digest, len(listing.train), len(listing.test))


def load_category(source: CategoryRef | Path) -> CategoryData:
    """Map a decoded category into memory.

    Parameters
    ----------
    source : CategoryRef or Path
        What `prepare_category` returned, or the path in it.
    """
    path = source.path if isinstance(source, CategoryRef) else source
    train, test, masks = (
        np.load(path / f"{name}.npy", mmap_mode="r") for name in ("train", "test", "masks")
    )
    names = json.loads((path / "names.json").read_text(encoding="utf-8"))
    return CategoryData(train, test, masks, tuple(names))


def _decode(
    folder: Path,
    listing: CategoryFiles,
    size: int,
    resize_mask: Callable[[NDArray[np.uint8]], NDArray[Any]],
    draft: Path,
) -> None:
    """Write a category's arrays into ``draft``, or raise one error with all its faults."""
    faults = list(listing.faults)
    images = (*listing.train, *listing.test)
    masks: tuple[Path | None, ...] = (*(None for _ in listing.train), *listing.masks)
    rgb = np.zeros((len(images), size, size, 3), np.uint8)
    # The rule may give masks another size than the images': metrics have a size of their own.
    marked: dict[int, NDArray[np.bool_]] = {}
    pairs = zip(images, masks, strict=True)
    progress = tqdm(pairs, f"decode {folder.name}", len(images), unit="image", delay=2)
    for index, (image, mask) in enumerate(progress):
        shape: tuple[int, ...] | None = None
        try:
            native = read_rgb(image, None)
            shape = native.shape[:2]
            rgb[index] = resize_rgb(native, size)
        except InputError as error:
            faults.append(str(error))
        try:
            if mask is not None:
                truth = read_mask(mask)
                if shape is not None and truth.shape != shape:
                    faults.append(other_size(mask, truth.shape, shape))
                marked[index] = resize_mask(truth).astype(np.bool_)
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
    names = [f"{image.parent.name}/{image.stem}" for image in listing.test]
    (draft / "names.json").write_text(json.dumps(names), encoding="utf-8")
