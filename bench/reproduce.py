"""From an experiment to its tables and figures, in one go."""

import sys
from dataclasses import dataclass
from pathlib import Path

from bench.data.inputs import Sources, available_categories, prepare_inputs
from bench.experiment import Experiment
from bench.grid import Grid, in_paper_order
from bench.outputs import Outputs
from bench.presentation.tables import TABLES
from bench.runner import Summary, run
from bench.stages import plan, shard
from bench.store import RunStore, check_writable
from bench.workers import Workers
from destseg.errors import InputError


@dataclass(frozen=True)
class Request:
    """What the command line asked for.

    Parameters
    ----------
    experiment : Experiment
        With the command line's changes applied.
    sources : Sources
        Folders of this machine.
    results : Path
        Folder of all results.
    folder : str
        Name of the folder below it for this experiment's outputs.
    workers : Workers
        Who computes.
    jobs : int
        Processes that prepare the inputs.
    device : str
        Torch device, for the foot of tables.
    command : str
        The command line, for records and the foot of tables.
    shard : tuple of int, optional
        Which part of the grid to compute, (index from 1, count).
    """

    experiment: Experiment
    sources: Sources
    results: Path
    folder: str
    workers: Workers
    jobs: int
    device: str
    command: str
    shard: tuple[int, int] | None = None


def reproduce(request: Request) -> tuple[Summary, Outputs]:
    """Run what is missing of an experiment.

    Each time the last cell of a seed is finished, the tables of the seeds so far are written
    and the experiment's first one is printed.

    Returns
    -------
    summary : Summary
        How the run went.
    outputs : Outputs
        Of all seeds, yet to be written.

    Raises
    ------
    InputError
        When the input is at fault, before anything is trained.
    """
    experiment = request.experiment
    _check_tables(experiment)
    store = RunStore(request.results / "runs")
    folder = request.results / request.folder
    check_writable(store.root)
    check_writable(folder)
    categories = _chosen_categories(experiment, request.sources)
    grid = Grid(categories, in_paper_order(experiment.grid.variants), experiment.grid.seeds)
    inputs = prepare_inputs(experiment, categories, request.sources, request.jobs)
    todo = plan(experiment, grid.cells(), inputs)
    outputs = Outputs(
        experiment=experiment,
        grid=grid,
        inputs=inputs,
        plan=todo,
        store=store,
        folder=folder,
        command=request.command,
        device=request.device,
    )

    def show_seeds_so_far(seed: int) -> None:
        complete = () if request.shard else outputs.complete_seeds()
        if 0 < len(complete) < len(grid.seeds):
            table = outputs.write(seeds=complete)
            print(f"\nseed {seed} is complete\n\n{table.text()}\n", file=sys.stderr, flush=True)

    part = todo if request.shard is None else shard(todo, *request.shard)
    with request.workers as workers:
        summary = run(
            part,
            experiment,
            inputs,
            store,
            workers,
            command=request.command,
            on_seed=show_seeds_so_far,
        )
    return summary, outputs


def _chosen_categories(experiment: Experiment, sources: Sources) -> tuple[str, ...]:
    """Return the experiment's categories, or all there are, in the dataset's order."""
    available = available_categories(experiment, sources)
    wanted = experiment.grid.categories
    unknown = [name for name in wanted if name not in available]
    if unknown:
        where = sources.data or "the miniature"
        raise InputError(f"{where}: no category {unknown[0]!r}; there are {', '.join(available)}.")
    return tuple(name for name in available if not wanted or name in wanted)


def _check_tables(experiment: Experiment) -> None:
    unknown = [name for name in experiment.tables if name not in TABLES]
    if unknown:
        raise InputError(
            f"{experiment.name}: tables names {unknown[0]!r}; there are {', '.join(TABLES)}."
        )
