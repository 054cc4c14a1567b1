"""MVTec AD's folder layout: which categories are there, which files a category has.

``<category>/train/good/*``, ``test/good/*``, ``test/<defect>/*`` and
``ground_truth/<defect>/<stem>_mask.png`` (Bergmann et al., CVPR 2019).
"""

from dataclasses import dataclass
from pathlib import Path

from destseg.errors import InputError
from destseg.images import image_files, require_folder

GOOD = "good"


@dataclass(frozen=True)
class CategoryFiles:
    """The files of a category, and what the layout lacks.

    Parameters
    ----------
    train, test : tuple of Path
        Images, ordered by path.
    masks : tuple of Path or None
        The mask of each test image; None for normal images and where it is missing.
    faults : tuple of str
        What is missing, a sentence each.
    """

    train: tuple[Path, ...]
    test: tuple[Path, ...]
    masks: tuple[Path | None, ...]
    faults: tuple[str, ...]

    @property
    def paths(self) -> list[Path]:
        """Training images, test images and masks: what is read, and what is digested."""
        return [*self.train, *self.test, *(mask for mask in self.masks if mask is not None)]


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
    masks: list[Path | None] = []
    for image in test:
        mask = None
        if image.parent.name != GOOD:
            mask = folder / "ground_truth" / image.parent.name / f"{image.stem}_mask.png"
            if not mask.is_file():
                faults.append(f"{mask}: no such mask for {image.parent.name}/{image.name}")
                mask = None
        masks.append(mask)
    return CategoryFiles(tuple(train), tuple(test), tuple(masks), tuple(faults))


def other_size(mask: Path, found: tuple[int, ...], wanted: tuple[int, ...]) -> str:
    """Describe a mask whose size is not its image's."""
    return (
        f"{mask}: {found[1]}x{found[0]} pixels, its image has {wanted[1]}x{wanted[0]}; "
        "give the mask at the image's size"
    )
