"""Whether a folder is the published MVTec AD or DTD: every file read, every fault listed.

The digests are those of the records, computed afresh: the cache is neither asked nor filled.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from joblib import Parallel, delayed, parallel_config

from bench.data.cache import combined_digest, file_digest
from bench.data.kinds.mvtec import PUBLISHED
from bench.data.layout import (
    GOOD,
    CategoryFiles,
    list_categories,
    scan_category,
    similar_names,
)
from bench.data.layout_faults import category_faults, root_faults, texture_faults
from bench.data.textures import texture_files
from bench.data.truth import other_size, unmarked
from destseg.application.progress import progress
from destseg.errors import InputError
from destseg.folders import require_folder, subfolders
from destseg.images import read_rgb
from destseg.masks import read_mask

WORTH_A_WORKER = 500
"""Files for each worker process at least: one takes seconds to start."""


@dataclass(frozen=True)
class Part:
    """What has one digest: a category, or all textures."""

    name: str  # the category, or the folder of the textures
    content: str  # numbers and sizes of the images, for people
    # The same as in the records of runs on these files; None when one cannot be decoded.
    digest: str | None


@dataclass(frozen=True)
class Report:
    """What a folder holds."""

    parts: tuple[Part, ...]  # what is there
    summary: str  # the totals, for people
    faults: tuple[str, ...]  # everything that is wrong, a sentence each

    @property
    def count(self) -> str:
        """How many faults there are, such as ``"no faults"``."""
        return "1 fault" if len(self.faults) == 1 else f"{len(self.faults) or 'no'} faults"


@dataclass(frozen=True)
class _Content:
    """One file, read: its digest and size, or why it cannot be read."""

    digest: str = ""
    size: tuple[int, int] = (0, 0)
    unmarked: str | None = None  # why a mask marks nothing
    fault: str | None = None


def verify(
    kind: str, folder: Path, categories: Sequence[str] = (), *, jobs: int = 1, read: bool = True
) -> Report:
    """Compare a folder with the published dataset, in ``jobs`` processes at most.

    Parameters
    ----------
    kind : str
        ``mvtec`` or ``dtd``.
    folder : Path
        For MVTec AD the folder that holds the categories, for DTD the one that holds
        ``images``, or the parent of that one, ``dtd``.
    categories : sequence of str
        Only these categories of MVTec AD; by default all 15 must be there.
    read : bool
        Whether files are decoded and digested; otherwise the report has only the faults that
        names and numbers show, and no digest.

    Raises
    ------
    InputError
        When there is nothing to compare: no such folder, no category, no images.
    """
    try:
        if kind == "mvtec":
            return _mvtec(folder, categories, jobs, read=read)
        if categories:
            raise InputError(f"--category {categories[0]}: DTD has no categories; leave it out.")
        return _dtd(folder, jobs, read=read)
    except OSError as error:
        raise InputError(
            f"{error.filename or folder}: cannot be read ({error.strerror or error}); "
            "check the permissions and the disk."
        ) from error


def recognise(folder: Path) -> str:
    """Tell by its folders which dataset a folder means to be, ``mvtec`` or ``dtd``.

    Raises
    ------
    InputError
        When it is not there or looks like neither.
    """
    require_folder(folder, "give the folder of MVTec AD or of DTD")
    if any((entry / "train").is_dir() for entry in subfolders(folder)):
        return "mvtec"
    if (folder / "images").is_dir() or (folder / "dtd" / "images").is_dir():
        return "dtd"
    raise InputError(
        f"{folder}: has neither categories with a folder train nor a folder images; give the "
        "folder of MVTec AD or of DTD, or say which it is meant to be: mvtec or dtd."
    )


def _mvtec(root: Path, categories: Sequence[str], jobs: int, *, read: bool) -> Report:
    for name in categories:
        if name not in PUBLISHED:
            hint = similar_names(name, PUBLISHED)
            raise InputError(f"--category {name}: not a category of MVTec AD; {hint}?")
    wanted = tuple(dict.fromkeys(categories)) or tuple(PUBLISHED)
    present = {name: root / name for name in wanted if (root / name).is_dir()}
    if not present:
        there = ", ".join(list_categories(root))
        raise InputError(
            f"{root}: none of {', '.join(wanted)} in it but {there}; "
            "give the folder into which MVTec AD was unpacked."
        )
    files = {name: scan_category(folder) for name, folder in present.items()}
    faults = [] if categories else root_faults(root)
    faults += [
        f"{root / name}: no such folder; add the category"
        for name in categories
        if name not in files
    ]
    masks = [mask for of in files.values() for mask in of.masks if mask is not None]
    images = [image for of in files.values() for image in (*of.train, *of.test)]
    contents = _read_all(images, masks, jobs) if read else {}
    parts = []
    for name, of in files.items():
        faults += category_faults(present[name], of)
        faults += _content_faults(of, contents)
        sizes = _sizes([*of.train, *of.test], contents)
        side = PUBLISHED[name].side
        if sizes - {(side, side)}:
            faults.append(
                f"{present[name]}: images{_pixels(sizes)}, MVTec AD has {side}x{side}; a resized "
                "copy, beside which no published numbers are shown"
            )
        normal = of.defects.count(GOOD)
        numbers = (
            f"{len(of.train)} training and {len(of.test)} test images "
            f"({normal} normal, {len(of.test) - normal} anomalous)"
        )
        parts.append(
            Part(name, f"{numbers}{_pixels(sizes)}", _digest(present[name], of.paths, contents))
        )
    training = sum(len(of.train) for of in files.values())
    tests = sum(len(of.test) for of in files.values())
    summary = (
        f"{len(files)} of {len(PUBLISHED)} categories, {training} training and {tests} test images"
    )
    return Report(tuple(parts), summary, tuple(dict.fromkeys(faults)))


def _dtd(given: Path, jobs: int, *, read: bool) -> Report:
    folder = given
    if not (given / "images").is_dir():
        if (given / "dtd" / "images").is_dir():
            folder = given / "dtd"
        elif given.is_dir():
            raise InputError(
                f"{given}: no folder images in it; give DTD's folder, which holds images, "
                "labels and imdb."
            )
    files = texture_files(folder)
    faults = texture_faults(folder, files)
    contents = _read_all(files, (), jobs) if read else {}
    faults += [content.fault for content in contents.values() if content.fault]
    classes = len({file.parent for file in files})
    sizes = _sizes(files, contents)
    content = f"{len(files)} images in {classes} folders{_pixels(sizes)}"
    part = Part(str(folder), content, _digest(folder, files, contents))
    return Report((part,), f"{len(files)} images", tuple(faults))


def _read_all(images: Sequence[Path], masks: Sequence[Path], jobs: int) -> dict[Path, _Content]:
    """Read all files, in several processes where there are many."""
    files = [*images, *masks]
    workers = min(jobs, ceil(len(files) / WORTH_A_WORKER))
    with parallel_config(backend="loky", inner_max_num_threads=1):
        contents = Parallel(n_jobs=max(workers, 1), return_as="generator")(
            delayed(_read)(file, index >= len(images)) for index, file in enumerate(files)
        )
        shown = progress(contents, "verify", len(files), unit="file")
        return dict(zip(files, shown, strict=True))


def _read(file: Path, mask: bool) -> _Content:
    try:
        pixels = read_mask(file) if mask else read_rgb(file, None)
        height, width = pixels.shape[:2]
        return _Content(file_digest(file), (height, width), unmarked(pixels) if mask else None)
    except InputError as error:
        # The listed sentences have no full stop, like those of the layout.
        return _Content(fault=str(error).removesuffix("."))


def _content_faults(files: CategoryFiles, contents: Mapping[Path, _Content]) -> Iterator[str]:
    """Tell of files that cannot be decoded, and of masks that do not fit or mark nothing."""
    for path in files.paths:
        if path in contents and (fault := contents[path].fault):
            yield fault
    for image, mask in zip(files.test, files.masks, strict=True):
        if mask is None or mask not in contents or contents[mask].fault:
            continue
        found, wanted = contents[mask].size, contents[image].size
        if not contents[image].fault and found != wanted:
            yield other_size(mask, found, wanted)
        if (why := contents[mask].unmarked) is not None:
            yield f"{mask}: {why}"


def _digest(root: Path, files: Iterable[Path], contents: Mapping[Path, _Content]) -> str | None:
    if not contents or any(contents[file].fault for file in files):
        return None
    return combined_digest(
        {file.relative_to(root).as_posix(): contents[file].digest for file in files}
    )


def _sizes(images: Sequence[Path], contents: Mapping[Path, _Content]) -> set[tuple[int, int]]:
    return {contents[file].size for file in images if file in contents and not contents[file].fault}


def _pixels(sizes: set[tuple[int, int]]) -> str:
    """Tell the size of images, or within which sides they are; nothing where none was read."""
    if len(sizes) == 1:
        ((height, width),) = sizes
        return f", {width}x{height} px"
    sides = [side for size in sizes for side in size]
    return f", sides of {min(sides)} to {max(sides)} px" if sides else ""
