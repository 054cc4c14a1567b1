"""What is missing, miscounted or strange in a folder of MVTec AD or DTD, by names alone.

Hidden files are passed over, as in reading: DTD's own archive has one, macOS adds some.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from bench.data.kinds.mvtec import PUBLISHED
from bench.data.layout import GOOD, CategoryFiles
from destseg.files import is_image
from destseg.folders import subfolders

PAPERS = re.compile(r"(license|readme)\.txt")
IMAGE = re.compile(r"\d{3}\.png")
MASK = re.compile(r"\d{3}_mask\.png")
TEXTURE = re.compile(r".+\.jpg")

TEXTURE_CLASSES: tuple[str, ...] = tuple(
    "banded blotchy braided bubbly bumpy chequered cobwebbed cracked crosshatched crystalline "  # noqa: SIM905
    "dotted fibrous flecked freckled frilly gauzy grid grooved honeycombed interlaced knitted "
    "lacelike lined marbled matted meshed paisley perforated pitted pleated polka-dotted porous "
    "potholed scaly smeared spiralled sprinkled stained stratified striped studded swirly veined "
    "waffled woven wrinkled zigzagged".split()
)
"""The 47 classes of DTD."""

TEXTURES_PER_CLASS = 120
"""Images of each class of DTD, so 5640 in all."""


def root_faults(root: Path) -> list[str]:
    """List what is missing from or strange in a folder of MVTec AD's categories."""
    faults = []
    absent = [name for name in PUBLISHED if not (root / name).is_dir()]
    if absent:
        faults.append(
            f"{root}: {len(absent)} of {len(PUBLISHED)} categories are missing: "
            f"{', '.join(absent)}; add them, or name those that are meant with --category"
        )
    faults += _strangers(root, PUBLISHED, PAPERS, "not a part of MVTec AD")
    return faults


def category_faults(folder: Path, files: CategoryFiles) -> list[str]:
    """List what is missing from, miscounted or strange in one category of MVTec AD.

    ``files`` is what `bench.data.layout.scan_category` found in the folder, which is named as the
    category.
    """
    defects = PUBLISHED[folder.name].defects.split()
    faults = [*files.faults, *_miscounts(folder, files)]
    parts = ("train", "test", "ground_truth")
    faults += _strangers(folder, parts, PAPERS, "not a part of MVTec AD")
    for part, known in (("train", {GOOD}), ("test", {GOOD, *defects}), ("ground_truth", defects)):
        place = folder / part
        faults += _strangers(place, known, None, f"unknown in {part}")
        for inner in subfolders(place):
            if part != "ground_truth":
                named = f"MVTec AD has 000.png, 001.png and so on in {part}"
                faults += _strangers(inner, (), IMAGE, named)
            elif inner.name != GOOD:
                faults += _mask_faults(inner, files)
    for defect in defects:
        # Without any test folder the scan has said so.
        if (folder / "test").is_dir() and not (folder / "test" / defect).is_dir():
            faults.append(f"{folder / 'test' / defect}: no such folder; MVTec AD has that defect")
    return faults


def texture_faults(folder: Path, files: Sequence[Path]) -> list[str]:
    """List what is missing from, miscounted or strange in a folder of DTD, which holds ``images``.

    ``files`` are all images below it, which is what is read.
    """
    images = folder / "images"
    total = len(TEXTURE_CLASSES) * TEXTURES_PER_CLASS
    faults = list(_strangers(folder, ("images", "labels", "imdb"), None, "not in DTD"))
    faults += _strangers(images, TEXTURE_CLASSES, None, "not a class of DTD")
    for place in subfolders(images):
        faults += _strangers(place, (), TEXTURE, "DTD has .jpg files")
    faults += [
        f"{file}: an image outside of images/, which would be read as a texture; move it elsewhere"
        for file in files
        if images not in file.parents
    ]
    counts = Counter(file.parent.name for file in files if file.parent.parent == images)
    found = {name: counts[name] for name in TEXTURE_CLASSES}
    if sum(found.values()) != total:
        faults.append(
            f"{folder}: not the published DTD: {sum(found.values())} of {total} images; "
            "for the paper's setting get it with `python -m bench data fetch dtd`"
        )
    # A reduced copy is told in one line, not in 47.
    if len(set(found.values())) > 1:
        faults += [
            f"{images / name}: {count} images, DTD has {TEXTURES_PER_CLASS}; copy the class again"
            for name, count in found.items()
            if count != TEXTURES_PER_CLASS
        ]
    return faults


def _miscounts(folder: Path, files: CategoryFiles) -> Iterator[str]:
    """Compare the numbers of images; a missing folder is no miscount, the scan has named it."""
    published = PUBLISHED[folder.name]
    # What cannot be read has been told, and is there.
    tests = [name.partition("/")[2] for name in files.unread if name.startswith("test/")]
    train = len(files.train) + len(files.unread) - len(tests)
    tests += files.names
    normal = sum(name.startswith(f"{GOOD}/") for name in tests)
    for place, found, expected in (
        (folder / "train" / GOOD, train, published.train),
        (folder / "test" / GOOD, normal, published.normal),
        (folder / "test", len(tests) - normal, published.anomalous),
    ):
        if found not in (0, expected):
            kind = "anomalous images" if place.name == "test" else "images"
            yield f"{place}: {found} {kind}, MVTec AD has {expected}; copy the folder again"


def _mask_faults(folder: Path, files: CategoryFiles) -> Iterator[str]:
    """Find masks whose image is missing, and files that are no masks."""
    named = "MVTec AD has 000_mask.png and so on in ground_truth"
    yield from _strangers(folder, (), MASK, named)
    for mask in _files(folder):
        name = f"{folder.name}/{mask.name.removesuffix('_mask.png')}"
        known = name in files.names or f"test/{name}" in files.unread
        if MASK.fullmatch(mask.name) and not known:
            yield f"{mask}: a mask without an image in test/{folder.name}; add one or remove it"


def _strangers(
    folder: Path, folders: Collection[str], files: re.Pattern[str] | None, why: str
) -> Iterator[str]:
    """Name the folders and files directly in a folder that do not belong there."""
    for entry in subfolders(folder):
        if entry.name in folders:
            continue
        if entry.name == GOOD and folder.name == "ground_truth":
            yield f"{entry}: masks for good images, which have none; remove the folder"
        else:
            yield f"{entry}: unknown folder, {why}; move it elsewhere"
    for entry in _files(folder):
        if files is None or not files.fullmatch(entry.name):
            what = "unexpected name" if is_image(entry) else "stray file"
            yield f"{entry}: {what}, {why}; move it elsewhere"


def _files(folder: Path) -> list[Path]:
    entries = folder.iterdir() if folder.is_dir() else ()
    return sorted(e for e in entries if not (e.name.startswith(".") or e.is_dir()))
