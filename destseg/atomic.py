"""Files that are either whole or not there."""

import errno
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from destseg.errors import InputError

NO_FSYNC = (errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EPERM)
"""What file systems answer that cannot be asked to put a file on the disk: network drives, mounted
buckets. Such a file is written whole all the same; a full disk has other numbers."""


@contextmanager
def writing(place: Path) -> Iterator[None]:
    """Name the place where somebody asked for a file, when the system refuses to write it.

    Raises
    ------
    InputError
        In the stead of an OSError.
    """
    try:
        yield
    except OSError as error:
        raise InputError(
            f"{place}: cannot be written ({error.strerror}); mend that, or name another place."
        ) from None


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file under a temporary name beside it, then rename it into place.

    A reader, or a run that is killed half-way, finds the old file or the new one, never a part.
    Who may read it is for the umask to say.

    Parameters
    ----------
    path
        The file; its folder must exist. An existing file is replaced.
    content
        What to write.

    Raises
    ------
    OSError
        If the folder is missing or cannot be written to. Nothing is left behind.
    """
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            try:
                os.fsync(file.fileno())
            except OSError as error:
                if error.errno not in NO_FSYNC:
                    raise
        temporary.replace(path)
    except BaseException:
        with suppress(FileNotFoundError):
            temporary.unlink()
        raise
