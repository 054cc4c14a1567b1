"""What one file is, by its name, its entry in a folder and its first bytes."""

import errno
import os
import stat
from pathlib import Path
from unicodedata import normalize

IMAGE_SUFFIXES = frozenset(
    ".png .jpg .jpeg .jpe .jfif .bmp .dib .tif .tiff .webp .gif .tga .jp2 .j2k "  # noqa: SIM905
    ".ppm .pgm .pbm .pnm".split()
)
"""Of the files that are read as images."""

FOREIGN_SUFFIXES = frozenset(
    ".avif .heic .heif .hif .jxl .jxr .exr .hdr .pfm .dng .cr2 .cr3 .nef .arw .orf .raf .rw2 "  # noqa: SIM905
    ".raw .psd .pcx .sgi .svg .fits .dcm".split()
)
"""Of images of kinds that are not read: one among those that are is a fault."""

SYSTEM_FOLDERS = frozenset(
    {"__MACOSX", "@eaDir", "#recycle", "$RECYCLE.BIN", "System Volume Information", "lost+found"}
)
"""Folders that systems and network drives make, some with small copies of the images."""

SYSTEM_FILES = frozenset({"thumbs.db", "desktop.ini"})
"""Files that systems leave in folders of images, in lower case."""

LARGEST = 2 << 30
"""Bytes of a file above which it is neither image nor map: more than Pillow's limit of pixels."""

_MAGIC = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"II*\0", b"MM\0*", b"GIF8")


def is_hidden(name: str) -> bool:
    """Tell whether a file or folder is not data: hidden, or made by a system."""
    return name.startswith(".") or name in SYSTEM_FOLDERS


def is_image(path: Path) -> bool:
    """Tell by its name whether a file is an image and not, say, macOS's ``._000.png``."""
    return path.suffix.lower() in IMAGE_SUFFIXES and not is_hidden(path.name)


def looks_like_image(path: Path) -> bool:
    """Tell by its name or its first bytes whether a file is an image, perhaps one not read."""
    if is_hidden(path.name):
        return False
    return path.suffix.lower() in IMAGE_SUFFIXES | FOREIGN_SUFFIXES or begins_as_image(path)


def irregular(path: Path) -> str | None:
    """Say what is in the place of a plain file; nothing for one, or a link to one.

    Opening a pipe waits for whoever writes into it, perhaps for ever.
    """
    try:
        mode = path.stat().st_mode
    except OSError as error:
        if error.errno == errno.ELOOP:
            return "a link to itself"
        if error.errno == errno.ENOENT and path.is_symlink():
            return "a link to a file that is not there"
        return f"cannot be read ({error.strerror})"
    if stat.S_ISREG(mode):
        return None
    return "a folder, not a file" if stat.S_ISDIR(mode) else "a pipe or device, not a file"


def unfit(path: Path) -> str | None:
    """Say why a file cannot hold an image or a map, by its entry in the folder alone."""
    fault = irregular(path)
    if fault is None and (size := path.stat().st_size) > LARGEST:
        return f"a file of {size / 1e9:.1f} GB, which no image or map has"
    return fault


def composed(name: str) -> str:
    """Return the one form of a name: systems write accents in one or in two characters."""
    return normalize("NFC", name)


def printable(path: Path) -> str:
    """Return a path with the bytes of its name that are no UTF-8 spelt out."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def leads_nowhere(path: Path) -> bool:
    """Tell whether a path is a link to what is not there."""
    try:
        path.stat()
    except OSError:
        return path.is_symlink()
    return False


def begins_as_image(path: Path) -> bool:
    """Tell by its first bytes whether a file is an image of a common kind."""
    if irregular(path) is not None:
        return False
    try:
        with path.open("rb") as file:
            head = file.read(12)
    except OSError:
        return False
    return head.startswith(_MAGIC) or (head[:4] == b"RIFF" and head[8:] == b"WEBP")


def is_utf8(name: str) -> bool:
    """Tell whether a name can be written down."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
