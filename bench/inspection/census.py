"""What an experiment has of its stages, and what it lacks."""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench.common.provenance import PACKAGES
from bench.inspection.catalogue import Catalogue, place_of, read_catalogue
from bench.inspection.cleaning import keys_in
from bench.inspection.reasons import reason, same_but_code
from bench.planning.experiment_plan import is_known
from bench.planning.schedule import Schedule
from bench.planning.stages import Plan, Stage, step_types
from bench.results.files import CELLS
from bench.results.keeping import PART
from bench.store.records import Record
from bench.store.runs import Failure, RunStore
from destseg.errors import InputError

State = Literal["done", "not needed", "failed", "damaged", "stale", "unprepared", "missing"]

LACKING: tuple[State, ...] = ("failed", "damaged", "stale", "unprepared", "missing")
"""States of stages that would run, as far as can be told."""

ENVIRONMENT = (
    "commit",
    "dirty",
    "changes",
    "python",
    *PACKAGES,
    "platform",
    "cpu",
    "cpu_capability",
    "device",
    "threads",
    "determinism",
)
"""Parts of a record's provenance that can move a number."""

OF_DEVICE = ("device", "determinism")
"""Those of them that move none of a stage which computes on no device."""


@dataclass(frozen=True)
class Census:
    """The stages of a plan with the state of each, beside what a store has.

    ``stale`` is a stage without a record while there is one for the same place in the grid under
    another key, which is not another experiment's; ``unprepared`` one whose key is not known, since
    its inputs are not prepared here, while there is a record that fits in all else; ``not needed``
    one without a record that nothing lacks.
    """

    plan: Plan
    catalogue: Catalogue
    states: Mapping[str, State]
    failures: Mapping[str, Failure]

    @property
    def complete(self) -> bool:
        """Whether nothing would run."""
        return not any(state in LACKING for state in self.states.values())

    @property
    def done(self) -> tuple[Record, ...]:
        """Records of the plan's stages."""
        found = (self.catalogue.records.get(key) for key in self.plan.stages)
        return tuple(record for record in found if record is not None)

    def in_state(self, *states: State) -> tuple[Stage, ...]:
        """List the stages in one of some states, in the plan's order."""
        return tuple(stage for key, stage in self.plan.stages.items() if self.states[key] in states)

    def counts(self, group: Callable[[Stage], Hashable]) -> dict[Hashable, Counter[State]]:
        """Count the states of each group of stages."""
        found: dict[Hashable, Counter[State]] = {}
        for key, stage in self.plan.stages.items():
            found.setdefault(group(stage), Counter())[self.states[key]] += 1
        return found


def take_census(plan: Plan, store: RunStore, own: Path | None = None) -> Census:
    """Compare a plan with a store.

    Parameters
    ----------
    plan
        What is wanted.
    store
        What there is.
    own
        The experiment's folder of results, which need not exist. What the cells of folders beside
        it came from, and its own did not, is another experiment's.

    Raises
    ------
    InputError
        When a newer version of the program wrote a record.
    """
    catalogue = read_catalogue(store)
    others = set() if own is None else _of_others(own, catalogue)
    schedule = Schedule(plan, catalogue.records.__contains__)
    pending = {stage.key for stage in schedule.pending}
    failures = {
        key: failure
        for key in plan.stages
        if key in pending and (failure := store.failure(key)) is not None
    }

    def state(key: str, stage: Stage) -> State:
        if key in catalogue.records:
            return "done"
        if key not in pending:
            return "not needed"
        if key in catalogue.damaged:
            return "damaged"
        if key in failures:
            return "failed"
        nearest = reason(stage, catalogue)
        if nearest is None:
            return "missing"
        if nearest.fits and not is_known(stage):
            return "unprepared"
        mine = (
            record.key not in others or same_but_code(record, stage, catalogue)
            for record in catalogue.at(place_of(stage))
        )
        return "stale" if any(mine) else "missing"

    states = {key: state(key, stage) for key, stage in plan.stages.items()}
    return Census(plan, catalogue, states, failures)


def _of_others(own: Path, catalogue: Catalogue) -> set[str]:
    """Return the keys of what other results came from, and those of a folder did not."""
    mine: set[str] = set()
    others: set[str] = set()
    for path in own.parent.glob(f"*/{CELLS}"):
        found = mine if path.parent.name in (own.name, own.name + PART) else others
        # A file that cannot be read claims nothing.
        with suppress(InputError):
            for key in keys_in(path):
                record = catalogue.records.get(key)
                lineage = None if record is None else catalogue.lineage(record)
                found.update(each.key for each in lineage or ())
    return others - mine


def mixed_environments(records: Iterable[Record]) -> dict[str, Counter[str]]:
    """Find what differs between the environments that records were made in.

    For each part of `ENVIRONMENT` that has several values, it is how many records have each; one
    that is in no more than some records is ``not recorded`` in the others.
    """
    listed, types = list(records), step_types()
    on_device = [record for record in listed if types[record.kind].on_device]
    found = {
        name: Counter(
            str(record.provenance.get(name, "not recorded"))
            for record in (on_device if name in OF_DEVICE else listed)
        )
        for name in ENVIRONMENT
    }
    return {name: values for name, values in found.items() if len(values) > 1}
