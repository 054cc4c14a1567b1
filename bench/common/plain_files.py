"""Reading of plain files only: what lies in the place of one may never end, or be none."""

import codecs
import errno
import os
import stat
from io import BufferedReader
from pathlib import Path

TEXT_LIMIT = 64 * 2**20
"""Bytes of the longest text that is read whole: a record, a table of cells, an experiment."""


def open_plain(path: Path) -> BufferedReader:
    """Open a file for reading, without waiting for the other end of a pipe.

    Raises
    ------
    OSError
        When it cannot be opened, or is a folder, a pipe, a device or a socket.
    """
    # Opened first and looked at then, so that nothing can be exchanged in between.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "is not a plain file", str(path))
    return os.fdopen(descriptor, "rb")


def read_plain(path: Path, limit: int | None = None) -> bytes:
    """Read a whole file, of ``limit`` bytes at most.

    Raises
    ------
    OSError
        As `open_plain`, or when it is larger than the limit.
    """
    with open_plain(path) as file:
        content = file.read(-1 if limit is None else limit + 1)
    if limit is not None and len(content) > limit:
        raise OSError(errno.EFBIG, f"is larger than {limit // 2**20} MiB", str(path))
    return content


def read_text(path: Path) -> str:
    """Read a text that somebody may have written by hand, in UTF-8, with or without its mark.

    Raises
    ------
    OSError
        As `read_plain`, at `TEXT_LIMIT`.
    UnicodeError
        When it is in another encoding.
    """
    content = read_plain(path, TEXT_LIMIT)
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise UnicodeError("it is in UTF-16, not in UTF-8: save it as UTF-8")
    return content.decode("utf-8-sig")
