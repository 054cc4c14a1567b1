"""From an experiment's name to what is known of it, without running anything."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from bench.data.kinds import find_kind
from bench.experiment.experiment import Experiment
from bench.experiment.grid import Grid, choose_categories, in_paper_order
from bench.planning.experiment_plan import look_up, required_inputs
from bench.planning.inputs import Sources, cached_images
from bench.planning.stages import Plan
from bench.presentation.report.content import StageFailure
from bench.results.cells import collect_cells
from bench.results.evidence import Evidence, heading_of
from bench.results.files import CELLS, read_results
from bench.store.runs import RunStore
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
    if not (folder / CELLS).is_file():
        raise InputError(
            f"{experiment.name}: there is no finished cell in {store.root} and no "
            f"{folder / CELLS}; run `python -m bench reproduce` with the same options first."
        )
    return _from_table(experiment, sources, store, folder)


def stage_failures(plan: Plan, store: RunStore) -> tuple[StageFailure, ...]:
    """Read the notes of those stages of a plan whose last attempt failed."""
    notes = (store.failure(key) for key in plan.tasks)
    return tuple(
        StageFailure(
            kind=note.kind,
            category=note.category,
            seed=str(note.seed),
            message=note.message,
            trace="\n".join(note.trace),
        )
        for note in notes
        if note is not None
    )


def _from_records(experiment: Experiment, sources: Sources, store: RunStore) -> Findings | None:
    try:
        laid = look_up(experiment, sources)
    except InputError:
        # A weight file or folder that is not here: the table may be.
        return None
    if laid.unprepared:
        return None
    images = laid.inputs.categories
    origin = find_kind(experiment.dataset.kind).origin(images)
    cells = collect_cells(laid.plan, store, dataset=origin.name)
    if cells.empty:
        return None
    heading = heading_of(experiment, laid.grid, origin)
    return Findings(experiment, Evidence(cells, heading, store, images), laid.plan)


def _from_table(
    experiment: Experiment, sources: Sources, store: RunStore, folder: Path
) -> Findings:
    cells, heading = read_results(folder)
    there = tuple(dict.fromkeys(cells["category"]))
    categories = choose_categories(experiment.grid.categories, there, folder / CELLS)
    grid = Grid(categories, in_paper_order(experiment.grid.variants), experiment.grid.seeds)
    here = (
        cells["category"].isin(grid.categories)
        & cells["seed"].isin(grid.seeds)
        & cells["variant"].isin(grid.variants)
    )
    cells = cells[here]
    if cells.empty:
        raise InputError(f"{folder / CELLS}: none of its cells is of the grid asked for.")
    known = dict(zip(cells["category"], cells["images"], strict=True))
    images = cached_images(required_inputs(experiment, grid.categories), sources)
    # Maps may only be shown beside the very images they are of.
    same = {name: ref for name, ref in images.items() if ref.digest == known.get(name)}
    heading = dataclasses.replace(
        heading, categories=grid.categories, variants=grid.variants, seeds=grid.seeds
    )
    return Findings(experiment, Evidence(cells, heading, store, same), None)
