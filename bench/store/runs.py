"""The run store: one immutable record for each finished stage, its artifact beside it.

    <root>/<first two digits>/<key>/record.json    written last: it is there, the stage is done
                                    <artifact>      the file the record names, with its digest
                                    failure.json    of a stage whose last attempt failed
                                    unfinished.pt   of a long one that was interrupted

Files appear under their names complete or not at all, so a run may be killed at any moment
and several may share one folder, without locks.
"""

import dataclasses
import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench.common.plain_files import TEXT_LIMIT, read_plain
from bench.store.records import DamagedRecord, Record, decode, encode
from destseg.atomic import write_atomically
from destseg.errors import InputError

RECORD = "record.json"
FAILURE = "failure.json"
UNFINISHED = "unfinished.pt"

Cause = Literal["raised", "diverged", "memory", "killed", "timeout"]


@dataclass(frozen=True)
class Failure:
    """Why a stage is not done: the content of ``failure.json``."""

    key: str  # of the stage
    kind: str
    category: str  # whose images it read
    seed: int | None  # of its run; None where it serves all
    # An exception; a loss or map that is not finite; memory that could not be had; a signal; the
    # time limit.
    cause: Cause
    message: str  # one line
    trace: tuple[str, ...] = ()  # last lines of the traceback, when there is one
    attempts: int = 1  # how often it was tried, earlier runs included


class DamagedArtifact(Exception):
    """An artifact of the stage ``key`` that is missing or is not what its record says."""

    def __init__(self, message: str, key: str) -> None:
        super().__init__(message, key)
        self.key = key

    def __str__(self) -> str:
        return str(self.args[0])


def check_writable(folder: Path, *names: str, option: str = "--results") -> None:
    """Refuse a folder that cannot take results, files of some names among them.

    Whoever computes asks before anything is computed. The folder is not made: what is refused for
    another reason leaves nothing behind. The option is the one that chooses it.

    Raises
    ------
    InputError
        Naming the folder and the reason.
    """
    there = next(path for path in (folder, *folder.absolute().parents) if os.path.lexists(path))
    probe = there / f".writable-{os.getpid()}"
    try:
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise InputError(
            f"{folder}: results cannot be written there ({error.strerror}); "
            f"give another folder with {option} DIR."
        ) from None
    for name in names:
        if (folder / name).is_dir():
            raise InputError(
                f"{folder / name}: is a folder in the place of a file of the results; move it away."
            )


