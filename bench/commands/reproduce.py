"""``python -m bench reproduce``: run an experiment's grid and write its tables and figures."""

from __future__ import annotations

import argparse
import signal
import sys
from typing import TYPE_CHECKING

from bench.commands.experiment_options import (
    add_options,
    chosen_device,
    chosen_experiment,
    chosen_sources,
)
from bench.commands.parsers import Commands, add_command, add_wide, typed
from bench.commands.worker_options import (
    add_worker_options,
    on_cluster,
    open_workers,
)
from bench.common.exit_codes import DONE, FAILURES, INTERRUPTED, TERMINATED
from destseg.errors import counted
from destseg.processors import usable_cores

if TYPE_CHECKING:
    from bench.running.runner import Summary

HELP = """\
Run an experiment's grid and write its tables and figures.
What is already there is not run again, so an interrupted run continues where it was.

examples:
  python -m bench reproduce
      the eight ablations on the embedded miniature benchmark: needs no data, no weights, no GPU
  python -m bench reproduce --category bottle --variant none --variant den+ed+seg --seed 0
      a part of it
  python -m bench reproduce experiments/loss.toml
      the paper's Table 5; fusion-input.toml is Table 6, students.toml has a third student
  python -m bench reproduce --dataset mvtec --data mvtec_ad --textures dtd --teacher imagenet
      the paper's setting on MVTec AD
  python -m bench reproduce --scheduler tcp://host:8786
      on the machines of a dask cluster; docs/cluster.md tells how to start one

Ctrl-C lets the running stages finish and stops; a second one stops at once. The same command goes
on where a run was ended, however it ended.

exit codes: 0 complete, 2 bad input or usage, 3 some cells failed or results
cannot be written, 130 interrupted, 143 terminated
"""


def add_parser(commands: Commands) -> None:
    """Add the command and its options."""
    command = add_command(commands, "reproduce", HELP, run=run)
    add_options(command)
    add_worker_options(command)
    add_wide(command)


def run(options: argparse.Namespace) -> int:
    """Run the command; return the exit code."""
    from bench.common.columns import screen_width
    from bench.workflows.reproduction import reproduce

    experiment, folder = chosen_experiment(options)
    if on_cluster(options):
        # What this machine has is of no matter; each record names the one that computed it.
        device = f"workers of {options.scheduler}"
    else:
        device = chosen_device(options, experiment)
    summary, outputs = reproduce(
        experiment,
        chosen_sources(options),
        options.results,
        folder,
        open_workers(options, device),
        jobs=options.jobs or usable_cores(),
        device=device,
        command=typed(*sys.argv[1:]),
        part=options.shard,
    )
    code = _report(summary)
    if summary.signal is not None:
        return code
    if options.shard is None:
        table, place = outputs.write()
        print(f"\n{table.text(screen_width(wide=options.wide))}")
        print(f"{place}: cells.csv, tables, figures and report.html.")
    else:
        index, count = options.shard
        print(f"shard {index} of {count}: no tables; run the command without --shard for those.")
    return code


def _report(summary: Summary) -> int:
    """Print how the run went, and turn it into an exit code."""
    again = typed(*sys.argv[1:])
    if summary.signal is not None:
        there = summary.cached + summary.done
        print(
            f"\n{summary.stopped}. Finished cells: {there} of {summary.cells}, {summary.done} of "
            f"them now. Finished stages are kept; this goes on:\n  {again}"
        )
        return INTERRUPTED if summary.signal == signal.SIGINT else TERMINATED
    were = "was" if summary.cached == 1 else "were"
    parts = [f"{counted(summary.done, 'cell')} computed", f"{summary.cached} {were} there"]
    if summary.busy or summary.busy_beside:
        share = summary.busy / (summary.wall * summary.workers)
        workers = counted(summary.workers, "worker")
        parts.append(
            f"{summary.wall:.0f} s, {workers} {share:.1%} busy ({summary.busy:.0f} s of stages)"
        )
    if summary.busy_beside:
        others = "a process" if summary.beside == 1 else f"{summary.beside} processes"
        parts.append(f"{summary.busy_beside:.0f} s of stages that need no GPU, on {others} beside")
    print(f"\n{'; '.join(parts)}.")
    if summary.failures:
        print(f"{counted(len(summary.failures), 'cell')} failed:")
        for failure in summary.failures:
            print(f"  {failure.cell}: {failure.message}")
        print(f"This tries only them again:\n  {_rerun(summary)}")
    if summary.stopped is not None:
        print(f"stopped early: {summary.stopped}.\nFinished stages are kept; this goes on:")
        print(f"  {again}")
    return FAILURES if summary.failures or summary.stopped else DONE


def _rerun(summary: Summary) -> str:
    """Return the command that runs the failed cells: the same, over a part of the grid."""
    cells = [failure.cell for failure in summary.failures]
    chosen = {
        "--category": dict.fromkeys(cell.category for cell in cells),
        "--method": dict.fromkeys(cell.method for cell in cells),
        "--variant": dict.fromkeys(cell.variant for cell in cells if cell.variant),
        "--seed": dict.fromkeys(str(cell.seed) for cell in cells),
    }
    parser = argparse.ArgumentParser(add_help=False)
    for name in chosen:
        parser.add_argument(name, action="append")
    _, kept = parser.parse_known_args(sys.argv[1:])
    extra = [word for name, values in chosen.items() for value in values for word in (name, value)]
    return typed(*kept, *extra)
