"""Which mask belongs to which test image, by their names.

MVTec AD calls the mask of ``000.png`` ``000_mask.png``; other sets call it ``000.png``, ``000.bmp``
and so on. Any kind of image will do, one for each image: nothing is chosen between two.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from destseg.folders import composed, scan, subfolders

MASK = "_mask"
HINTS = 3
"""Names of files that are told where a mask is missing."""


@dataclass(frozen=True)
class Pairing:
    """The masks of test images."""

    masks: tuple[Path | None, ...]  # in the order of the images; None for normal ones
    faults: tuple[str, ...]  # missing and ambiguous ones, a sentence each
    passed_over: tuple[str, ...]  # masks of no image


class _Masks:
    """The masks of one kind of defect, found by the folder below it and the stem."""

    def __init__(self, folder: Path) -> None:
        listing = scan(folder)
        self.folder = folder
        self.faults = listing.faults
        self.unused = dict.fromkeys(listing.files)
        self.by_name: defaultdict[tuple[str, str], list[Path]] = defaultdict(list)
        for path in listing.files:
            inner = path.parent.relative_to(folder).as_posix()
            self.by_name[composed(inner), composed(path.stem)].append(path)

    def of(self, inner: PurePosixPath) -> list[Path]:
        """List those of an image by its path below the defect's folder, without suffix."""
        # A subfolder of images may have its masks in one of the same name, or in the whole's.
        for place in dict.fromkeys((inner.parent.as_posix(), ".")):
            for stem in (inner.name + MASK, inner.name):
                if found := self.by_name.get((composed(place), composed(stem))):
                    return found
        return []

    def near(self, stem: str) -> list[str]:
        """Name some that begin as an image does."""
        names = [
            path.name for path in self.unused if composed(path.name).startswith(composed(stem))
        ]
        return names[:HINTS]


def pair_masks(
    ground_truth: Path, names: Sequence[str], images: Sequence[Path], *, normal: str
) -> Pairing:
    """Find the mask of each test image, called ``defect/stem`` or ``defect/folder/stem``.

    Images in the folder called ``normal`` have none.
    """
    masks: list[Path | None] = [None] * len(names)
    faults = _twins(names, images)
    passed_over = []
    by_defect: defaultdict[str, list[int]] = defaultdict(list)
    for index, name in enumerate(names):
        by_defect[name.partition("/")[0]].append(index)
    by_defect.pop(normal, None)
    for defect, indices in by_defect.items():
        known = _Masks(_folder(ground_truth, defect))
        faults += known.faults
        if not known.unused and len(indices) > 1:
            faults.append(
                f"{known.folder}: no masks for the {len(indices)} images of test/{defect}; add "
                f"them, or call that folder {normal} if its images are"
            )
            continue
        for index in indices:
            found = known.of(PurePosixPath(names[index].removeprefix(f"{defect}/")))
            masks[index] = found[0] if found else None
            if len(found) > 1:
                listed = " and ".join(path.name for path in found)
                faults.append(f"{images[index]}: has two masks, {listed}; remove one")
        users: defaultdict[Path, set[str]] = defaultdict(set)
        for index in indices:
            if (mask := masks[index]) is not None:
                users[mask].add(composed(names[index]))
                known.unused.pop(mask, None)
        for mask, of in users.items():
            if len(of) > 1:
                listed = " and ".join(sorted(of))
                faults.append(f"{mask}: the mask of {listed}; give each image its own")
        faults += [_missing(known, images[i], names[i]) for i in indices if masks[i] is None]
        if known.unused and all(masks[i] is not None for i in indices):
            first = next(iter(known.unused))
            passed_over.append(
                f"{first.parent}: passed over, {len(known.unused)} masks of no image, such as "
                f"{first.name}"
            )
    return Pairing(tuple(masks), tuple(faults), tuple(passed_over))


def _folder(ground_truth: Path, defect: str) -> Path:
    """Find a defect's folder of masks in whichever form its name is written."""
    forms = (
        entry for entry in subfolders(ground_truth) if composed(entry.name) == composed(defect)
    )
    return next(forms, ground_truth / defect)


def _twins(names: Sequence[str], images: Sequence[Path]) -> list[str]:
    first: dict[str, Path] = {}
    faults = []
    for name, image in zip(names, images, strict=True):
        other = first.setdefault(composed(name), image)
        if other != image:
            faults.append(f"{other} and {image}: one name for two images; rename one")
    return faults


def _missing(known: _Masks, image: Path, name: str) -> str:
    inner = PurePosixPath(name).relative_to(PurePosixPath(name).parts[0])
    wanted = known.folder / inner.parent / f"{inner.name}{MASK}.png"
    near = known.near(inner.name)
    there = f"; there is {' and '.join(near)}, call it {wanted.name}" if near else ""
    return f"{wanted}: no such mask for {PurePosixPath(name).parent}/{image.name}{there}"