@dataclass(frozen=True)
class RunStore:
    """Records and artifacts below a folder."""

    root: Path

    def folder(self, key: str) -> Path:
        """Return the folder of a stage."""
        return self.root / key[:2] / key

    def read(self, key: str) -> Record | None:
        """Read a record; None when the stage is not done.

        Raises
        ------
        DamagedRecord
            When there is one that is not whole.
        InputError
            When a newer version of the program wrote it.
        """
        path = self.folder(key) / RECORD
        try:
            content = read_plain(path, TEXT_LIMIT)
        except FileNotFoundError:
            return None
        except PermissionError:
            raise
        except OSError as error:
            raise DamagedRecord(f"{path}: {_strerror(error)}") from None
        return decode(content, key, path)

    def get(self, key: str) -> Record | None:
        """Read a record; None when the stage is not done or its record is not whole."""
        try:
            return self.read(key)
        except DamagedRecord:
            return None

    def put(self, record: Record, artifact: bytes | None = None) -> Record:
        """Store a finished stage; its artifact first, its record last.

        The record's ``artifact`` names the file, when there is one.
        """
        if artifact is not None:
            record = dataclasses.replace(record, digest=hashlib.sha256(artifact).hexdigest())
            self._write(record.key, str(record.artifact), artifact)
        self._write(record.key, RECORD, encode(record))
        for name in (FAILURE, UNFINISHED):
            _clear(self.folder(record.key) / name)
        return record

    def artifact(self, record: Record) -> bytes:
        """Read the artifact of a record and check that it is the one recorded.

        Raises
        ------
        DamagedArtifact
            When it is missing or its digest differs.
        """
        path = self.folder(record.key) / str(record.artifact)
        try:
            content = read_plain(path)
        except OSError as error:
            raise DamagedArtifact(f"{path}: {_strerror(error)}", record.key) from None
        if hashlib.sha256(content).hexdigest() != record.digest:
            raise DamagedArtifact(f"{path}: its content is not what its record says", record.key)
        return content

    def load(self, key: str) -> bytes:
        """Read a stage's artifact; a damaged one is forgotten, so that it is computed again.

        Raises
        ------
        DamagedArtifact
            When the record or the artifact is gone, or the artifact is not the one recorded.
        """
        record = self.get(key)
        if record is None:
            raise DamagedArtifact(f"{self.folder(key)}: its record is gone", key)
        try:
            return self.artifact(record)
        except DamagedArtifact:
            self.discard(key)
            raise

    def discard(self, key: str) -> None:
        """Forget a stage, so that it runs again."""
        _clear(self.folder(key) / RECORD)

    def remove(self, key: str) -> None:
        """Delete a stage with all its files, its record first."""
        self.discard(key)
        shutil.rmtree(self.folder(key), ignore_errors=True)
        with suppress(OSError):
            self.folder(key).parent.rmdir()

    def fail(self, failure: Failure) -> Failure:
        """Note why a stage failed, adding up attempts; it still counts as not done."""
        before = self.failure(failure.key)
        if before is not None:
            failure = dataclasses.replace(failure, attempts=failure.attempts + before.attempts)
        text = json.dumps(dataclasses.asdict(failure), indent=1, sort_keys=True)
        self._write(failure.key, FAILURE, f"{text}\n".encode())
        return failure

    def failure(self, key: str) -> Failure | None:
        """Read why a stage failed; None when it did not, or the note is not whole."""
        try:
            values = json.loads(read_plain(self.folder(key) / FAILURE, TEXT_LIMIT))
            return Failure(**{**values, "trace": tuple(values["trace"])})
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            return None

    def unfinished(self, key: str) -> Path:
        """Return the place of what is kept of a stage, or of several, on the way."""
        return self.folder(key) / UNFINISHED

    def keys(self) -> Iterator[str]:
        """List the stages that have a folder, done or failed."""
        for group in _scan(self.root):
            if len(group.name) == 2 and Path(group.path).is_dir():
                yield from sorted(entry.name for entry in _scan(Path(group.path)))

    def size(self, key: str) -> int:
        """Return the bytes that a stage's files take."""
        entries = _scan(self.folder(key))
        return sum(entry.stat(follow_symlinks=False).st_size for entry in entries)

    def records(self) -> Iterator[Record]:
        """Read every whole record there is."""
        for key in self.keys():
            record = self.get(key)
            if record is not None:
                yield record

    def pack(self, key: str) -> dict[str, bytes]:
        """Read a stage's files, by name, to be sent to another machine."""
        return {entry.name: read_plain(Path(entry.path)) for entry in _scan(self.folder(key))}

    def unpack(self, key: str, files: Mapping[str, bytes]) -> None:
        """Write a stage's files as `pack` read them, the record last."""
        for name in sorted(files, key=RECORD.__eq__):
            self._write(key, name, files[name])
        if RECORD in files:
            for name in (FAILURE, UNFINISHED):
                _clear(self.folder(key) / name)

    def _write(self, key: str, name: str, content: bytes) -> None:
        """Write a file of a stage; what is in its way, and is no file of a store, is removed."""
        folder = self.folder(key)
        for place in (folder.parent, folder):
            # In this order: another process may make the folder between the two questions.
            if os.path.lexists(place) and not place.is_dir():
                place.unlink(missing_ok=True)
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / name).is_dir():
            _clear(folder / name)
        write_atomically(folder / name, content)


def _clear(path: Path) -> None:
    """Remove whatever lies in the place of a file; nothing need."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    elif path.parent.is_dir():
        path.unlink(missing_ok=True)


def _strerror(error: OSError) -> str:
    return error.strerror or str(error)


def _scan(folder: Path) -> list[os.DirEntry[str]]:
    """List a folder that may be missing, or vanish while others clean up."""
    try:
        with os.scandir(folder) as entries:
            return sorted(
                (entry for entry in entries if not entry.name.startswith(".")),
                key=lambda entry: entry.name,
            )
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            raise
        return []
