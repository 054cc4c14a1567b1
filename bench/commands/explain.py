"""``python -m bench explain``: why a cell would run again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bench.commands.experiment_options import (
    add_options,
    chosen_experiment,
    chosen_sources,
    chosen_store,
    heading_of,
    tell_unprepared,
)
from bench.commands.parsers import Commands, add_command, typed
from bench.commands.status import coloured_state
from bench.common.exit_codes import DONE
from bench.experiment.library import experiment_names
from destseg.errors import InputError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from bench.experiment.grid import Cell

HELP = """\
Tell why a cell would run again.
Of each of its stages: whether it is done, or which record is nearest and what differs. Nothing is
written.

examples:
  python -m bench explain "bottle den+ed+seg seed 0"
  python -m bench explain bottle den+ed+seg 0
      why that cell of the ablation would run again, stage by stage
  python -m bench explain loss tile den+ed+seg+no-l1 0
      of another experiment; options come after the cell

exit codes: 0 done, 2 bad input or usage
"""


def add_parser(commands: Commands) -> None:
    """Add the command and its options."""
    command = add_command(commands, "explain", HELP, run=run)
    add_options(command)
    command.add_argument(
        "cell", nargs="*", metavar="CELL", help="category, method, variant and seed"
    )


def run(options: argparse.Namespace) -> int:
    """Print the explanation; return the exit code."""
    from bench.data.kinds import all_kinds
    from bench.inspection.census import take_census
    from bench.inspection.explaining import explained, find_cell, unprepared_of
    from bench.planning.experiment_plan import look_up
    from bench.results.files import CELLS

    words = [str(options.experiment), *options.cell] if options.experiment else []
    # The first word is the experiment's by its place, even where none is given, and some
    # experiments are called as a category is.
    categories = {name for kind in all_kinds().values() for name in kind.categories}
    named = {*experiment_names()} - categories
    files = [word for word in words if word.endswith(".toml") or word in named]
    if len(files) > 1:
        raise InputError(f"explain: of {' or '.join(files)}? Give one experiment, and one cell.")
    options.experiment = Path(files[0]) if files else None
    for word in words:
        if word not in {*files, *categories} and (options.results / word / CELLS).is_file():
            raise InputError(_of_results(options.results / word))
    experiment, folder = chosen_experiment(options)
    laid = look_up(experiment, chosen_sources(options), assume=words == files)
    if words == files:
        example = typed("explain", *files, *_example(laid.grid.cells()))
        raise InputError(
            f"explain: of which cell? Give category, variant and seed, such as `{example}`; "
            "`python -m bench status` says what there is."
        )
    cell = find_cell([word for word in words if word not in files], laid.grid.cells())
    evaluation = laid.plan.evaluations[cell]
    tell_unprepared(unprepared_of(evaluation))
    store = chosen_store(options)
    print(f"{heading_of(experiment)}:\n{cell}")
    census = take_census(laid.plan, store, options.results / folder)
    for stage in dict.fromkeys(evaluation.lineage()):
        head, *lines = explained(stage, census, store)
        kind, _, state = head.rpartition(": ")
        head = f"{kind}: {coloured_state(state, state)}"
        print("\n".join([f"  {head}", *(f"      {line}" for line in lines)]))
    return DONE


def _example(cells: Sequence[Cell]) -> tuple[object, ...]:
    """Return the words for one of some cells, of the full method where it is among them."""
    from bench.methods import PAPER, method

    full = method(PAPER).full
    cell = next((cell for cell in cells if cell.variant == full), cells[0])
    return cell.category, cell.variant or cell.method, cell.seed


def _of_results(folder: Path) -> str:
    """Say what to give instead of a folder of results."""
    from bench.results.files import read_measured

    return (
        f"{folder}: a folder of results, and no experiment; give the experiment and the options "
        f"that it was made with, by `{read_measured(folder).command}`."
    )
