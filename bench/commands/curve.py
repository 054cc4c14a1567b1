"""``python -m bench curve``: how good methods are by the length of their training."""

from __future__ import annotations

import dataclasses
import sys
from typing import TYPE_CHECKING

from bench.commands.experiment_options import (
    add_options,
    chosen_device,
    chosen_experiment,
    chosen_sources,
)
from bench.commands.parsers import Commands, add_command, add_wide, typed
from bench.commands.worker_options import add_worker_options, on_cluster, open_workers
from bench.common.exit_codes import DONE, FAILURES
from destseg.errors import counted
from destseg.processors import usable_cores

if TYPE_CHECKING:
    import argparse

HELP = """\
Measure how good methods are by the length of their training, on development images.
Each method is trained with a quarter, half, once and twice the updates of the experiment, on the
draws that the miniature's settings are chosen on, never on its test images. The tables costs and
curve then say who is still rising: with more training it may be better.

examples:
  python -m bench curve rivals
      of five categories and seed 0; finished cells are not run again
  python -m bench curve rivals --category bottle --method STFPM
      a part of it, which replaces no curve of the whole: it goes to results/rivals-part

exit codes: 0 complete, 2 bad input or usage, 3 some cells failed or it was ended early
"""


def add_parser(commands: Commands) -> None:
    """Add the command and its options."""
    command = add_command(commands, "curve", HELP, run=run)
    add_options(command)
    add_worker_options(command)
    add_wide(command)


def run(options: argparse.Namespace) -> int:
    """Run the command; return the exit code."""
    from bench.common.columns import screen_width
    from bench.presentation.costs_table import curve_table
    from bench.results.files import CELLS, CURVE, read_results, write_curve
    from bench.results.keeping import place_of_curve
    from bench.store.runs import RunStore, check_writable
    from bench.workflows.curve import CATEGORIES, development_of, measure_curve

    chosen, folder = chosen_experiment(options)
    experiment = development_of(chosen)
    grid = dataclasses.replace(
        experiment.grid,
        categories=experiment.grid.categories or CATEGORIES,
        seeds=experiment.grid.seeds if options.seed else experiment.grid.seeds[:1],
    )
    experiment = dataclasses.replace(experiment, grid=grid)
    store = RunStore(options.results / "runs")
    check_writable(store.root)
    device = "cpu" if on_cluster(options) else chosen_device(options, experiment)
    curve, failures, stopped = measure_curve(
        experiment,
        chosen_sources(options),
        store,
        lambda: open_workers(options, device),
        jobs=options.jobs or usable_cores(),
        command=typed(*sys.argv[1:]),
    )
    place = place_of_curve(curve, options.results / folder)
    write_curve(place, curve)
    print(f"{counted(len(curve), 'cell')} in {place / CURVE}")
    if (place / CELLS).is_file():
        table = curve_table(read_results(place))
        print(f"\n{table.text(screen_width(wide=options.wide))}")
    for failure in failures:
        print(f"  {failure.cell}: {failure.message}")
    if stopped is not None:
        print(f"stopped early: {stopped}; the same command goes on.")
    return FAILURES if failures or stopped else DONE
