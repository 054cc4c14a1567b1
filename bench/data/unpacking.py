"""Archives of images unpacked without trusting them: plain files and folders, all in one place."""

import lzma
import shutil
import tarfile
import zlib
from pathlib import Path, PurePosixPath, PureWindowsPath

from destseg.application.progress import Progress
from destseg.errors import InputError


def unpack(archive: Path, folder: Path, *, top: str = "") -> None:
    """Unpack a tar archive, compressed or not, so that the folder appears complete or not at all.

    The folder may exist when it is empty. It becomes what ``top`` is in the archive, by default the
    archive's top level.

    Raises
    ------
    InputError
        When the archive is damaged, or holds anything but files and folders that lie within it.
    OSError
        When the folder cannot be written.
    """
    # Always the same name: what a killed run left is cleared away by the next one.
    draft = folder.with_name(f".{folder.name}.unpacking")
    if draft.exists():
        shutil.rmtree(draft)
    try:
        draft.mkdir()
        _extract(archive, draft)
        content = draft / top
        if not content.is_dir():
            raise InputError(f"{archive}: no folder {top} in it; give the published archive.")
        if folder.is_dir():
            folder.rmdir()
        content.replace(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _extract(archive: Path, draft: Path) -> None:
    size = archive.stat().st_size
    shown = Progress(f"unpack {archive.name}", size, unit="B")
    try:
        # As a stream: the list of contents would cost a second decompression of gigabytes.
        with (
            shown,
            archive.open("rb") as stream,
            tarfile.open(fileobj=stream, mode="r|*") as tar,
        ):
            # Python 3.11 has the filter since 3.11.4; `_require_harmless` does not rely on it.
            tar.extraction_filter = getattr(tarfile, "data_filter", None)
            for member in tar:
                _require_harmless(archive, member)
                tar.extract(member, draft)
                # The library reads ahead: many small files come out of one piece.
                if stream.tell() > shown.count:
                    shown.advance(stream.tell() - shown.count)
            # The padding after the last file is not always read.
            if shown.count < size:
                shown.advance(size - shown.count)
    except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise InputError(
            f"{archive}: not a tar archive that can be read ({error}); download it again."
        ) from error


def _require_harmless(archive: Path, member: tarfile.TarInfo) -> None:
    """Refuse what no archive of images holds: links, devices, and names that lead outside."""
    name = member.name
    path = PurePosixPath(name)
    if not (member.isreg() or member.isdir()):
        what = "neither a file nor a folder"
    elif path.is_absolute() or ".." in path.parts or PureWindowsPath(name).drive or "\\" in name:
        what = "a path that could lead outside of the folder"
    else:
        return
    raise InputError(
        f"{archive}: {name!r} in it is {what}; nothing was unpacked, get the archive elsewhere."
    )
