"""MVTec AD's folder layout: which categories are there, which files a category has.

``<category>/train/good/*``, ``test/good/*``, ``test/<defect>/*`` and
``ground_truth/<defect>/<stem>_mask.png`` (Bergmann et al., CVPR 2019). Subfolders belong to their
folder. `destseg.files` says which files are images, `bench.data.pairing` which masks are theirs.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from bench.data.pairing import pair_masks
from destseg.errors import InputError, tell
from destseg.files import irregular, is_image, looks_like_image
from destseg.folders import (
    broken_links,
    entries_below,
    image_files,
    require_folder,
    scan,
    subfolders,
)
from destseg.images import image_size

GOOD = "good"

LOOKED_AT = 1000
"""Files of a folder beside the categories that are looked at for images."""


@dataclass(frozen=True)
class Extent:
    """How many images a category has, and how large they are."""

    train: int  # number of training images
    test: int  # number of test images
    # Height and width of the first training and the first test image; None where they differ, or
    # where nobody has looked.
    native: tuple[int, int] | None = None

    @property
    def counts(self) -> tuple[int, int]:
        """Numbers of training and of test images."""
        return self.train, self.test


@dataclass(frozen=True)
class CategoryFiles:
    """The files of a category, and what the layout lacks."""

    train: tuple[Path, ...]  # ordered by path, as the test images are
    test: tuple[Path, ...]
    # The mask of each test image; None for normal images and where it is missing.
    masks: tuple[Path | None, ...]
    names: tuple[str, ...]  # of the test images, as ``defect/stem``, for example ``hole/000``
    faults: tuple[str, ...]  # what is missing, a sentence each
    passed_over: tuple[str, ...] = ()  # what holds images and is not read, a sentence each
    # The images that some of the faults are of, as ``test/defect/stem`` or ``train/good/stem``.
    unread: tuple[str, ...] = ()

    @property
    def defects(self) -> tuple[str, ...]:
        """The folder of each test image: its kind of defect, or `GOOD`."""
        return tuple(name.partition("/")[0] for name in self.names)

    @property
    def paths(self) -> list[Path]:
        """Training images, test images and masks: what is read, and what is digested."""
        return [*self.train, *self.test, *(mask for mask in self.masks if mask is not None)]

    @property
    def extent(self) -> Extent:
        """How many images there are, and how large.

        Raises
        ------
        InputError
            When an image that is asked for its size is damaged.
        """
        # Copies are resized as a whole: the heads of two files tell, and need no time.
        sizes = {image_size(image) for image in (*self.train[:1], *self.test[:1])}
        return Extent(len(self.train), len(self.test), sizes.pop() if len(sizes) == 1 else None)


def list_categories(root: Path) -> tuple[str, ...]:
    """List the categories in a folder, sorted: its subfolders that have a ``train`` folder.

    Raises
    ------
    InputError
        When the folder is missing or holds no category.
    """
    require_folder(root, "give the folder that holds the categories")
    if (root / "train").is_dir():
        raise InputError(
            f"{root}: is itself a category, not a folder of categories; "
            f"give its parent {root.resolve().parent} and choose the category by name."
        )
    found = tuple(entry.name for entry in subfolders(root) if (entry / "train").is_dir())
    if not found:
        raise InputError(
            f"{root}: no category in it, that is no subfolder with train/good; "
            "give the folder into which MVTec AD was unpacked."
        )
    return found


def tell_strangers(root: Path) -> None:
    """Tell of folders with images beside the categories, which look as if they were some."""
    for sentence in broken_links(root).values():
        tell(sentence)
    for folder in subfolders(root):
        if not (folder / "train").is_dir() and any(islice(_images_below(folder), 1)):
            tell(f"{folder}: passed over, since it has no folder train/good")


def scan_category(folder: Path) -> CategoryFiles:
    """Find a category's files and the faults of its layout, decoding nothing."""
    faults: list[str] = []
    passed_over = [
        f"{place}: passed over, images outside of train/{GOOD} and test ({count})"
        for place, count in _outside(folder)
    ]

    unread: list[str] = []

    def found(place: Path) -> tuple[Path, ...]:
        listing = scan(place)
        faults.extend(listing.faults)
        passed_over.extend(listing.passed_over)
        unread.extend(_name(image, folder) for image in listing.unread)
        return listing.files

    tests = folder / "test"
    lost_train, lost_tests = broken_links(folder / "train"), broken_links(tests)
    faults += [*lost_train.values(), *lost_tests.values()]
    train = found(folder / "train" / GOOD)
    if not (train or unread or lost_train):
        others = ", ".join(entry.name for entry in subfolders(folder / "train"))
        there = f", not into {others}" if others and others != GOOD else ""
        belong = f"the training images belong there{there}"
        faults.append(_lack(folder / "train" / GOOD, belong))
    test: list[Path] = []
    kinds = {path.name for path in lost_tests}
    for kind in subfolders(tests):
        known = len(unread)
        images = found(kind)
        test += images
        if images or len(unread) > known:
            kinds.add(kind.name)
        elif is_image(kind):
            faults.append(f"{kind}: {irregular(kind)}; replace or remove it")
    faults += [
        f"{image}: neither in test/{GOOD} nor in test/<defect>; move it into one"
        for image in image_files(tests)
    ]
    if not kinds:
        faults.append(_lack(tests, "test/good and test/<defect> belong there"))
    elif GOOD not in kinds:
        faults.append(f"{tests / GOOD}: no normal test images; image AUROC needs some")
    elif kinds == {GOOD}:
        faults.append(f"{tests}: no defect folder with images; every metric needs anomalies")
    names = tuple(_name(image, tests) for image in test)
    pairing = pair_masks(
        folder / "ground_truth",
        names,
        test,
        normal=GOOD,
        unread=[
            *(name.removeprefix("test/") for name in unread),
            *(f"{path.name}/" for path in lost_tests),
        ],
    )
    return CategoryFiles(
        train,
        tuple(test),
        pairing.masks,
        names,
        (*faults, *pairing.faults),
        (*passed_over, *pairing.passed_over),
        tuple(unread),
    )


def _name(image: Path, folder: Path) -> str:
    return image.relative_to(folder).with_suffix("").as_posix()


def _outside(folder: Path) -> Iterator[tuple[Path, int]]:
    """Yield the places of a category that hold images and are not read, and how many."""
    for place in (folder, folder / "train"):
        if count := len(image_files(place)):
            yield place, count
    read = ("train", "test", "ground_truth")
    inner = [entry for entry in subfolders(folder) if entry.name not in read]
    inner += [entry for entry in subfolders(folder / "train") if entry.name != GOOD]
    for place in inner:
        if count := sum(1 for _ in _images_below(place)):
            yield place, count


def _images_below(folder: Path) -> Iterator[Path]:
    """Yield what looks like an image below a folder, as far as looking takes no time."""
    yield from filter(looks_like_image, islice(entries_below(folder), LOOKED_AT))


def _lack(place: Path, belongs: str) -> str:
    lack = "has no images" if place.is_dir() else "no such folder"
    return f"{place}: {lack}; {belongs}"
