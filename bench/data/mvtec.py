"""Categories in MVTec AD's folder layout: validated and decoded once, then memory-mapped.

Layout: ``<category>/train/good/*``, ``test/good/*``, ``test/<defect>/*`` and
``ground_truth/<defect>/<stem>_mask.png`` (Bergmann et al., CVPR 2019). Images are read and
masks resized as section 3 of the specification has it.
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
from destseg.batches import Rotation
from destseg.errors import InputError
from destseg.images import image_files, input_faults, read_mask, read_rgb, resize_rgb

DECODING_VERSION = 1
"""Raised when the decoded arrays change for the same files."""

GOOD = "good"


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


@dataclass(frozen=True)
class _Listing:
    """The files of a category, and what the layout lacks."""

    train: tuple[Path, ...]
    test: tuple[Path, ...]
    masks: tuple[Path | None, ...]
    faults: tuple[str, ...]


def is_mvtec_ad(categories: Iterable[CategoryRef]) -> bool:
    """Whether categories are MVTec AD's by name and by their numbers of images.

    Only then may the paper's numbers stand beside measured ones.
    """
    return all(COUNTS.get(ref.category) == (ref.train, ref.test) for ref in categories)


def list_categories(root: Path) -> tuple[str, ...]:
    """List the categories in a folder: its subfolders that have a ``train`` folder.

    Returns
    -------
    tuple of str
        Sorted, at least one.

    Raises
    ------
    InputError
        When the folder is missing or holds no category.
    """
    if not root.is_dir():
        what = "is not a folder" if root.exists() else "no such folder"
        raise InputError(f"{root}: {what}; give the folder that holds the categories.")
    if (root / "train").is_dir():
        raise InputError(
            f"{root}: is itself a category, not a folder of categories; "
            f"give its parent {root.resolve().parent} and choose the category by name."
        )
    found = tuple(sorted(entry.name for entry in root.iterdir() if (entry / "train").is_dir()))
    if not found:
        raise InputError(
            f"{root}: no category in it, that is no subfolder with train/good; "
            "give the folder into which MVTec AD was unpacked."
        )
    return found


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
    listing = _scan(folder)
    masks = [mask for mask in listing.masks if mask is not None]
    digest = content_digest(folder, [*listing.train, *listing.test, *masks], cache)
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


def _scan(folder: Path) -> _Listing:
    """Find a category's files and the faults of its layout, decoding nothing."""
    faults = []
    train = image_files(folder / "train" / GOOD)
    if not train:
        lack = "has no images" if (folder / "train" / GOOD).is_dir() else "no such folder"
        faults.append(f"{folder / 'train' / GOOD}: {lack}; the training images belong there")
    tests = folder / "test"
    test: list[Path] = []
    if tests.is_dir():
        for kind in sorted(entry for entry in tests.iterdir() if entry.is_dir()):
            test += image_files(kind)
    kinds = {image.parent.name for image in test}
    if not kinds:
        lack = "has no images" if tests.is_dir() else "no such folder"
        faults.append(f"{tests}: {lack}; test/good and test/<defect> belong there")
    elif GOOD not in kinds:
        faults.append(f"{tests / GOOD}: no normal test images; image AUROC needs some")
    elif kinds == {GOOD}:
        faults.append(f"{tests}: no defect folder with images; every metric needs anomalies")
    masks: list[Path | None] = []
    for image in test:
        mask = None
        if image.parent.name != GOOD:
            mask = folder / "ground_truth" / image.parent.name / f"{image.stem}_mask.png"
            if not mask.is_file():
                faults.append(f"{mask}: no such mask for {image.parent.name}/{image.name}")
                mask = None
        masks.append(mask)
    return _Listing(tuple(train), tuple(test), tuple(masks), tuple(faults))


def _decode(
    folder: Path,
    listing: _Listing,
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
                    faults.append(_other_size(mask, truth.shape, shape))
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


def _other_size(mask: Path, found: tuple[int, ...], wanted: tuple[int, ...]) -> str:
    """Describe a mask whose size is not its image's."""
    return (
        f"{mask}: {found[1]}x{found[0]} pixels, its image has {wanted[1]}x{wanted[0]}; "
        "give the mask at the image's size"
    )
