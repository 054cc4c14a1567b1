"""MVTec AD's folder layout: which categories are there, which files a category has.

``<category>/train/good/*``, ``test/good/*``, ``test/<defect>/*`` and
``ground_truth/<defect>/<stem>_mask.png`` (Bergmann et al., CVPR 2019).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from destseg.errors import InputError, one_line
from destseg.images import image_files, require_folder

GOOD = "good"


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
    faults: tuple[str, ...]  # what is missing, a sentence each

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
    found = tuple(sorted(entry.name for entry in root.iterdir() if (entry / "train").is_dir()))
    if not found:
        raise InputError(
            f"{root}: no category in it, that is no subfolder with train/good; "
            "give the folder into which MVTec AD was unpacked."
        )
    return found


def scan_category(folder: Path) -> CategoryFiles:
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
    masks: list[Path | None] = [None] * len(test)
    for index, image in enumerate(test):
        if image.parent.name != GOOD:
            mask = folder / "ground_truth" / image.parent.name / f"{image.stem}_mask.png"
            if mask.is_file():
                masks[index] = mask
            else:
                faults.append(f"{mask}: no such mask for {image.parent.name}/{image.name}")
    return CategoryFiles(tuple(train), tuple(test), tuple(masks), tuple(faults))


def other_size(mask: Path, found: tuple[int, ...], wanted: tuple[int, ...]) -> str:
    """Describe a mask whose size is not its image's."""
    return (
        f"{mask}: {found[1]}x{found[0]} pixels, its image has {wanted[1]}x{wanted[0]}; "
        "give the mask at the image's size"
    )


def image_size(path: Path) -> tuple[int, int]:
    """Read an image's height and width from its head alone.

    Raises
    ------
    InputError
        When it has none.
    """
    try:
        with Image.open(path) as image:
            return image.height, image.width
    except (OSError, Image.DecompressionBombError) as error:
        raise InputError(
            f"{path}: cannot be decoded ({decoding_error(error)}); copy it again."
        ) from None


def decoding_error(error: Exception) -> str:
    """Say in a line what a decoder met."""
    # Pillow's own words for that repeat the path.
    return "in no known format" if isinstance(error, UnidentifiedImageError) else one_line(error)


def similar_names(name: str, known: Iterable[str]) -> str:
    """Ask whether one of the known names nearest to an unknown one was meant, or list them all."""
    known = list(known)
    near = get_close_matches(name, known, n=3)
    return f"did you mean {' or '.join(near)}" if near else f"it has {', '.join(known)}"
