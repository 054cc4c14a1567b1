"""Records that no experiment refers to, and files that interrupted writers left behind."""

import dataclasses
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from bench.experiment.experiment import DatasetKind, Experiment, load_experiment
from bench.inspection.catalogue import Catalogue
from bench.planning.experiment_plan import Blueprint, is_known, look_up, sketch
from bench.planning.inputs import UNPREPARED, Sources
from bench.planning.stages import Stage, canonical
from bench.store.records import Record
from bench.store.runs import RunStore
from destseg.errors import InputError

INPUTS = ("images", "teacher", "textures")

DAY = 24 * 60 * 60.0


@dataclass(frozen=True)
class Sorted:
    """The records of a store, sorted by whether somebody needs them.

    Parameters
    ----------
    referred : tuple of Record
        An experiment has them in its plan, or may have.
    scored : tuple of Record
        Of other methods' maps.
    unjudged : tuple of Record
        Made from inputs that are not known here, or their ancestors are gone.
    unreferred : tuple of Record
        The rest.
    """

    referred: tuple[Record, ...]
    scored: tuple[Record, ...]
    unjudged: tuple[Record, ...]
    unreferred: tuple[Record, ...]


def known_experiments(
    files: Iterable[Path], sources: Sources, teacher: str | None = None
) -> tuple[Blueprint, ...]:
    """Lay out all experiments in all ways they can be run in here; nothing is written.

    Parameters
    ----------
    files : iterable of Path
        Each is laid out for both datasets, its grid as a whole.
    sources : Sources
        Folders of this machine; anomaly sources given may have been used or not.
    teacher : str, optional
        One that may have been used instead of an experiment's own.

    Returns
    -------
    tuple of Blueprint
        Where its inputs are at fault or not there, an experiment is laid out without them.

    Raises
    ------
    InputError
        When a file is no experiment.
    """
    found = []
    textures = dict.fromkeys((None, sources.textures))
    for file in dict.fromkeys(files):
        load_experiment(file)
        for kind in get_args(DatasetKind):
            try:
                stated = load_experiment(file, kind)
            except InputError:  # made for the other dataset alone
                continue
            dataset = dataclasses.replace(stated.dataset, kind=kind)
            for name in dict.fromkeys((stated.teacher, teacher or stated.teacher)):
                experiment = dataclasses.replace(stated, dataset=dataset, teacher=name)
                found += [
                    _laid_out(experiment, dataclasses.replace(sources, textures=folder))
                    for folder in textures
                ]
    return tuple(found)


def sort_records(catalogue: Catalogue, blueprints: Iterable[Blueprint]) -> Sorted:
    """Sort records by whether an experiment refers to them.

    Where the digests of an experiment's inputs are not known, every record counts as its own that
    has its parameters, whatever the digests: what cannot be judged is kept.

    Parameters
    ----------
    catalogue : Catalogue
        The records.
    blueprints : iterable of Blueprint
        Every experiment there is, as far as it can be laid out here.
    """
    keys: set[str] = set()
    likenesses: set[tuple[str, str]] = set()
    known: dict[str, set[str]] = {name: set() for name in INPUTS}
    # A miniature's images are never those of an experiment on a folder not given here.
    datasets: dict[str, set[str]] = {}
    for laid in blueprints:
        dataset = laid.experiment.dataset.kind
        for key, task in laid.plan.tasks.items():
            keys.add(key)
            if not is_known(task.stage):
                likenesses.add((dataset, _likeness(task.stage.lineage())))
        known["teacher"].update(ref.digest for ref in laid.inputs.backbones.values())
        known["textures"].add(laid.inputs.textures.digest)
        for ref in laid.inputs.categories.values():
            known["images"].add(ref.digest)
            datasets.setdefault(ref.digest, set()).add(dataset)
    for digests in known.values():
        digests.discard(UNPREPARED)
    groups: dict[str, list[Record]] = {}
    for record in catalogue.records.values():
        lineage = catalogue.lineage(record)
        if "maps" in record.parameters:
            group = "scored"
        elif record.key in keys:
            group = "referred"
        elif lineage is None or not all(_is_of(above, known) for above in lineage):
            group = "unjudged"
        elif likenesses.intersection(
            (dataset, _likeness(lineage)) for dataset in datasets[record.parameters["images"]]
        ):
            group = "referred"
        else:
            group = "unreferred"
        groups.setdefault(group, []).append(record)
    return Sorted(
        **{
            name: tuple(groups.get(name, ()))
            for name in ("referred", "scored", "unjudged", "unreferred")
        }
    )


def leftovers(folder: Path, age: float = DAY) -> tuple[Path, ...]:
    """List the temporary files below a folder that are older than some seconds."""
    limit = time.time() - age
    found = []
    for path in folder.rglob(".*.part"):
        try:
            if path.is_file() and path.stat().st_mtime < limit:
                found.append(path)
        except FileNotFoundError:  # its writer has finished in the meantime
            continue
    return tuple(sorted(found))


def megabytes(store: RunStore, records: Iterable[Record]) -> float:
    """Return what the files of records take."""
    return sum(store.size(record.key) for record in records) / 1e6


def _laid_out(experiment: Experiment, sources: Sources) -> Blueprint:
    try:
        return look_up(experiment, sources, assume=True)
    except InputError:
        return sketch(experiment)


def _is_of(record: Record, known: Mapping[str, set[str]]) -> bool:
    """Whether all inputs that a record names are known."""
    values = record.parameters
    return all(values[name] in known[name] for name in INPUTS if name in values)


def _likeness(lineage: Iterable[Stage | Record]) -> str:
    """Write down what stages and records have in common that differ in digests and code alone."""
    return canonical([[above.kind, _without_digests(above.parameters)] for above in lineage])


def _without_digests(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in parameters.items() if name not in INPUTS}
