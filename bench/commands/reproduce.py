"""``python -m bench reproduce``: run an experiment's grid and write its tables and figures."""

import argparse
import dataclasses
import os
import shlex
import sys
from pathlib import Path

from bench.commands.exit_codes import DONE, FAILURES, INTERRUPTED
from bench.commands.option_types import positive
from bench.data.cache import cache_root
from bench.data.inputs import Sources
from bench.experiment import Experiment, known_variant, load_experiment
from bench.reproduce import Request, reproduce
from bench.runner import Summary
from destseg.devices import choose_device
from destseg.errors import InputError

EXPERIMENTS = Path(__file__).parents[2] / "experiments"
DEFAULTS = {"miniature": "ablation.toml", "mvtec": "mvtec.toml"}

EXAMPLES = """\
examples:
  python -m bench reproduce
      the eight ablations on the embedded miniature benchmark: needs no data, no weights, no GPU
  python -m bench reproduce --category bottle --variant none --variant den+ed+seg --seed 0
      a part of it
  python -m bench reproduce --dataset mvtec --data mvtec_ad --textures dtd --teacher imagenet
      the paper's setting on MVTec AD

exit codes: 0 complete, 2 bad input or usage, 3 some cells failed, 130 interrupted
"""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command and its options."""
    command = commands.add_parser(
        "reproduce",
        help="run an experiment's grid and write its tables and figures",
        description="Run an experiment's grid and write its tables and figures. What is already "
        "there is not run again, so an interrupted run continues where it was.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument(
        "experiment",
        nargs="?",
        type=Path,
        metavar="EXPERIMENT.toml",
        help="default: experiments/ablation.toml, or experiments/mvtec.toml with --dataset mvtec",
    )
    grid = command.add_argument_group("grid", "each may be given several times")
    grid.add_argument("--category", action="append", metavar="C", help="only this category")
    grid.add_argument("--variant", action="append", metavar="V", help="only this variant")
    grid.add_argument("--seed", action="append", type=int, metavar="S", help="only this seed")
    data = command.add_argument_group("data")
    data.add_argument("--dataset", choices=sorted(DEFAULTS), help="default: the experiment's")
    data.add_argument("--data", type=Path, metavar="DIR", help="folder in MVTec AD layout")
    data.add_argument(
        "--textures",
        type=Path,
        metavar="DIR",
        help="anomaly source images, such as DTD; default: the embedded set",
    )
    data.add_argument(
        "--teacher", metavar="NAME|PATH", help="procedural, imagenet or a weight file"
    )
    running = command.add_argument_group("running")
    running.add_argument(
        "--results", type=Path, default=Path("results"), metavar="DIR", help="default: results"
    )
    running.add_argument(
        "--jobs", type=positive, metavar="N", help="worker processes; default: all cores, 1 on GPU"
    )
    running.add_argument("--device", default="auto", help="auto, cpu or cuda; default: auto")
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the command; return the exit code."""
    path = options.experiment or EXPERIMENTS / DEFAULTS[options.dataset or "miniature"]
    stated = load_experiment(path)
    experiment = _with_options(load_experiment(path, options.dataset), options)
    same = experiment.dataset.kind == stated.dataset.kind
    device = choose_device(options.device)
    summary, table = reproduce(
        Request(
            experiment=experiment,
            sources=Sources(options.data, options.textures, cache_root()),
            results=options.results,
            folder=stated.name if same else f"{stated.name}-{experiment.dataset.kind}",
            jobs=options.jobs or (1 if device.startswith("cuda") else os.cpu_count() or 1),
            device=device,
            command=shlex.join(["python", "-m", "bench", *sys.argv[1:]]),
        )
    )
    code = _report(summary)
    print(f"\n{table.text()}")
    return code


def _with_options(experiment: Experiment, options: argparse.Namespace) -> Experiment:
    """Apply the command line's changes to an experiment."""
    kind = options.dataset or experiment.dataset.kind
    if kind == "miniature" and options.data is not None:
        raise InputError(f"--data {options.data}: the miniature reads none; add --dataset mvtec.")
    grid = dataclasses.replace(
        experiment.grid,
        variants=tuple(known_variant(name, "--variant") for name in options.variant)
        if options.variant
        else experiment.grid.variants,
        categories=tuple(dict.fromkeys(options.category))
        if options.category
        else experiment.grid.categories,
        seeds=tuple(dict.fromkeys(options.seed)) if options.seed else experiment.grid.seeds,
    )
    return dataclasses.replace(
        experiment,
        grid=grid,
        dataset=dataclasses.replace(experiment.dataset, kind=kind),
        teacher=options.teacher or experiment.teacher,
    )


def _report(summary: Summary) -> int:
    """Print how the run went, and turn it into an exit code."""
    parts = [f"{summary.done} cells computed", f"{summary.cached} were there"]
    if summary.done:
        share = summary.busy / (summary.wall * summary.jobs)
        parts.append(f"{summary.wall:.0f} s, {summary.jobs} workers {share:.0%} busy")
    print(f"\n{'; '.join(parts)}.")
    if summary.failures:
        print(f"{len(summary.failures)} cells failed; the same command tries them again:")
        for failure in summary.failures:
            print(f"  {failure.cell}: {failure.message}")
    if summary.stopped is not None:
        print(f"stopped early: {summary.stopped}; the same command continues.")
        return INTERRUPTED if summary.stopped == "interrupted" else FAILURES
    return FAILURES if summary.failures else DONE
