"""How well the paper's grid keeps 1 to 64 workers busy: a simulation of the real schedule.

Durations are those that the stages of a run store took, scaled to the experiment's setting, or
those given; what they are in hours depends on the machine, how busy the workers are depends on
their proportions alone. On GPUs a worker is a card, and a few processes on each machine take what
needs none, as in a run.
"""

import argparse
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from bench.commands.worker_options import BESIDE
from bench.experiment.library import find_experiment
from bench.experiment.reading import load_experiment
from bench.inspection.catalogue import read_catalogue
from bench.inspection.durations import DurationEstimator, duration
from bench.planning.experiment_plan import sketch
from bench.planning.schedule import simulate
from bench.planning.stages import Plan
from bench.store.runs import RunStore
from destseg.errors import InputError

WORKERS = (1, 2, 4, 8, 16, 32, 64)

CARDS = 8
"""Of a machine."""


def stage_seconds(
    plan: Plan, estimator: DurationEstimator, given: Mapping[str, float]
) -> dict[str, float]:
    """Estimate every stage of a plan, by key; kinds whose seconds are given take those.

    Raises
    ------
    InputError
        When a kind of stage has never run.
    """
    found = {}
    for key, stage in plan.stages.items():
        if stage.kind in given:
            found[key] = given[stage.kind]
            continue
        estimate = estimator(stage)
        if estimate is None:
            raise InputError(
                f"no {stage.kind} in the store; run `python -m bench reproduce`, or give "
                f"--seconds {stage.kind}=S."
            )
        found[key] = estimate.seconds
    return found


def spread(seconds: Mapping[str, float], by: float, seed: int = 0) -> dict[str, float]:
    """Let durations vary at random, by a factor whose logarithm has the deviation ``by``."""
    factors = np.random.default_rng(seed).lognormal(0.0, by, len(seconds))
    return {
        key: value * float(factor)
        for (key, value), factor in zip(seconds.items(), factors, strict=True)
    }


def table(
    plan: Plan, seconds: Mapping[str, float], workers: Sequence[int], *, cards: bool = False
) -> list[str]:
    """Simulate a plan on several numbers of workers, in the lines of a Markdown table.

    No schedule is quicker than the bound: the work shared out evenly, or the longest way from a
    first stage to a last one. Of ``cards`` and the processes beside them each has its own work.
    """
    lines = ["| workers | makespan | bound | busy |", "| ---: | ---: | ---: | ---: |"]
    longest = _longest_way(plan, seconds)
    for count in workers:
        beside = BESIDE * math.ceil(count / CARDS) if cards else 0
        found = simulate(plan, lambda stage: seconds[stage.key], count, beside=beside)
        bound = max((found.work - found.beside) / count, found.beside / max(1, beside), longest)
        lines.append(
            f"| {count} | {duration(found.makespan)} | {duration(bound)} | {found.efficiency:.1%} |"
        )
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables.

    Raises
    ------
    InputError
        When a kind of stage has never run, and its seconds are not given.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks schedule", description=__doc__)
    parser.add_argument("--experiment", type=Path, default=Path("mvtec"))
    parser.add_argument("--dataset", help="default: the experiment's")
    parser.add_argument(
        "--runs",
        type=Path,
        default=Path("results", "runs"),
        metavar="DIR",
        help="a run store, whose stages' times are taken; default: results/runs",
    )
    parser.add_argument(
        "--device", default="cpu", help="cpu, or a GPU by its name: whose times; default: cpu"
    )
    parser.add_argument(
        "--seconds",
        action="append",
        type=_seconds,
        default=[],
        metavar="KIND=S",
        help="what a stage of a kind takes, instead of the store's; may be given several times",
    )
    options = parser.parse_args(arguments)
    laid = sketch(load_experiment(find_experiment(options.experiment), options.dataset))
    records = read_catalogue(RunStore(options.runs)).records.values()
    estimator = DurationEstimator(records, options.device)
    seconds = stage_seconds(laid.plan, estimator, dict(options.seconds))
    grid = laid.grid
    variants = [name for names in grid.methods.values() for name in names]
    size = " x ".join(str(len(part)) for part in (variants, grid.categories, grid.seeds))
    print(f"{laid.experiment.name}: {size} cells, {len(seconds)} stages\n")
    for kind in laid.plan.kinds:
        spent = [seconds[key] for key, stage in laid.plan.stages.items() if stage.kind == kind]
        print(f"{kind}: {len(spent)} of {duration(float(np.median(spent)))}")
    print()
    cards = options.device != "cpu"
    print("\n".join(table(laid.plan, seconds, WORKERS, cards=cards)))
    print("\nThe same with durations that vary by a third:\n")
    print("\n".join(table(laid.plan, spread(seconds, 1 / 3), WORKERS, cards=cards)))
    return 0


def _longest_way(plan: Plan, seconds: Mapping[str, float]) -> float:
    ends: dict[str, float] = {}
    for key, stage in plan.stages.items():  # parents come before children
        ends[key] = seconds[key] + max((ends[parent.key] for parent in stage.parents), default=0.0)
    return max(ends.values())


def _seconds(text: str) -> tuple[str, float]:
    kind, _, value = text.partition("=")
    return kind, float(value)
