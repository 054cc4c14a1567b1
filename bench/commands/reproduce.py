"""``python -m bench reproduce``: run an experiment's grid and write its tables and figures."""

import argparse
import os
import shlex
import sys

from bench.commands.exit_codes import DONE, FAILURES, INTERRUPTED
from bench.commands.experiment_options import add_options, chosen_experiment, chosen_sources
from bench.reproduce import Request, reproduce
from bench.runner import Summary
from destseg.devices import choose_device
from destseg.option_types import positive

EXAMPLES = """\
examples:
  python -m bench reproduce
      the eight ablations on the embedded miniature benchmark: needs no data, no weights, no GPU
  python -m bench reproduce --category bottle --variant none --variant den+ed+seg --seed 0
      a part of it
  python -m bench reproduce experiments/loss.toml
      the paper's Table 5; fusion-input.toml is Table 6, students.toml has a third student
  python -m bench reproduce --dataset mvtec --data mvtec_ad --textures dtd --teacher imagenet
      the paper's setting on MVTec AD

exit codes: 0 complete, 2 bad input or usage, 3 some cells failed, 130 interrupted
"""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command and its options."""
    command = commands.add_parser(
        "reproduce",
        help="run an experiment's grid and write its tables and figures",
        description="Run an experiment's grid and write its tables and figures. What is already\n"
        "there is not run again, so an interrupted run continues where it was.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_options(command)
    command.add_argument(
        "--jobs", type=positive, metavar="N", help="worker processes; default: all cores, 1 on GPU"
    )
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the command; return the exit code."""
    experiment, folder = chosen_experiment(options)
    device = choose_device(options.device)
    summary, table = reproduce(
        Request(
            experiment=experiment,
            sources=chosen_sources(options),
            results=options.results,
            folder=folder,
            jobs=options.jobs or (1 if device.startswith("cuda") else os.cpu_count() or 1),
            device=device,
            command=shlex.join(["python", "-m", "bench", *sys.argv[1:]]),
        )
    )
    code = _report(summary)
    print(f"\n{table.text()}")
    return code


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
