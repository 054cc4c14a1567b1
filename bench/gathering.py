"""From an experiment's name to what is known of it, without running anything."""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from bench.cells import collect_cells, tidy
from bench.data.inputs import (
    Sources,
    available_categories,
    cached_images,
    cached_inputs,
)
from bench.data.mvtec import is_mvtec_ad
from bench.evidence import Evidence, dataset_label, heading_of
from bench.experiment import Experiment
from bench.grid import Grid, in_paper_order
from bench.presentation.report.content import StageFailure
from bench.stages import Plan, Stage, plan
from bench.store import RunStore
from destseg.errors import InputError


@dataclass(frozen=True, eq=False)
class Findings:
    """What is known of an experiment.

    Attributes
    ----------
    experiment
        With the command line's changes applied.
    evidence
        Its cells, maps and images.
    plan
        Its stages; None where only ``cells.csv`` is at hand.
    """

    experiment: Experiment
    evidence: Evidence
    plan: Plan | None

    @property
    def failures(self) -> tuple[StageFailure, ...]:
        """Of the plan's stages, those whose last attempt failed."""
        return () if self.plan is None else stage_failures(self.plan, self.evidence.store)


def gather(experiment: Experiment, sources: Sources, results: Path, folder: Path) -> Findings:
    """Find an experiment's cells: in its records, or else in its ``cells.csv``.

    Which records are the experiment's follows from its inputs, so that those must be in the
    cache; nothing is generated, decoded or trained for a report.

    Parameters
    ----------
    experiment
        With the command line's changes applied.
    sources
        Folders of this machine.
    results
        Folder of all results.
    folder
        The experiment's own, with ``cells.csv``.

    Raises
    ------
    InputError
        If there is no finished cell.
    """
    store = RunStore(results / "runs")
    found = _from_records(experiment, sources, store)
    if found is not None:
        return found
    table = folder / "cells.csv"
    if not table.is_file():
        raise InputError(
            f"{experiment.name}: there is no finished cell in {store.root} and no {table}; "
            "run `python -m bench reproduce` with the same options first."
        )
    return _from_table(experiment, sources, store, table)


def read_cells(path: Path) -> pd.DataFrame:
    """Read a ``cells.csv``.

    Raises
    ------
    InputError
        If it cannot be read as one.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        cells = tidy({name: _value(name, text) for name, text in row.items()} for row in rows)
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{path}: not a table of cells ({error}); run reproduce again.") from None
    lacking = {"dataset", "method", "category", "variant", "seed", "key", "images"} - set(cells)
    if lacking:
        raise InputError(f"{path}: no column {min(lacking)!r}; run reproduce again.")
    return cells


def _value(name: str, text: str) -> object:
    if name == "seed":
        return int(text)
    return (text or None) if name != "variant" else text


def stage_failures(plan: Plan, store: RunStore) -> tuple[StageFailure, ...]:
    """Read the notes of those stages of a plan whose last attempt failed."""
    stages = {s.key: s for last in plan.evaluations.values() for s in _with_parents(last)}
    failures = []
    for key in stages:
        try:
            note = json.loads((store.folder(key) / "failure.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        trace = note.get("trace", ())
        failures.append(
            StageFailure(
                kind=str(note.get("kind", "stage")),
                category=str(note.get("category", "")),
                seed=str(note.get("seed", "")),
                message=str(note.get("message", "")),
                trace=trace if isinstance(trace, str) else "\n".join(map(str, trace)),
            )
        )
    return tuple(failures)


def _with_parents(stage: Stage) -> Iterator[Stage]:
    for parent in stage.parents:
        yield from _with_parents(parent)
    yield stage


def _from_records(experiment: Experiment, sources: Sources, store: RunStore) -> Findings | None:
    if experiment.dataset.kind == "mvtec" and sources.data is None:
        return None
    categories = _chosen(experiment, available_categories(experiment, sources))
    inputs = cached_inputs(experiment, categories, sources)
    if inputs is None:
        return None
    grid = Grid(categories, in_paper_order(experiment.grid.variants), experiment.grid.seeds)
    laid = plan(experiment, grid.cells(), inputs)
    genuine = experiment.dataset.kind == "mvtec" and is_mvtec_ad(inputs.categories.values())
    cells = collect_cells(laid, store, dataset=dataset_label(experiment, genuine=genuine))
    if cells.empty:
        return None
    heading = heading_of(experiment, grid, genuine=genuine)
    return Findings(experiment, Evidence(cells, heading, store, inputs.categories), laid)


def _from_table(experiment: Experiment, sources: Sources, store: RunStore, path: Path) -> Findings:
    cells = read_cells(path)
    categories = _chosen(experiment, tuple(dict.fromkeys(cells["category"])))
    grid = Grid(categories, in_paper_order(experiment.grid.variants), experiment.grid.seeds)
    here = (
        cells["category"].isin(grid.categories)
        & cells["seed"].isin(grid.seeds)
        & cells["variant"].isin(grid.variants)
    )
    cells = cells[here]
    if cells.empty:
        raise InputError(f"{path}: none of its cells is of the grid asked for.")
    genuine = bool((cells["dataset"] == "mvtec").all())
    known = dict(zip(cells["category"], cells["images"], strict=True))
    images = {}
    if experiment.dataset.kind == "miniature" or sources.data is not None:
        images = cached_images(experiment, grid.categories, sources)
    # Maps may only be shown beside the very images they are of.
    same = {name: ref for name, ref in images.items() if ref.digest == known.get(name)}
    heading = heading_of(experiment, grid, genuine=genuine)
    return Findings(experiment, Evidence(cells, heading, store, same), None)


def _chosen(experiment: Experiment, there: tuple[str, ...]) -> tuple[str, ...]:
    wanted = experiment.grid.categories
    unknown = [name for name in wanted if name not in there]
    if unknown:
        raise InputError(f"--category {unknown[0]}: unknown; there are {', '.join(there)}.")
    return tuple(name for name in there if not wanted or name in wanted)
