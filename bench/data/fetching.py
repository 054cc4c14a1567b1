"""A published dataset from its archive: downloaded or at hand, checked by hash, unpacked."""

import errno
import hashlib
import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path

from bench.data.archives import ARCHIVES, Archive
from bench.data.download import CHUNK, WAITS, DownloadFailed, download, forget
from bench.data.unpacking import unpack
from bench.data.verification import verify
from destseg.application.progress import Progress
from destseg.errors import InputError


def is_there(kind: str, directory: Path) -> bool:
    """Whether a dataset has been unpacked already, judged by names and numbers.

    Raises
    ------
    InputError
        When something else, or a part of it, is in its place.
    """
    archive = ARCHIVES[kind]
    folder = directory / archive.folder
    try:
        if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
            return False
        report = verify(kind, folder, read=False)
        lack = f"has {report.count}" if report.faults else ""
    except (InputError, OSError):
        lack = f"is not {archive.title}"
    if lack:
        raise InputError(
            f"{folder}: is there but {lack}; move it away to fetch it afresh, or see what "
            f"`python -m bench data verify {kind} {shlex.quote(str(folder))}` says of it."
        )
    return True


def fetch(
    archive: Archive,
    directory: Path,
    *,
    url: str | None = None,
    keep: bool = False,
    waits: Sequence[float] = WAITS,
) -> Path:
    """Download an archive unless it is at hand, check its hash and unpack it; return the folder.

    An archive that already lies in ``directory`` under its name is used without any download, and
    left there; a downloaded one stays with ``keep``. What a mirror, ``url``, gives must have the
    published hash too. For ``waits`` see `download`.

    Raises
    ------
    InputError
        When the archive cannot be had, is not the published one, or cannot be unpacked.
    """
    folder = directory / archive.folder
    at_hand = directory / archive.file
    source = at_hand
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if at_hand.is_file():
            _require_room(archive, directory, 0)
        else:
            # It bears its own name only when it is whole, and then it is not ours to remove.
            source = directory / f"{archive.file}.part"
            download(
                url or archive.url,
                source,
                room=lambda rest: _require_room(archive, directory, rest),
                most=archive.unpacked,
                waits=waits,
            )
        _require_hash(source, archive)
        unpack(source, folder, top=archive.top)
        if source != at_hand:
            if keep:
                source.replace(at_hand)
            forget(source)
    except DownloadFailed as error:
        raise InputError(
            f"{error}; give the same command again, add --url with a mirror, or download "
            f"{archive.file} by hand ({archive.page}) and put it into {directory}."
        ) from error
    except OSError as error:
        remedy = "make room" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "check its mode"
        raise InputError(
            f"{error.filename or directory}: cannot be written ({error.strerror or error}); "
            f"{remedy} or give another folder with --to; what came so far is kept."
        ) from error
    return folder


def _require_room(archive: Archive, directory: Path, rest: int) -> None:
    free = shutil.disk_usage(directory).free
    needed = rest + archive.unpacked
    if free < needed:
        raise InputError(
            f"{directory}: {needed / 1e9:.1f} GB are needed, {rest / 1e9:.1f} to download and "
            f"{archive.unpacked / 1e9:.1f} to unpack, but {free / 1e9:.1f} GB are free; make room "
            "or give another folder with --to."
        )


def _require_hash(source: Path, archive: Archive) -> None:
    """Check an archive; one with another hash is set aside, so that the next call fetches it."""
    digest = hashlib.sha256()
    shown = Progress(f"check {archive.file}", source.stat().st_size, unit="B")
    with shown, source.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
            shown.advance(len(chunk))
    if digest.hexdigest() != archive.sha256:
        aside = source.with_name(f"{archive.file}.wrong")
        source.replace(aside)
        if source.name != archive.file:
            forget(source)
        raise InputError(
            f"{source}: its SHA-256 is {digest.hexdigest()}, that of the published archive "
            f"{archive.sha256}; it was moved to {aside} and not unpacked, give the same command "
            "again to download it afresh."
        )
