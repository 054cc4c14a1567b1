"""Which mask belongs to which test image, by their names.

MVTec AD calls the mask of ``000.png`` ``000_mask.png``; other sets call it ``000.png``, ``000.bmp``
and so on. Any kind of image will do, one for each image: nothing is chosen between two.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from destseg.files import composed
from destseg.folders import scan, subfolders

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
        self.unread = frozenset(listing.unread)  # which the faults are of
        self.unused = dict.fromkeys(listing.files)
        self.by_name: defaultdict[tuple[str, str], list[Path]] = defaultdict(list)
        for path in (*listing.files, *listing.unread):
            inner = path.parent.relative_to(folder).as_posix()
            self.by_name[composed(inner), composed(path.stem)].append(path)

    def of(self, name: str) -> list[Path]:
        """List those of an image called ``defect/stem`` or ``defect/folder/stem``.

        One that cannot be read is among them where there is no other.
        """
        inner = _inner(name)
        # A subfolder of images may have its masks in one of the same name, or in the whole's.
        for place in dict.fromkeys((inner.parent.as_posix(), ".")):
            for stem in (inner.name + MASK, inner.name):
                if found := self.by_name.get((composed(place), composed(stem))):
                    return [path for path in found if path not in self.unread] or found[:1]
        return []

    def left(self) -> list[str]:
        """Tell of those of no image."""
        if not self.unused:
            return []
        first = next(iter(self.unused))
        count = "1 mask" if len(self.unused) == 1 else f"{len(self.unused)} masks"
        return [f"{first.parent}: passed over, {count} of no image, such as {first.name}"]

    def near(self, stem: str) -> list[str]:
        """Name some that begin as an image does."""
        names = [
            path.name for path in self.unused if composed(path.name).startswith(composed(stem))
        ]
        return names[:HINTS]


def pair_masks(
    ground_truth: Path,
    names: Sequence[str],
    images: Sequence[Path],
    *,
    normal: str,
    unread: Collection[str] = (),
) -> Pairing:
    """Find the mask of each test image, called ``defect/stem`` or ``defect/folder/stem``.

    Images in the folder called ``normal`` have none. Those called ``unread`` have been told: their
    masks are not missed, nor told to be of no image.
    """
    masks: list[Path | None] = [None] * len(names)
    faults = _twins(names, images)
    passed_over = []
    by_defect: defaultdict[str, list[int]] = defaultdict(list)
    for index, name in enumerate(names):
        by_defect[_defect(name)].append(index)
    by_defect.pop(normal, None)
    for defect, indices in by_defect.items():
        known = _Masks(_folder(ground_truth, defect))
        faults += known.faults
        if not known.by_name and len(indices) > 1:
            faults.append(
                f"{known.folder}: no masks for the {len(indices)} images of test/{defect}; add "
                f"them, or call that folder {normal} if its images are"
            )
            continue
        missing = []
        for index in indices:
            found = known.of(names[index])
            if not found:
                missing.append(_missing(known, images[index], names[index]))
            elif len(found) > 1:
                listed = " and ".join(path.name for path in found)
                faults.append(f"{images[index]}: has two masks, {listed}; remove one")
            if found and found[0] not in known.unread:
                masks[index] = found[0]
        pairs = [(mask, names[index]) for index in indices if (mask := masks[index]) is not None]
        faults += [*_shared(pairs), *missing]
        told = [mask for name in unread if _defect(name) == defect for mask in known.of(name)]
        for mask in (*dict(pairs), *told):
            known.unused.pop(mask, None)
        if all(masks[i] is not None for i in indices):
            passed_over += known.left()
    tested = {composed(defect) for defect in (*by_defect, *map(_defect, unread), normal)}
    for folder in subfolders(ground_truth):
        if composed(folder.name) not in tested:
            passed_over += _Masks(folder).left()
    return Pairing(tuple(masks), tuple(faults), tuple(passed_over))


def _defect(name: str) -> str:
    return name.partition("/")[0]


def _inner(name: str) -> PurePosixPath:
    return PurePosixPath(name.partition("/")[2])


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


def _shared(pairs: Iterable[tuple[Path, str]]) -> list[str]:
    users: defaultdict[Path, set[str]] = defaultdict(set)
    for mask, name in pairs:
        users[mask].add(composed(name))
    return [
        f"{mask}: the mask of {' and '.join(sorted(names))}; give each image its own"
        for mask, names in users.items()
        if len(names) > 1
    ]


def _missing(known: _Masks, image: Path, name: str) -> str:
    inner = _inner(name)
    wanted = known.folder / inner.parent / f"{inner.name}{MASK}.png"
    near = known.near(inner.name)
    there = f"; there is {' and '.join(near)}, call it {wanted.name}" if near else ""
    return f"{wanted}: no such mask for {PurePosixPath(name).parent}/{image.name}{there}"
