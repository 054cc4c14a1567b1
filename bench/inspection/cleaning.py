"""Records that nothing refers to, and files that interrupted writers left behind."""

import dataclasses
import itertools
import time
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from bench.data.kinds import all_kinds
from bench.experiment.reading import load_experiment
from bench.planning.experiment_plan import ExperimentPlan, look_up
from bench.planning.inputs import Sources
from bench.store.runs import RECORD, UNFINISHED, RunStore
from destseg.errors import InputError

DAY = 24 * 60 * 60.0


def laid_out(
    files: Iterable[Path], sources: Sources, teacher: str | None = None
) -> tuple[ExperimentPlan, ...]:
    """Lay experiments out in all ways they can be run in here; nothing is written.

    These are all kinds of dataset, of those that need a folder only with one; with and without the
    folder of anomaly sources; an experiment's own teacher, and the one given where it fits.

    Raises
    ------
    InputError
        When a file is no experiment, its inputs are at fault, or the teacher fits none.
    """
    kinds = [name for name, kind in all_kinds().items() if sources.data or not kind.needs_data]
    found: list[ExperimentPlan] = []
    refused: list[InputError] = []
    for file, kind in itertools.product(dict.fromkeys(files), kinds):
        load_experiment(file)
        try:
            stated = load_experiment(file, kind)
        except InputError:  # made for another dataset alone
            continue
        ways = itertools.product(
            dict.fromkeys((stated.teacher, teacher or stated.teacher)),
            dict.fromkeys((None, sources.textures)),
        )
        for name, textures in ways:
            dataset = dataclasses.replace(stated.dataset, kind=kind)
            experiment = dataclasses.replace(stated, dataset=dataset, teacher=name)
            try:
                found.append(look_up(experiment, dataclasses.replace(sources, textures=textures)))
            except InputError as error:  # of another width, so that nothing was made by it
                if name == stated.teacher:
                    raise
                refused.append(error)
    if refused and not any(each.experiment.teacher == teacher for each in found):
        raise refused[0]
    return tuple(found)


def named_by_results(results: Path, store: RunStore) -> set[str]:
    """Return the keys in the ``cells.csv`` of all results folders, and of what these came from.

    Raises
    ------
    InputError
        When a ``cells.csv`` cannot be read.
    """
    found: set[str] = set()
    waiting = [key for path in sorted(results.glob("*/cells.csv")) for key in keys_in(path)]
    while waiting:
        key = waiting.pop()
        if key not in found:
            found.add(key)
            record = store.get(key)
            waiting += () if record is None else record.parents
    return found


def leftovers(folder: Path, age: float = DAY) -> tuple[Path, ...]:
    """List the temporary files below a folder that are older than some seconds.

    With them what was kept of stages that somebody else has finished meanwhile.
    """
    limit = time.time() - age
    found = []
    kept = (path for path in folder.rglob(UNFINISHED) if path.with_name(RECORD).exists())
    for path in itertools.chain(folder.rglob(".*.part"), kept):
        try:
            if path.is_file() and path.stat().st_mtime < limit:
                found.append(path)
        except FileNotFoundError:  # its writer has finished in the meantime
            continue
    return tuple(sorted(found))


def keys_in(path: Path) -> list[str]:
    """Return the keys in a ``cells.csv``.

    Raises
    ------
    InputError
        When it cannot be read.
    """
    try:
        return list(pd.read_csv(path, usecols=["key"], dtype=str, keep_default_na=False)["key"])
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path}: cannot be read ({error!r}), so nobody can tell which records it names; mend "
            "or remove it first."
        ) from None
