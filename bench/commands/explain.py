"""``python -m bench explain``: why a cell would run again."""

import argparse
from pathlib import Path

from bench.commands.experiment_options import (
    add_options,
    chosen_experiment,
    chosen_sources,
    chosen_store,
    tell_unprepared,
)
from bench.commands.parsers import Commands, add_command, typed
from bench.commands.status import coloured_state
from bench.common.exit_codes import DONE
from bench.experiment.library import experiment_names
from destseg.errors import InputError

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


EXAMPLE = ("bottle", "den+ed+seg", 0)


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

    words = [str(options.experiment), *options.cell] if options.experiment else []
    # The first word is the experiment's by its place, even where none is given, and some
    # experiments are called as a category is.
    categories = {name for kind in all_kinds().values() for name in kind.categories}
    named = {*experiment_names()} - categories
    files = [word for word in words if word.endswith(".toml") or word in named]
    options.experiment = Path(files[0]) if files else None
    if not words or words == files:
        raise InputError(
            "explain: of which cell? Give category, variant and seed, such as "
            f"`{typed('explain', *files, *EXAMPLE)}`; `python -m bench status` says what there is."
        )
    experiment, _ = chosen_experiment(options)
    laid = look_up(experiment, chosen_sources(options))
    cell = find_cell([word for word in words if word not in files], laid.grid.cells())
    evaluation = laid.plan.evaluations[cell]
    tell_unprepared(unprepared_of(evaluation))
    store = chosen_store(options)
    print(cell)
    census = take_census(laid.plan, store)
    for stage in dict.fromkeys(evaluation.lineage()):
        head, *lines = explained(stage, census, store)
        kind, _, state = head.rpartition(": ")
        head = f"{kind}: {coloured_state(state, state)}"
        print("\n".join([f"  {head}", *(f"      {line}" for line in lines)]))
    return DONE
