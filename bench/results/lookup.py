"""From an experiment's name to what is finished of it, without running anything."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from bench.data.categories import CategoryRef
from bench.data.kinds import find_kind
from bench.experiment.experiment import Experiment
from bench.experiment.grid import Grid, choose_categories
from bench.methods import FLOORS
from bench.metrics import metrics_of
from bench.planning.experiment_plan import ExperimentPlan, look_up, required_inputs
from bench.planning.inputs import Sources, cached_images
from bench.results.cells import REFERENCE, cell_row, cells_of, tidy
from bench.results.files import CELLS, read_results, with_costs
from bench.results.finished import Finished
from bench.results.keeping import other_settings
from bench.results.results import Results
from bench.store.runs import RunStore
from destseg.errors import InputError


def find_finished(
    experiment: Experiment, sources: Sources, results: Path, folder: Path
) -> Finished:
    """Find an experiment's cells: in its records, or else in its ``cells.csv``.

    Which records are the experiment's follows from its inputs, so that those must be in the
    cache; nothing is generated, decoded or trained for a report. The folder is the experiment's
    own among all results.

    Raises
    ------
    InputError
        If there is no finished cell.
    """
    store = RunStore(results / "runs")
    try:
        laid = look_up(experiment, sources)
    except InputError:
        # A weight file or folder that is not here: the table may be.
        laid = None
    if laid is not None and not laid.unprepared:
        found = finished_of(laid, store)
        if not found.results.cells.empty:
            return dataclasses.replace(found, results=with_costs(found.results, folder))
    if not (folder / CELLS).is_file():
        raise InputError(
            f"{experiment.name}: there is no finished cell in {store.root} and no "
            f"{folder / CELLS}; run `python -m bench reproduce` first, or give this command the "
            "options of the run, too, such as --dataset, --data and --teacher."
        )
    return _from_files(experiment, sources, store, folder)


def finished_of(
    laid: ExperimentPlan,
    store: RunStore,
    *,
    seeds: tuple[int, ...] | None = None,
    provenance: tuple[str, ...] = (),
) -> Finished:
    """Read the records of an experiment's evaluations, by default of all seeds of its grid.

    A cell that is not finished has no row. The provenance is lines for the foot of tables.
    """
    experiment, grid, images = laid.experiment, laid.grid, laid.inputs.categories
    seeds = seeds or grid.seeds
    origin = find_kind(experiment.dataset.kind).origin(images)
    records = {
        cell: (store.get(stage.key), store.get(stage.parents[0].key))
        for cell, stage in laid.plan.evaluations.items()
        if cell.seed in seeds
    }
    results = Results(
        cells=tidy(
            cell_row(
                record,
                cell,
                dataset=origin.name,
                scores=scores,
                precision=experiment.precisions.get(cell.method, REFERENCE),
            )
            for cell, (record, scores) in records.items()
            if record is not None
        ),
        experiment=experiment.name,
        dataset=f"{origin.title}, {experiment.dataset.size} px",
        standing=origin.standing,
        categories=grid.categories,
        variants=grid.methods,
        seeds=seeds,
        protocol=experiment.protocol,
        metrics=metrics_of(experiment.metrics),
        provenance=provenance,
        paper_setting=experiment.has_paper_setting,
        settings=experiment.settings,
    )
    failures = tuple(filter(None, map(store.failure, laid.plan.stages)))
    return Finished(experiment, results, store, images, failures)


def _from_files(
    experiment: Experiment, sources: Sources, store: RunStore, folder: Path
) -> Finished:
    found = read_results(folder)
    for name, (there, now) in other_settings(found.settings, experiment.settings).items():
        raise InputError(
            f"{folder}: holds results of another setting ({name}: {there} there, {now} asked for); "
            f"give the options of the run, too, whose command is: {found.command}"
        )
    cells, grid = found.cells, experiment.grid
    there = tuple(dict.fromkeys(cells["category"]))
    if {*grid.categories} - {*there}:
        chosen = " ".join(f"--category {name}" for name in there)
        raise InputError(
            f"{folder / CELLS}: lacks some of the categories asked for; ask for those it has: "
            f"{chosen}."
        )
    categories = choose_categories(grid.categories, there, folder / CELLS)
    wanted = set(Grid(categories, grid.variants, grid.seeds).cells())
    cells = cells[[cell in wanted for cell in cells_of(cells)]]
    if cells.empty:
        raise InputError(f"{folder / CELLS}: none of its cells is of the grid asked for.")
    # Nothing is missing in files that were written before there were floors.
    variants = {
        name: variants
        for name, variants in grid.variants.items()
        if name in found.variants or name not in FLOORS
    }
    results = dataclasses.replace(
        found, cells=cells, categories=categories, variants=variants, seeds=grid.seeds
    )
    return Finished(experiment, results, store, _same_images(experiment, sources, results))


def _same_images(
    experiment: Experiment, sources: Sources, results: Results
) -> Mapping[str, CategoryRef]:
    """Look up the decoded categories: maps may only be shown beside the very images they are of."""
    known = dict(zip(results.cells["category"], results.cells["images"], strict=True))
    found = cached_images(required_inputs(experiment, results.categories), sources)
    return {name: ref for name, ref in found.items() if ref.digest == known.get(name)}
