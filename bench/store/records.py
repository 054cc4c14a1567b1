"""Records: what is known of a finished stage, as a frozen dataclass and as the text of a file.

The last line of a record's text is the SHA-256 of everything before it, so that a flipped byte
anywhere is seen.
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
"""Version of a record's form."""

_SEAL = b',\n "sha256": "'


@dataclass(frozen=True)
class Record:
    """What is known of a finished stage."""

    key: str  # of the stage
    kind: str
    parents: tuple[str, ...]  # keys of its parents
    # As they went into the key; an evaluation's protocol is among them.
    parameters: Mapping[str, Any]
    seconds: float  # wall time of the stage
    peak_memory: int  # the process's largest resident size so far, in bytes
    # From `bench.common.provenance`: code, versions, device, command, times.
    provenance: Mapping[str, Any]
    code: int  # version of the stage's code, which went into the key
    category: str  # whose images it read; empty where it read none
    seed: int | None  # of its run; None where nothing was drawn at random
    # Of an evaluation, each metric by its key as a fraction in [0, 1]; None where undefined.
    metrics: Mapping[str, float | None] = field(default_factory=dict)
    artifact: str | None = None  # name of the file beside the record
    digest: str | None = None  # SHA-256 of that file
    # Of a record taken over from another key by ``bench accept``: from where, when and why.
    accepted: Mapping[str, str] | None = None


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
    """Read the text of the file at ``path``, of a record that must have this key.

    Raises
    ------
    DamagedRecord
        When the text is not one that `encode` wrote.
    InputError
        When it is sealed and of a newer schema.
    """
    damaged = DamagedRecord(f"{path}: the record is not whole")
    try:
        values = json.loads(content)
        seal, schema = values.pop("sha256"), int(values.pop("schema"))
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        raise damaged from None
    if hashlib.sha256(content.rpartition(_SEAL)[0]).hexdigest() != seal:
        raise damaged
    if schema > SCHEMA:
        raise InputError(
            f"{path}: a newer version of the program wrote this record (schema {schema}, this one "
            f"reads up to {SCHEMA}); update the program, or give another folder with --results DIR."
        )
    try:
        record = Record(**{**values, "parents": tuple(values["parents"])})
    except (TypeError, KeyError):
        raise damaged from None
    if record.key != key:
        raise damaged
    return record
