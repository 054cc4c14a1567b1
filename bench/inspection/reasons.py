"""Why a stage has no record: the nearest record there is, and what differs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from bench.experiment.experiment import flat_settings
from bench.inspection.catalogue import Catalogue, has_todays_key, place_of
from bench.planning.experiment_plan import is_known
from bench.planning.inputs import UNPREPARED
from bench.planning.stages import Stage, canonical
from bench.store.records import Record

ABSENT = "absent"

HINTS: Mapping[str, str] = {
    "images": "the dataset changed",
    "teacher": "another teacher",
    "backbone": "another backbone",
    "textures": "other anomaly sources",
}
"""What another digest of an input means."""


@dataclass(frozen=True)
class Difference:
    """A component of a key, such as ``parameters.lr`` or ``code``, that is another.

    It is told what it is before, in the record, and after, in what is planned.
    """

    component: str
    before: str
    after: str

    def __str__(self) -> str:
        name = self.component.rpartition(".")[2]
        if name in HINTS:
            return f"{name} digest: {self.before[:12]} -> {self.after[:12]} ({HINTS[name]})"
        return f"{self.component}: {self.before} -> {self.after}"


@dataclass(frozen=True)
class Reason:
    """The nearest record of a stage that has none: for the same place, under another key.

    ``own`` is what differs in the stage itself, ``parents`` the kinds of its parents that are
    others; their differences are reasons of their own. ``unprepared`` names inputs of the stage
    that this machine has not prepared, so that nobody knows whether the record is of the same.
    """

    record: Record
    own: tuple[Difference, ...]
    parents: tuple[str, ...]
    unprepared: tuple[str, ...] = ()

    @property
    def fits(self) -> bool:
        """Whether the record may be the stage's own, as far as can be told."""
        return not self.own and not self.parents


def own_differences(record: Record, stage: Stage) -> tuple[Difference, ...]:
    """List what differs between a record and a planned stage of its kind, parents aside.

    An input that is not prepared does not differ: it is not known.
    """
    before, after = _flat(record.parameters), _flat(stage.parameters)
    found = [
        Difference(f"parameters.{name}", old, new)
        for name in sorted({*before, *after})
        if (new := after.get(name, ABSENT)) not in (UNPREPARED, old := before.get(name, ABSENT))
    ]
    if not has_todays_key(record):
        found.append(Difference("schema", "another form of keys", "the present one"))
    elif record.code != stage.code:
        found.append(Difference("code", str(record.code), str(stage.code)))
    return tuple(found)


def reason(stage: Stage, catalogue: Catalogue) -> Reason | None:
    """Find the nearest record for a planned stage that has none; None when there is none.

    It is the one with the fewest differences, those of its ancestors counted, and of several the
    newest.
    """
    candidates = [record for record in catalogue.at(place_of(stage)) if record.key != stage.key]
    if not candidates:
        return None
    newest = sorted(candidates, key=lambda record: str(record.provenance.get("started", "")))
    nearest = min(reversed(newest), key=lambda record: _distance(record, stage, catalogue))
    parents = tuple(
        each.kind
        for before, planned in _other_parents(nearest, stage, catalogue)
        if (each := planned or before) is not None
        and (planned is None or is_known(planned) or _distance(before, planned, catalogue))
    )
    unprepared = tuple(name for name, value in stage.parameters.items() if value == UNPREPARED)
    return Reason(nearest, own_differences(nearest, stage), parents, unprepared)


def same_but_code(record: Record, stage: Stage, catalogue: Catalogue) -> bool:
    """Whether a record differs from a planned stage by versions of code alone.

    Its ancestors may do so too; one that is not in the store may differ by anything.
    """
    if record.kind != stage.kind or len(record.parents) != len(stage.parents):
        return False
    if not has_todays_key(record) or canonical(record.parameters) != canonical(stage.parameters):
        return False
    for key, planned in zip(record.parents, stage.parents, strict=True):
        parent = catalogue.records.get(key)
        if key != planned.key and (parent is None or not same_but_code(parent, planned, catalogue)):
            return False
    return True


def _distance(record: Record | None, stage: Stage | None, catalogue: Catalogue) -> int:
    """Count what differs; a stage of another kind, one too many and one too few count once."""
    if record is None or stage is None or record.kind != stage.kind:
        return 1
    others = _other_parents(record, stage, catalogue)
    return len(own_differences(record, stage)) + sum(_distance(*pair, catalogue) for pair in others)


def _other_parents(
    record: Record, stage: Stage, catalogue: Catalogue
) -> Iterator[tuple[Record | None, Stage | None]]:
    """Pair the parents that are others; None where one has no counterpart."""
    for key, planned in zip_longest(record.parents, stage.parents):
        if planned is None or key != planned.key:
            yield catalogue.records.get(key), planned


def _flat(values: Mapping[str, Any]) -> dict[str, str]:
    """Lay nested tables out flat, values as the key has them."""
    return {
        name: value if isinstance(value, str) else canonical(value)
        for name, value in flat_settings(values).items()
    }
