"""Old records taken over under new keys, where only versions of code tell them apart.

A version is raised when a change of code *may* change results. Whoever knows that it does not
change them here says so, with a reason that stays in the record.
"""

import dataclasses
import os
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from typing import NamedTuple

from bench.common.provenance import provenance
from bench.inspection.catalogue import Catalogue, place_of
from bench.inspection.census import Census
from bench.inspection.reasons import same_but_code
from bench.planning.stages import Stage
from bench.store.records import Record
from bench.store.runs import DamagedArtifact, RunStore
from destseg.errors import InputError


class Acceptable(NamedTuple):
    """A stage without a record, and the record under another key that can be its own."""

    stage: Stage
    record: Record


def acceptable(census: Census) -> tuple[Acceptable, ...]:
    """List the stages that lack a record only because versions of code differ, parents first."""
    stages = census.in_state("stale", "failed", "damaged", "not needed")
    found = ((stage, _predecessor(stage, census.catalogue)) for stage in stages)
    return tuple(Acceptable(stage, record) for stage, record in found if record is not None)


def accept(
    chosen: Iterable[Acceptable], store: RunStore, reason: str
) -> tuple[int, tuple[str, ...]]:
    """Take old records over under the new keys, their artifacts with them, parents first.

    The reason why the results are the same is written into every record. Returned is how many were
    taken over, and why others were not: their artifacts are damaged.

    Raises
    ------
    InputError
        When there is no reason.
    """
    reason = stated_reason(reason)
    count, faults = 0, []
    for stage, old in chosen:
        new = dataclasses.replace(
            old,
            key=stage.key,
            parents=tuple(parent.key for parent in stage.parents),
            code=stage.code,
            category=stage.category,
            seed=stage.seed,
            accepted={
                "from": old.key,
                "reason": reason,
                "when": datetime.now(UTC).isoformat(timespec="seconds"),
                "commit": provenance()["commit"],
            },
        )
        try:
            _copy(store, old, new)
        except DamagedArtifact as error:
            faults.append(str(error))
        else:
            count += 1
    return count, tuple(faults)


def stated_reason(text: str) -> str:
    """Return a reason without the space around it, or refuse an empty one."""
    if not text.strip():
        raise InputError("--reason: is empty; say why the old results hold for the new code.")
    return text.strip()


def _predecessor(stage: Stage, catalogue: Catalogue) -> Record | None:
    """Find the record of the latest code that differs by code alone."""
    records = catalogue.at(place_of(stage))
    return max(
        (record for record in records if same_but_code(record, stage, catalogue)),
        key=lambda record: (record.code, str(record.provenance.get("started", ""))),
        default=None,
    )


def _copy(store: RunStore, old: Record, new: Record) -> None:
    """Store a record with the artifact of another, linked where the file system can."""
    if old.artifact is None:
        store.put(new)
        return
    content = store.artifact(old)
    folder = store.folder(new.key)
    folder.mkdir(parents=True, exist_ok=True)
    # Linked under a temporary name first: whatever lies under the artifact's own is replaced.
    temporary = folder / f".{old.artifact}.{os.getpid()}.part"
    try:
        os.link(store.folder(old.key) / old.artifact, temporary)
        temporary.replace(folder / old.artifact)
    except OSError:
        store.put(new, content)
    else:
        store.put(new)
    finally:
        # Still there when both names are of one file already: renaming one to the other is void.
        with suppress(FileNotFoundError):
            temporary.unlink()
