"""The run store: one immutable record for each finished stage, its artifact beside it.

    <root>/<first two digits>/<key>/record.json    written last: it is there, the stage is done
                                    <artifact>      the file the record names, with its digest
                                    failure.json    of a stage whose last attempt failed

Files appear under their names complete or not at all, so a run may be killed at any moment
and several may share one folder.
"""

import dataclasses
import hashlib
import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from destseg.atomic import write_atomically
from destseg.errors import InputError


@dataclass(frozen=True)
class Record:
    """What is known of a finished stage.

    Parameters
    ----------
    key, kind : str
        Of the stage.
    parents : tuple of str
        Keys of its parents.
    parameters : mapping
        As they went into the key.
    metrics : mapping
        Of an evaluation, the six metrics in [0, 1]; None where undefined.
    artifact : str or None
        Name of the file beside the record.
    digest : str or None
        SHA-256 of that file.
    seconds : float
        Wall time of the stage.
    peak_memory : int
        The process's largest resident size so far, in bytes.
    provenance : mapping
        Commit, versions, device, time.
    schema : int
        Version of this record's form.
    """

    key: str
    kind: str
    parents: tuple[str, ...]
    parameters: Mapping[str, Any]
    seconds: float
    peak_memory: int
    provenance: Mapping[str, Any]
    metrics: Mapping[str, float | None] = field(default_factory=dict)
    artifact: str | None = None
    digest: str | None = None
    schema: int = 1


def recordable(scores: Mapping[str, float]) -> dict[str, float | None]:
    """Turn metrics into those of a record: NaN is no JSON, and a missing metric is no number."""
    return {name: None if math.isnan(value) else value for name, value in scores.items()}


class DamagedArtifact(Exception):
    """An artifact that is missing or is not what its record says."""


def check_writable(folder: Path) -> None:
    """Refuse a folder that cannot take results, before anything is computed.

    Raises
    ------
    InputError
        Naming the folder and the reason.
    """
    probe = folder / f".writable-{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise InputError(
            f"{folder}: results cannot be written there ({error.strerror}); "
            "give another folder with --results DIR."
        ) from None


@dataclass(frozen=True)
class RunStore:
    """Records and artifacts below a folder."""

    root: Path

    def folder(self, key: str) -> Path:
        """Return the folder of a stage."""
        return self.root / key[:2] / key

    def get(self, key: str) -> Record | None:
        """Read a record; None when the stage is not done or its record is not whole."""
        try:
            content = (self.folder(key) / "record.json").read_bytes()
        except FileNotFoundError:
            return None
        try:
            values = json.loads(content)
            record = Record(**{**values, "parents": tuple(values["parents"])})
        except (ValueError, TypeError, KeyError):
            return None
        return record if record.key == key else None

    def put(self, record: Record, artifact: bytes | None = None) -> Record:
        """Store a finished stage; its artifact first, its record last.

        Parameters
        ----------
        record : Record
            Its ``artifact`` names the file, when there is one.
        artifact : bytes, optional
            Content of that file.
        """
        folder = self.folder(record.key)
        folder.mkdir(parents=True, exist_ok=True)
        if artifact is not None:
            record = dataclasses.replace(record, digest=hashlib.sha256(artifact).hexdigest())
            write_atomically(folder / str(record.artifact), artifact)
        write_atomically(folder / "record.json", _json(dataclasses.asdict(record)))
        (folder / "failure.json").unlink(missing_ok=True)
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
            content = path.read_bytes()
        except OSError as error:
            raise DamagedArtifact(f"{path}: {error.strerror}") from None
        if hashlib.sha256(content).hexdigest() != record.digest:
            raise DamagedArtifact(f"{path}: its content is not what its record says")
        return content

    def discard(self, key: str) -> None:
        """Forget a stage, so that it runs again."""
        (self.folder(key) / "record.json").unlink(missing_ok=True)

    def fail(self, key: str, failure: Mapping[str, Any]) -> None:
        """Note why a stage failed; it still counts as not done."""
        folder = self.folder(key)
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / "failure.json", _json(failure))


def _json(value: Mapping[str, Any]) -> bytes:
    return (json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n").encode()
