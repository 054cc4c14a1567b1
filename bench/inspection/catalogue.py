"""All records of a store at once, and the place in the grid that each of them fills."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from bench.planning import stages
from bench.planning.stages import Task, stage_key
from bench.store.records import DamagedRecord, Record
from bench.store.runs import RunStore

TRAITS = ("den", "student", "seg", "l1", "fusion_input")
"""Parameters that tell variants apart; every other one is a setting of the experiment."""


@dataclass(frozen=True)
class Place:
    """What a stage is for, whatever the settings.

    Parameters
    ----------
    kind : str
        Of the stage.
    category : str
        Whose images it reads.
    seed : int or None
        Of its run.
    traits : tuple
        `TRAITS` of the stage and its ancestors, by name.
    """

    kind: str
    category: str
    seed: int | None
    traits: tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class Catalogue:
    """The records of a store.

    Parameters
    ----------
    records : mapping of str to Record
        Whole ones by key.
    damaged : mapping of str to str
        What is wrong with the others, by key.
    """

    records: Mapping[str, Record]
    damaged: Mapping[str, str] = field(default_factory=dict)

    def lineage(self, record: Record) -> tuple[Record, ...] | None:
        """List a record's ancestors and itself, parents first; None when one is not there."""
        if record.key not in self._lineages:
            found: list[Record] = []
            whole = True
            for key in record.parents:
                parent = self.records.get(key)
                above = None if parent is None else self.lineage(parent)
                if above is None:
                    whole = False
                    break
                found += above
            self._lineages[record.key] = (*found, record) if whole else None
        return self._lineages[record.key]

    def place(self, record: Record) -> Place | None:
        """Return what a record is for; None of other methods' maps, or when an ancestor is gone."""
        lineage = self.lineage(record)
        if lineage is None or lineage[0].kind != "student":
            return None
        seeds = [above.seed for above in lineage if above.seed is not None]
        traits = _traits([above.parameters for above in lineage])
        return Place(record.kind, record.category, seeds[0] if seeds else None, traits)

    def at(self, place: Place) -> tuple[Record, ...]:
        """List the records for a place, whatever their settings."""
        return tuple(self._places.get(place, ()))

    @cached_property
    def _lineages(self) -> dict[str, tuple[Record, ...] | None]:
        return {}

    @cached_property
    def _places(self) -> Mapping[Place, list[Record]]:
        found: dict[Place, list[Record]] = {}
        for record in self.records.values():
            place = self.place(record)
            if place is not None:
                found.setdefault(place, []).append(record)
        return found


def read_catalogue(store: RunStore) -> Catalogue:
    """Read every record of a store.

    Raises
    ------
    InputError
        When a newer version of the program wrote one.
    """
    records, damaged = {}, {}
    for key in store.keys():  # noqa: SIM118 - a method, not a mapping's
        try:
            record = store.read(key)
        except DamagedRecord as error:
            damaged[key] = str(error)
        else:
            if record is not None:
                records[key] = record
    return Catalogue(records, damaged)


def place_of(task: Task) -> Place:
    """Return what a planned stage is for."""
    traits = _traits([above.parameters for above in task.stage.lineage()])
    return Place(task.stage.kind, task.category, task.seed, traits)


def code_of(record: Record) -> int | None:
    """Return the version of the code that went into a record's key.

    Records of schema 1 do not tell it: it is the one that gives the key again.

    Returns
    -------
    int or None
        None when no version does: the key was made in another form than today's.
    """
    latest = {str(kind): code for kind, code in stages.CODE_VERSIONS.items()}.get(record.kind, 0)
    versions = range(1, latest + 1) if record.code is None else (record.code,)
    for version in versions:
        if stage_key(record.kind, version, record.parameters, record.parents) == record.key:
            return version
    return None


def _traits(parameters: list[Mapping[str, Any]]) -> tuple[tuple[str, Any], ...]:
    merged = {
        name: values[name]
        for values in parameters
        for name in TRAITS
        if values.get(name) is not None
    }
    return tuple(sorted(merged.items()))
