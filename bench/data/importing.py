"""Other published sets laid out as MVTec AD: links to their files, none of which is copied.

- VisA (Zou et al., ECCV 2022): ``<category>/Data/Images/{Normal,Anomaly}``, masks in
  ``Data/Masks/Anomaly``; which image is for training says ``split_csv/1cls.csv``.
- BTAD (Mishra et al., ISIE 2021): ``<category>/{train,test}/{ok,ko}``, masks in
  ``ground_truth/ko``.
- MPDD (Jezek et al., ICUMT 2021): MVTec AD's own layout.
"""

import csv
import io
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import MappingProxyType

from bench.common.plain_files import read_text
from bench.data.layout import GOOD, list_categories, scan_category, tell_strangers
from bench.data.pairing import MASK
from destseg.errors import InputError, input_faults, one_line, tell
from destseg.files import irregular
from destseg.folders import scan, subfolders

SPLIT = "split_csv/1cls.csv"
"""Of VisA: the split for one-class training, one row for each image."""

COLUMNS = ("object", "split", "label", "image", "mask")

Links = Iterator[tuple[PurePosixPath, Path]]
"""Where a file goes, below the new folder, and where it is."""


@dataclass(frozen=True)
class Imported:
    """How many images a category has."""

    category: str
    train: int
    test: int


def import_dataset(kind: str, source: Path, target: Path) -> tuple[Imported, ...]:
    """Lay a set out below ``target``, which must be new or empty, and check what came out.

    Parameters
    ----------
    kind : str
        One of `LAYOUTS`.
    source : Path
        Where the set was unpacked: the folder that holds the categories.

    Raises
    ------
    InputError
        When the source is not such a set or lacks files, or the target cannot be written. Nothing
        is left behind.
    """
    if not source.is_dir():
        raise InputError(f"{source}: no such folder; give the one that holds the categories.")
    links = dict(LAYOUTS[kind](source))
    lost = [f"{file}: {fault}" for file in links.values() if (fault := irregular(file))]
    if lost:
        raise input_faults(str(source), lost)
    draft = target.with_name(f".{target.name}.importing")
    try:
        if target.is_dir() and any(target.iterdir()):
            raise InputError(f"{target}: is there already; give a new folder, or empty it.")
        shutil.rmtree(draft, ignore_errors=True)
        for place, file in links.items():
            link = draft / place
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(file.resolve())
        found = {name: scan_category(draft / name) for name in list_categories(draft)}
        faults = [fault for files in found.values() for fault in files.faults]
        if faults:
            # The places in the draft are of no use to anybody.
            told = [fault.replace(str(draft), str(target)) for fault in faults]
            raise input_faults(f"{source}, laid out", told)
        if target.is_dir():
            target.rmdir()
        draft.replace(target)
    except OSError as error:
        raise InputError(
            f"{target}: links cannot be made there ({error.strerror or error}); give a folder of "
            "another disk."
        ) from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return tuple(Imported(name, len(files.train), len(files.test)) for name, files in found.items())


def _visa(root: Path) -> Links:
    table = root / SPLIT
    try:
        rows = list(csv.DictReader(io.StringIO(read_text(table))))
    except FileNotFoundError:
        raise InputError(
            f"{table}: no such file; it comes with VisA's archive, give the folder it is in."
        ) from None
    except (OSError, UnicodeError, csv.Error) as error:
        raise InputError(
            f"{table}: cannot be read ({one_line(error)}); take it from VisA's archive."
        ) from None
    if not rows or not set(COLUMNS) <= set(rows[0]):
        raise InputError(f"{table}: its columns are not {', '.join(COLUMNS)}; take VisA's own.")
    listed = set()
    for number, row in enumerate(rows, 2):
        where = f"{table}, line {number}"
        image = _inside(root, row["image"], where)
        listed.add(image)
        if row["split"] not in ("train", "test") or row["label"] not in ("normal", "anomaly"):
            raise InputError(f"{where}: {row['split']!r} and {row['label']!r}; take VisA's own.")
        kind = GOOD if row["label"] == "normal" else "bad"
        if kind != GOOD and row["split"] == "train":
            raise InputError(f"{where}: an anomaly for training; take VisA's own.")
        category = PurePosixPath(row["object"])
        yield category / row["split"] / kind / image.name, image
        if kind != GOOD:
            mask = _inside(root, row["mask"], where)
            name = f"{image.stem}{MASK}{mask.suffix}"
            yield category / "ground_truth" / kind / name, mask
    for category_name in sorted({row["object"] for row in rows}):
        images = scan(root / category_name / "Data" / "Images").files
        if unlisted := [image for image in images if image not in listed]:
            tell(f"{table}: does not name {len(unlisted)} images, such as {unlisted[0]}")


def _inside(root: Path, name: str, where: str) -> Path:
    path = PurePosixPath(name or "")
    if not name or path.is_absolute() or ".." in path.parts:
        raise InputError(f"{where}: {name!r} is no path below {root}; take VisA's own.")
    return root / path


def _btad(root: Path) -> Links:
    for folder in _categories(root, "train/ok"):
        for split in ("train", "test"):
            for kind in subfolders(folder / split):
                place = PurePosixPath(folder.name, split, GOOD if kind.name == "ok" else kind.name)
                yield from _same(kind, place)
        for kind in subfolders(folder / "ground_truth"):
            if kind.name != "ok":
                for file in _images(kind):
                    name = f"{file.stem.removesuffix(MASK)}{MASK}{file.suffix}"
                    yield PurePosixPath(folder.name, "ground_truth", kind.name, name), file


def _mpdd(root: Path) -> Links:
    for folder in _categories(root, "train/good"):
        for part in ("train", "test", "ground_truth"):
            yield from _same(folder / part, PurePosixPath(folder.name, part))


def _categories(root: Path, sign: str) -> list[Path]:
    found = [folder for folder in subfolders(root) if (folder / sign).is_dir()]
    if not found:
        raise InputError(
            f"{root}: no folder in it has {sign}; give the one that holds the categories."
        )
    tell_strangers(root)
    return found


def _same(folder: Path, place: PurePosixPath) -> Links:
    for file in _images(folder):
        yield place / file.relative_to(folder).as_posix(), file


def _images(folder: Path) -> tuple[Path, ...]:
    listing = scan(folder)
    if listing.faults:
        raise input_faults(str(folder), listing.faults)
    return listing.files


LAYOUTS: Mapping[str, Callable[[Path], Links]] = MappingProxyType(
    {"visa": _visa, "btad": _btad, "mpdd": _mpdd}
)
"""Name of a set -> where its files go."""
