"""Records: what is known of a finished stage, as a frozen dataclass and as the text of a file.

The last line of a record's text is the SHA-256 of everything before it, so that a flipped byte
anywhere is seen. Records of earlier schemas are upgraded when they are read; the files stay as
they are.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from destseg.errors import InputError

SCHEMA = 2
"""Version of a record's form. 1 had no digest of its own, no code version and no coordinates."""

_SEAL = b',\n "sha256": "'


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
        As they went into the key; an evaluation's protocol is among them.
    seconds : float
        Wall time of the stage.
    peak_memory : int
        The process's largest resident size so far, in bytes.
    provenance : mapping
        Commit, versions, device, command, times.
    metrics : mapping
        Of an evaluation, the six metrics in [0, 1]; None where undefined.
    artifact : str or None
        Name of the file beside the record.
    digest : str or None
        SHA-256 of that file.
    code : int or None
        Version of the stage's code, which went into the key; None where schema 1 did not say.
    category : str
        Whose images it read.
    seed : int or None
        Of its run; None where schema 1 did not say.
    accepted : mapping or None
        Of a record taken over from another key by ``bench accept``: from where, when and why.
    schema : int
        Version of the record's form, as it was written.
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
    code: int | None = None
    category: str = ""
    seed: int | None = None
    accepted: Mapping[str, str] | None = None
    schema: int = SCHEMA

    def row(self) -> dict[str, Any]:
        """Lay the record out as a row of a table, without its parameters."""
        return {
            "key": self.key,
            "kind": self.kind,
            "category": self.category,
            "seed": self.seed,
            **self.metrics,
            "seconds": self.seconds,
            "peak_memory": self.peak_memory,
            "code": self.code,
            **self.provenance,
        }


class DamagedRecord(Exception):
    """A record that is not what was written."""


def recordable(scores: Mapping[str, float]) -> dict[str, float | None]:
    """Turn metrics into those of a record: NaN is no JSON, and a missing metric is no number."""
    return {name: None if math.isnan(value) else value for name, value in scores.items()}


def encode(record: Record) -> bytes:
    """Turn a record into the text of its file, sealed with its digest.

    Raises
    ------
    ValueError
        When a number in it is none.
    """
    values = {**asdict(record), "schema": SCHEMA}
    body = json.dumps(values, indent=1, sort_keys=True, allow_nan=False).encode()[: -len("\n}")]
    return body + _SEAL + hashlib.sha256(body).hexdigest().encode() + b'"\n}\n'


def decode(content: bytes, key: str, path: Path) -> Record:
    """Read the text of a record's file.

    Parameters
    ----------
    content : bytes
        The text.
    key : str
        That the record must have.
    path : Path
        Of the file, for messages.

    Raises
    ------
    DamagedRecord
        When the text is not one that `encode` wrote, of this schema or an earlier one.
    InputError
        When its schema is newer than this program.
    """
    damaged = DamagedRecord(f"{path}: the record is not whole")
    try:
        values = json.loads(content)
        schema = int(values.get("schema", 0))
    except (ValueError, TypeError, AttributeError):
        raise damaged from None
    body, seal, _ = content.rpartition(_SEAL)
    if hashlib.sha256(body).hexdigest() != values.pop("sha256", None) and (seal or schema == 2):
        raise damaged
    if schema > SCHEMA:
        raise InputError(
            f"{path}: a newer version of the program wrote this record (schema {schema}, this one "
            f"reads up to {SCHEMA}); update the program, or give another folder with --results DIR."
        )
    try:
        # Schema 1 put the category of every stage, and the seed of a network, in the parameters.
        if schema == 1:
            values["category"] = values["parameters"].get("category", "")
            values["seed"] = values["parameters"].get("seed")
        record = Record(**{**values, "parents": tuple(values["parents"])})
    except (TypeError, KeyError, AttributeError):
        raise damaged from None
    if record.key != key:
        raise damaged
    return record
