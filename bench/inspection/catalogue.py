"""All records of a store at once, and the place in the grid that each of them fills."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from bench.planning.stages import Stage, stage_key, step_types
from bench.store.records import DamagedRecord, Record
from bench.store.runs import RunStore


@dataclass(frozen=True)
class Place:
    """What a stage is for, whatever the settings.

    ``reads`` is the kind of its first parent, which tells methods apart in a kind of stage that
    all of them have. ``traits`` are what tells variants apart, `bench.methods.steps.Step.traits`,
    of the stage and its ancestors: for each its kind, name and value.
    """

    kind: str
    category: str
    seed: int | None
    reads: str | None
    traits: tuple[tuple[str, str, Any], ...]


@dataclass(frozen=True)
class Catalogue:
    """The whole records of a store by key, and what is wrong with the damaged ones."""

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
        """Return what a record is for; None of other people's maps, or when an ancestor is gone."""
        lineage = self.lineage(record)
        if lineage is None or (not record.parents and record.metrics):
            return None
        return _place(record, lineage, [self.records[key].kind for key in record.parents])

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


def place_of(stage: Stage) -> Place:
    """Return what a planned stage is for."""
    return _place(stage, stage.lineage(), [parent.kind for parent in stage.parents])


def has_todays_key(record: Record) -> bool:
    """Whether a record's key was made in the form that keys have today."""
    made = stage_key(record.kind, record.code, record.parameters, record.parents)
    return made == record.key


def _place(
    work: Stage | Record, lineage: Iterable[Stage | Record], parents: Sequence[str]
) -> Place:
    types = step_types()
    traits = tuple(
        (above.kind, name, above.parameters.get(name))
        for above in lineage
        for name in (types[above.kind].traits if above.kind in types else ())
    )
    return Place(work.kind, work.category, work.seed, next(iter(parents), None), traits)
