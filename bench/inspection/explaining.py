"""One cell of the grid, stage by stage: what is there, and why the rest is not."""

import difflib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from bench.experiment.grid import Cell
from bench.inspection.census import Census, State
from bench.inspection.reasons import Reason, reason
from bench.planning.stages import Stage
from bench.store.records import Record
from bench.store.runs import FAILURE, RECORD, Failure, RunStore
from destseg.errors import InputError


@dataclass(frozen=True)
class Explanation:
    """The state of one stage, and why.

    Parameters
    ----------
    stage : Stage
        The stage.
    state : str
        As of `bench.inspection.census.State`.
    record : Record or None
        Of a stage that is done.
    failure : Failure or None
        Of a stage whose last attempt failed.
    damage : str or None
        What is wrong with its record.
    reason : Reason or None
        Of a stage that is not done: the nearest record.
    """

    stage: Stage
    state: State
    record: Record | None = None
    failure: Failure | None = None
    damage: str | None = None
    reason: Reason | None = None


def find_cell(words: Sequence[str], cells: Iterable[Cell]) -> Cell:
    """Find the cell that somebody means.

    Parameters
    ----------
    words : sequence of str
        Category, variant or method or both, and seed, in any order; in one text or several, with
        or without the word ``seed``.
    cells : iterable of Cell
        Those there are.

    Raises
    ------
    InputError
        When no cell, or more than one, has all of these words; with the nearest ones.
    """
    given = [word for word in " ".join(words).split() if word != "seed"]
    known = {str(cell): cell for cell in cells}
    # Names may hold spaces, and a seed may be a category's name: words are counted.
    fitting = [name for name in known if not Counter(given) - Counter(name.split())]
    if len(fitting) == 1:
        return known[fitting[0]]
    wanted = " ".join(given)
    near = fitting[:3] or difflib.get_close_matches(wanted, known, n=3, cutoff=0.5)
    near = near or list(known)[:3]
    what = "no such cell" if not fitting else f"{len(fitting)} such cells"
    raise InputError(
        f"{wanted!r}: the experiment has {what}; a cell is CATEGORY METHOD VARIANT SEED, the "
        f"method left out where it is clear, such as {' or '.join(repr(name) for name in near)}."
    )


def explain(cell: Cell, census: Census) -> tuple[Explanation, ...]:
    """Explain each stage that a cell descends from, parents first."""
    lineage = {stage.key: stage for stage in census.plan.evaluations[cell].lineage()}
    found = []
    for key, stage in lineage.items():
        state = census.states[key]
        record = census.catalogue.records.get(key)
        found.append(
            Explanation(
                stage=stage,
                state=state,
                record=record,
                failure=census.failures.get(key),
                damage=census.catalogue.damaged.get(key),
                reason=reason(stage, census.catalogue) if record is None else None,
            )
        )
    return tuple(found)


def described(found: Explanation, store: RunStore) -> list[str]:
    """Write an explanation down in lines: the state, then what is known."""
    stage = found.stage
    folder = store.folder(stage.key)
    if found.record is not None:
        return [f"{stage.kind}: done", *_made(found.record, store)]
    lines = [f"{stage.kind}: {found.state}"]
    if found.damage is not None:
        lines.append(found.damage)
    if found.failure is not None:
        lines += [failed(found.failure, store), f"{folder / FAILURE}"]
    if found.reason is None:
        lines.append(f"never computed; its record would be {folder / RECORD}")
    else:
        lines += [f"nearest: {line}" for line in _made(found.reason.record, store)[:1]]
        lines += [f"  {difference}" for difference in found.reason.own]
        lines += [f"  parents: the {kind} is another, see there" for kind in found.reason.parents]
    return lines


def failed(failure: Failure, store: RunStore) -> str:
    """Write down in one line why a stage failed, how often, and when the last time was."""
    attempts = "1 attempt" if failure.attempts == 1 else f"{failure.attempts} attempts"
    try:
        stamp = (store.folder(failure.key) / FAILURE).stat().st_mtime
        when = f", {datetime.fromtimestamp(stamp, UTC).isoformat(timespec='seconds')}"
    except FileNotFoundError:
        when = ""
    return f"{failure.cause}: {failure.message} ({attempts}{when})"


def _made(record: Record, store: RunStore) -> list[str]:
    """Tell where a record is, when it was made and how long that took."""
    path = store.folder(record.key) / RECORD
    when = record.provenance.get("started", "at a time unknown")
    lines = [f"{path}, {when}, {record.seconds:g} s"]
    if record.accepted is not None:
        taken = record.accepted
        lines.append(
            f"accepted from {taken['from'][:12]} on {taken['when']}, at commit "
            f"{taken['commit'][:12]}: {taken['reason']}"
        )
    return lines
