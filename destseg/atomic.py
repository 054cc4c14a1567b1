"""Files that are either whole or not there."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file under a temporary name beside it, then rename it into place.

    A reader, or a run that is killed half-way, finds the old file or the new one, never a part.

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
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes files for the owner's eyes only; results are for everybody.
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException:
        with suppress(FileNotFoundError):
            temporary.unlink()
        raise
