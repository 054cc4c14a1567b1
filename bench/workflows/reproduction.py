"""From an experiment to its tables and figures, in one go."""

import sys
from pathlib import Path

from bench.experiment.experiment import Experiment
from bench.inspection.edits import edited_methods
from bench.planning.experiment_plan import lay_out
from bench.planning.inputs import Sources
from bench.planning.stages import Plan, shard
from bench.presentation.tables import require_rows, tables
from bench.results.cells_file import read_cells
from bench.results.files import CELLS, HEADING, REPORT, joined_with
from bench.results.finished import Finished
from bench.results.keeping import require_same
from bench.running.runner import Summary, run
from bench.running.workers import Workers
from bench.store.runs import RunStore, check_writable
from bench.workflows.outputs import Outputs
from destseg.errors import InputError, suggestion, tell


def reproduce(
    experiment: Experiment,
    sources: Sources,
    results: Path,
    folder: str,
    workers: Workers,
    *,
    jobs: int,
    device: str,
    command: str,
    part: tuple[int, int] | None = None,
) -> tuple[Summary, Outputs]:
    """Run what is missing of an experiment, and return the outputs, yet to be written.

    Each time the last cell of a seed is finished, the tables of the seeds so far are written
    and the experiment's first one is printed.

    Parameters
    ----------
    folder
        Name of the folder below the one of all results for this experiment's outputs.
    jobs
        Processes that prepare the inputs.
    device, command
        For records and the foot of tables.
    part
        Which shard of the grid to compute, (index from 1, count).

    Raises
    ------
    InputError
        When the input is at fault, before anything is trained.
    """
    _check_tables(experiment)
    store = RunStore(results / "runs")
    check_writable(store.root)
    check_writable(results / folder, CELLS, HEADING, REPORT)
    laid = lay_out(experiment, sources, jobs)
    outputs = Outputs(laid, store, results / folder, command, device)
    wanted = laid.plan if part is None else shard(laid.plan, *part)
    known = outputs.finished(laid.grid.seeds)
    images = {name: ref.digest for name, ref in laid.inputs.categories.items()}
    require_same(outputs.folder, known.results, images)
    _check_included(known, results)
    discard_lost_maps(wanted, known)
    for sentence in edited_methods(wanted.stages.values(), store.get):
        tell(sentence)

    def show_seeds_so_far(seed: int) -> None:
        complete = () if part else outputs.complete_seeds()
        if 0 < len(complete) < len(laid.grid.seeds):
            table, _ = outputs.write(seeds=complete)
            print(f"\nseed {seed} is complete\n\n{table.text()}\n", flush=True)

    with workers as opened:
        summary = run(
            wanted,
            experiment,
            laid.inputs,
            store,
            opened,
            command=command,
            on_seed=show_seeds_so_far,
        )
    return summary, outputs


def discard_lost_maps(plan: Plan, finished: Finished) -> None:
    """Forget the cells of a plan whose maps figures show, where those are gone or damaged.

    A run only computes the maps of cells that are missing: with the cell come the maps.
    """
    for cell in finished.excerpted:
        stage = plan.evaluations.get(cell)
        if stage is not None and finished.store.get(stage.key) and finished.scores(cell) is None:
            lost_maps = finished.store.folder(stage.parents[0].key)
            print(f"{lost_maps}: damaged or gone; computed again for {cell}", file=sys.stderr)
            for lost in (*stage.parents, stage):
                finished.store.discard(lost.key)


def _check_included(known: Finished, root: Path) -> None:
    """Refuse results that tables cannot take in or have no rows for, before training."""
    names = known.experiment.include
    require_rows(known.experiment.tables, joined_with(known.results, names, root))
    for name in names:
        cells = read_cells(root / name / CELLS)
        for category, digest in zip(cells["category"], cells["images"], strict=True):
            if category in known.images and known.images[category].digest != digest:
                raise InputError(
                    f"{name}: measured on other images of {category}; measure both on the same."
                )


def _check_tables(experiment: Experiment) -> None:
    unknown = [name for name in experiment.tables if name not in tables()]
    if unknown:
        raise InputError(
            f"{experiment.name}: tables names {unknown[0]!r}; {suggestion(unknown[0], tables())}"
        )
