"""One cell of the grid, stage by stage: what is there, and why the rest is not."""

import difflib
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from bench.experiment.grid import Cell
from bench.inspection.census import Census
from bench.inspection.reasons import reason
from bench.planning.inputs import UNPREPARED
from bench.planning.stages import Stage
from bench.store.records import Record
from bench.store.runs import FAILURE, RECORD, Failure, RunStore
from destseg.errors import InputError, printable


def find_cell(words: Sequence[str], cells: Iterable[Cell]) -> Cell:
    """Find the cell that somebody means.

    The words are category, variant or method or both, and seed, in any order; in one text or
    several, with or without the word ``seed``.

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
    said = {word for name in known for word in name.split()}
    unknown = [word for word in given if word not in said]
    what = f"no {unknown[0]!r}" if unknown else "no such cell"
    if fitting:
        what = f"{len(fitting)} such cells"
    raise InputError(
        f"{wanted!r}: the experiment has {what}; a cell is CATEGORY METHOD VARIANT SEED, where the "
        f"method may be left out if it is clear, such as {' or '.join(map(repr, near))}."
    )


def unprepared_of(evaluation: Stage) -> tuple[str, ...]:
    """Name the inputs of a cell, given by its last stage, that this machine has not prepared.

    Of images it is the category that is named.
    """
    found = {
        name
        for stage in evaluation.lineage()
        for name, value in stage.parameters.items()
        if value == UNPREPARED
    }
    return tuple(str(evaluation.category) if name == "images" else name for name in sorted(found))


def explained(stage: Stage, census: Census, store: RunStore) -> list[str]:
    """Say in lines what state a stage is in, and why."""
    key = stage.key
    record = census.catalogue.records.get(key)
    if record is not None:
        return [f"{stage.kind}: done", *_made(record, store)]
    folder = store.folder(key)
    lines = [f"{stage.kind}: {census.states[key]}"]
    if key in census.catalogue.damaged:
        lines.append(census.catalogue.damaged[key])
    if key in census.failures:
        lines += [failed(census.failures[key], store), f"{folder / FAILURE}"]
    found = reason(stage, census.catalogue)
    if found is None:
        return [*lines, f"never computed; its record would be {folder / RECORD}"]
    apart = ", another experiment's" if census.states[key] == "missing" else ""
    lines.append(f"nearest{apart}: {_made(found.record, store)[0]}")
    lines += [f"  {difference}" for difference in found.own]
    lines += [f"  parents: the {kind} is another, see there" for kind in found.parents]
    if found.unprepared:
        names = ", ".join(found.unprepared)
        lines.append(f"  not prepared here, so that nobody can compare: {names}")
    return lines


def failed(failure: Failure, store: RunStore) -> str:
    """Write down in one line why a stage failed, how often, and when the last time was."""
    attempts = "1 attempt" if failure.attempts == 1 else f"{failure.attempts} attempts"
    try:
        stamp = (store.folder(failure.key) / FAILURE).stat().st_mtime
        when = f", {datetime.fromtimestamp(stamp, UTC).isoformat(timespec='seconds')}"
    except FileNotFoundError:
        when = ""
    return f"{failure.cause}: {printable(failure.message)} ({attempts}{when})"


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
