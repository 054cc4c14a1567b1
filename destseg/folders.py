"""What belongs to a folder of images or of maps: one rule for everybody who lists one.

Subfolders belong to their folder, through links too. Hidden files and folders do not, nor what
systems leave behind, such as ``__MACOSX``. What looks like an image and is not read is told.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from destseg.errors import InputError, counted, input_faults, tell
from destseg.files import (
    FOREIGN_SUFFIXES,
    IMAGE_SUFFIXES,
    SYSTEM_FILES,
    begins_as_image,
    irregular,
    is_hidden,
    is_image,
    is_utf8,
    leads_nowhere,
    looks_like_image,
    printable,
    unfit,
)

NAMED = 3
"""Files that are no images, named in what is said of them; the rest are counted."""


@dataclass(frozen=True)
class Scan:
    """The images below a folder, in the order of their relative paths, and what was met."""

    files: tuple[Path, ...]
    faults: tuple[str, ...]  # images that cannot be read, by name alone; a sentence each
    passed_over: tuple[str, ...]  # what looks like an image but is not called one
    unread: tuple[Path, ...]  # the images that the faults are of
    others: tuple[Path, ...]  # what is no image, such as a film


def scan(folder: Path) -> Scan:
    """Find every image below a folder, which may be missing; at most heads of files are read."""
    files: list[Path] = []
    faults: list[str] = []
    passed_over: list[str] = []
    unread: dict[Path, str] = {}
    others: list[Path] = []
    entries = sorted(_walk(folder, faults), key=lambda path: path.relative_to(folder).as_posix())
    for path in entries:
        suffix = path.suffix.lower()
        if suffix in FOREIGN_SUFFIXES:
            unread[path] = f"{path}: {suffix} files are not read; convert it to PNG or move it away"
        elif suffix not in IMAGE_SUFFIXES:
            if not suffix and leads_nowhere(path):  # perhaps to a folder
                unread[path] = f"{path}: {irregular(path)}; replace or remove it"
            elif begins_as_image(path):
                passed_over.append(f"{path}: an image by its content, not by its name; passed over")
            elif path.name.lower() not in SYSTEM_FILES:
                others.append(path)
        elif (fault := unfit(path)) is not None:
            unread[path] = f"{path}: {fault}; replace or remove it"
        elif not is_utf8(path.relative_to(folder).as_posix()):
            unread[path] = f"{printable(path)}: its name is not UTF-8; rename it"
        else:
            files.append(path)
    return Scan(
        tuple(files),
        (*faults, *unread.values()),
        tuple(passed_over),
        tuple(unread),
        tuple(others),
    )


def tell_of(folder: Path, found: Scan, *, own: bool) -> None:
    """Say what is passed over in a folder, as `images_below` does."""
    for sentence in found.passed_over:
        tell(sentence)
    if own and (count := len(found.others)):
        names = [path.relative_to(folder).as_posix() for path in found.others[:NAMED]]
        what = f"skipped what is not an image, {counted(count, 'file')}"
        tell(f"{folder}: {what}: {', '.join(names)}{', ...' * (count > NAMED)}")


def entries_below(folder: Path) -> Iterator[Path]:
    """Yield all that is not a folder below a folder, in no order, but hidden and system entries.

    A folder in the place of an image, that is one called so and without images, is among them.
    Links to folders are followed; each folder counts once, however many lead to it.

    Raises
    ------
    InputError
        When a folder cannot be listed.
    """
    faults: list[str] = []
    yield from _walk(folder, faults)
    if faults:
        raise InputError(f"{faults[0]}.")


def subfolders(folder: Path) -> list[Path]:
    """List the folders directly in a folder, sorted, but hidden ones and those of systems.

    Raises
    ------
    InputError
        When it cannot be listed.
    """
    try:
        return sorted(
            entry for entry in folder.iterdir() if not is_hidden(entry.name) and entry.is_dir()
        )
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise InputError(
            f"{folder}: cannot be read ({error.strerror}); check its permissions."
        ) from None


def image_files(folder: Path) -> list[Path]:
    """List what looks like an image directly in a folder, sorted; nothing where there is none."""
    try:
        entries = sorted(path for path in folder.iterdir() if not path.is_dir())
    except OSError:
        return []
    return [path for path in entries if looks_like_image(path)]


def images_below(folder: Path, remedy: str, *, own: bool = False) -> list[Path]:
    """List every image below a folder, in the order of the relative paths.

    What looks like an image and is passed over is told; in a folder of somebody's ``own`` pictures
    also how many files are none.

    Raises
    ------
    InputError
        When there is no folder or no image in it, where the remedy ends the sentence; or with the
        images in it that cannot be read, as far as names tell.
    """
    require_folder(folder, remedy)
    found = scan(folder)
    if found.faults:
        raise input_faults(str(folder), found.faults)
    if not found.files:
        raise InputError(f"{folder}: no images in it; {remedy}.")
    tell_of(folder, found, own=own)
    return list(found.files)


def require_folder(folder: Path, remedy: str) -> None:
    """Refuse what is no folder; the remedy ends the sentence.

    Raises
    ------
    InputError
        When it is missing or a file.
    """
    if not folder.is_dir():
        what = "is not a folder" if folder.exists() else "no such folder"
        raise InputError(f"{folder}: {what}; {remedy}.")


def broken_links(folder: Path) -> dict[Path, str]:
    """Find links directly in a folder that lead nowhere, as to folders on a disk that is away.

    Returns
    -------
    dict
        A sentence on each, but on those called as images.
    """
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return {}
    return {
        path: f"{path}: {irregular(path)}; replace or remove it"
        for path in entries
        if leads_nowhere(path) and not (is_hidden(path.name) or looks_like_image(path))
    }


def _walk(folder: Path, faults: list[str]) -> Iterator[Path]:
    """Yield what is in the place of files, and note the folders that cannot be listed.

    Each folder is listed once, however many links lead to it, and under its own path if it lies
    below the first.
    """
    seen: set[tuple[int, int]] = set()
    folders, links = [folder], list[Path]()
    empty: dict[Path, None] = {}  # folders called as images, in which none was found
    while folders or links:
        place = folders.pop() if folders else links.pop(0)
        try:
            status = place.stat()
            if (identity := (status.st_dev, status.st_ino)) in seen:
                if is_image(place):
                    yield place
                continue
            seen.add(identity)
            entries = sorted(os.scandir(place), key=lambda entry: entry.name)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            faults.append(f"{place}: cannot be read ({error.strerror}); check its permissions")
            continue
        if is_image(place) and place != folder:
            empty[place] = None
        for entry in entries:
            if is_hidden(entry.name):
                continue
            path = place / entry.name
            if not _is_folder(entry):
                yield path
                for parent in path.parents if empty and is_image(path) else ():
                    empty.pop(parent, None)
            elif entry.is_symlink():
                links.append(path)
            else:
                folders.append(path)
    yield from empty


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False
