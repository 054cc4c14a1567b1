"""Whether a folder is the published MVTec AD or DTD, or is in MVTec AD's layout at all.

Every file is read, every fault listed.

The digests are those of the records, computed afresh: the cache is neither asked nor filled.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.data.contents import (
    Content,
    category_contents,
    content_faults,
    read_all,
    sizes_of,
    whole_digest,
)
from bench.data.kinds.mvtec import PUBLISHED
from bench.data.layout import (
    GOOD,
    CategoryFiles,
    list_categories,
    scan_category,
)
from bench.data.layout_faults import category_faults, root_faults, texture_faults
from bench.data.reading import digest_as_read
from bench.data.textures import texture_files
from destseg.errors import InputError, suggestion
from destseg.folders import broken_links, require_folder, subfolders


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
    unchecked: str = ""  # what was not compared with anything, and why; a sentence

    @property
    def count(self) -> str:
        """How many faults there are, such as ``"no faults"``."""
        return "1 fault" if len(self.faults) == 1 else f"{len(self.faults) or 'no'} faults"


def verify(
    kind: str, folder: Path, categories: Sequence[str] = (), *, jobs: int = 1, read: bool = True
) -> Report:
    """Compare a folder with a published dataset or a layout, in ``jobs`` processes at most.

    Parameters
    ----------
    kind : str
        ``mvtec``, ``dtd``, or ``layout`` for any other set in MVTec AD's layout.
    folder : Path
        For MVTec AD the folder that holds the categories, for DTD the one that holds
        ``images``, or the parent of that one, ``dtd``.
    categories : sequence of str
        Only these categories; by default all that there are, of MVTec AD all 15.
    read : bool
        Whether files are decoded and digested; otherwise the report has only the faults that
        names and numbers show, and no digest.

    Raises
    ------
    InputError
        When there is nothing to compare: no such folder, no category, no images.
    """
    try:
        if kind in _CATEGORIES:
            return _CATEGORIES[kind](folder, tuple(dict.fromkeys(categories)), jobs, read=read)
        if categories:
            raise InputError(f"--category {categories[0]}: DTD has no categories; leave it out.")
        return _dtd(folder, jobs, read=read)
    except OSError as error:
        raise InputError(
            f"{error.filename or folder}: cannot be read ({error.strerror or error}); "
            "check the permissions and the disk."
        ) from error


def recognise(folder: Path) -> str:
    """Tell by its folders what a folder means to be: ``mvtec``, ``layout`` or ``dtd``.

    Raises
    ------
    InputError
        When it is not there or looks like none of them.
    """
    require_folder(folder, "give the folder of MVTec AD or of DTD")
    categories = [entry.name for entry in subfolders(folder) if (entry / "train").is_dir()]
    if categories:
        return "mvtec" if any(name in PUBLISHED for name in categories) else "layout"
    if (folder / "images").is_dir() or (folder / "dtd" / "images").is_dir():
        return "dtd"
    raise InputError(
        f"{folder}: has neither categories with a folder train nor a folder images; give the "
        "folder of MVTec AD or of DTD, or say which it is meant to be: mvtec or dtd."
    )


def _mvtec(root: Path, categories: Sequence[str], jobs: int, *, read: bool) -> Report:
    for name in categories:
        if name not in PUBLISHED:
            hint = suggestion(name, PUBLISHED)
            raise InputError(f"--category {name}: not a category of MVTec AD; {hint}")
    wanted = categories or tuple(PUBLISHED)
    present = {name: root / name for name in wanted if (root / name).is_dir()}
    if not present:
        there = ", ".join(list_categories(root))
        raise InputError(
            f"{root}: none of {', '.join(wanted)} in it but {there}; give the folder into which "
            "MVTec AD was unpacked, or say `layout` for another set in its layout."
        )
    files = {name: scan_category(folder) for name, folder in present.items()}
    faults = [] if categories else root_faults(root)
    faults += [
        f"{root / name}: no such folder; add the category"
        for name in categories
        if name not in files
    ]
    contents = category_contents(files, jobs) if read else {}
    for name, of in files.items():
        faults += category_faults(present[name], of)
        faults += content_faults(of, contents)
        sizes = sizes_of([*of.train, *of.test], contents)
        side = PUBLISHED[name].side
        if sizes - {(side, side)}:
            faults.append(
                f"{present[name]}: images{_pixels(sizes)}, MVTec AD has {side}x{side}; a resized "
                "copy, beside which no published numbers are shown"
            )
    return _report(root, files, contents, faults, f"{len(files)} of {len(PUBLISHED)} categories")


def _layout(root: Path, categories: Sequence[str], jobs: int, *, read: bool) -> Report:
    known = list_categories(root)
    for name in categories:
        if name not in known:
            raise InputError(f"--category {name}: not in {root}; {suggestion(name, known)}")
    files = {name: scan_category(root / name) for name in categories or known}
    contents = category_contents(files, jobs) if read else {}
    faults = [] if categories else [*broken_links(root).values()]
    for of in files.values():
        faults += (*of.faults, *of.passed_over, *content_faults(of, contents))
    count = "1 category" if len(files) == 1 else f"{len(files)} categories"
    report = _report(root, files, contents, faults, count)
    return replace(
        report,
        unchecked=(
            "names, numbers and sizes of the images, and their digests, were compared with nothing "
            "published, since none is known but MVTec AD's"
        ),
    )


_CATEGORIES = {"mvtec": _mvtec, "layout": _layout}
"""Kinds that have categories."""


def _report(
    root: Path,
    files: Mapping[str, CategoryFiles],
    contents: Mapping[Path, Content],
    faults: Sequence[str],
    count: str,
) -> Report:
    """Describe categories and what was found in them."""
    parts = []
    for name, of in files.items():
        normal = of.defects.count(GOOD)
        numbers = (
            f"{len(of.train)} training and {len(of.test)} test images "
            f"({normal} normal, {len(of.test) - normal} anomalous)"
        )
        sizes = sizes_of([*of.train, *of.test], contents)
        digest = whole_digest(root / name, of.paths, contents)
        if digest is not None and of.train:
            labels = any(contents[mask].labels for mask in of.masks if mask is not None)
            digest = digest_as_read(digest, contents[of.train[0]].depth, labels)
        parts.append(Part(name, f"{numbers}{_pixels(sizes)}", digest))
    training = sum(len(of.train) for of in files.values())
    tests = sum(len(of.test) for of in files.values())
    summary = f"{count}, {training} training and {tests} test images"
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
    contents = read_all(dict.fromkeys(files), (), jobs) if read else {}
    faults += [content.fault for content in contents.values() if content.fault]
    classes = len({file.parent for file in files})
    sizes = sizes_of(files, contents)
    content = f"{len(files)} images in {classes} folders{_pixels(sizes)}"
    part = Part(str(folder), content, whole_digest(folder, files, contents))
    return Report((part,), f"{len(files)} images", tuple(faults))


def _pixels(sizes: set[tuple[int, int]]) -> str:
    """Tell the size of images, or within which sides they are; nothing where none was read."""
    if len(sizes) == 1:
        ((height, width),) = sizes
        return f", {width}x{height} px"
    sides = [side for size in sizes for side in size]
    return f", sides of {min(sides)} to {max(sides)} px" if sides else ""
