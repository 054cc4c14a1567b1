"""Execution of a plan: chains in parallel, progress, failures as data."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from joblib import Parallel, delayed, parallel_config
from joblib.externals.loky.process_executor import TerminatedWorkerError

from bench.data.inputs import Inputs
from bench.execution import Job, run_job
from bench.experiment import Experiment
from bench.grid import Cell
from bench.progress import Progress
from bench.stages import Plan
from bench.store import RunStore


@dataclass(frozen=True)
class Failure:
    """A cell that could not be computed."""

    cell: Cell
    message: str


@dataclass(frozen=True)
class Summary:
    """How a run went.

    Parameters
    ----------
    cached, done : int
        Cells that were there already, and those computed now.
    failures : tuple of Failure
        The others.
    wall, busy : float
        Seconds from first to last, and seconds of all stages together.
    jobs : int
        Workers.
    stopped : str or None
        Why the run ended early.
    """

    cached: int
    done: int
    failures: tuple[Failure, ...]
    wall: float
    busy: float
    jobs: int
    stopped: str | None = None


def run(
    plan: Plan,
    experiment: Experiment,
    inputs: Inputs,
    store: RunStore,
    *,
    jobs: int,
    device: str,
    on_seed: Callable[[int], None],
) -> Summary:
    """Compute every cell of the plan that the store does not have.

    Parameters
    ----------
    plan, experiment, inputs, store
        What to compute, and where from and to.
    jobs : int
        Worker processes, one thread each.
    device : str
        From `destseg.devices.choose_device`.
    on_seed : callable
        Called with a seed when the last of its cells is finished, one way or the other.

    Returns
    -------
    Summary
        Counts, failures and times. A stage that raises is a failure; a worker that dies
        ends the run, and what it had finished stays.
    """
    start = time.perf_counter()
    cells = {stage.key: cell for cell, stage in plan.evaluations.items()}
    missing = {key for key in cells if store.get(key) is None}
    remaining = Counter(cells[key].seed for key in missing)
    pending = [c for c in plan.chains if any(e.key in missing for e in c.evaluations)]
    shown = Progress(experiment.name, len(cells), done=len(cells) - len(missing))
    failures: list[Failure] = []
    busy = 0.0
    stopped = None
    calls = (delayed(run_job)(Job(chain, experiment, inputs, store, device)) for chain in pending)
    try:
        with parallel_config(backend="loky", inner_max_num_threads=1):
            results = Parallel(n_jobs=jobs, return_as="generator_unordered")(calls)
            for outcomes in results:
                busy += sum(outcome.seconds for outcome in outcomes)
                for outcome in outcomes:
                    if outcome.key not in missing:
                        continue
                    cell = cells[outcome.key]
                    if outcome.status == "failed":
                        failures.append(Failure(cell, outcome.message))
                        shown.say(f"failed: {cell}: {outcome.message}")
                    shown.advance(note=f"{len(failures)} failed" if failures else "")
                    remaining[cell.seed] -= 1
                    if remaining[cell.seed] == 0:
                        on_seed(cell.seed)
    except TerminatedWorkerError:
        stopped = "a worker process was killed, perhaps for want of memory"
    except KeyboardInterrupt:
        stopped = "interrupted"
    finally:
        shown.close()
    done = len(missing) - len(failures) - sum(remaining.values())
    return Summary(
        cached=len(cells) - len(missing),
        done=done,
        failures=tuple(failures),
        wall=time.perf_counter() - start,
        busy=busy,
        jobs=jobs,
        stopped=stopped,
    )
