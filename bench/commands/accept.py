"""``python -m bench accept``: old records for new code that gives the same results."""

import argparse
from collections import Counter

from bench.commands.experiment_options import add_options, chosen_store, look_up_chosen
from bench.commands.parsers import Commands, add_command
from bench.common.exit_codes import DONE, FAILURES
from destseg.errors import counted

HELP = """\
Take over records that only a version of code makes stale.
You must know of that version's change that it moves no result.

examples:
  python -m bench accept --reason "the data loader was only renamed"
      which records would be taken over
  python -m bench accept --reason "the data loader was only renamed" --yes
      takes them over; old records stay until `python -m bench clean`

Only records whose code version, or whose ancestors' code version, is the one thing that differs are
taken over. The reason stays in each of them.

exit codes: 0 done, 2 bad input or usage, 3 artifacts of some are damaged
"""


def add_parser(commands: Commands) -> None:
    """Add the command and its options."""
    command = add_command(commands, "accept", HELP, run=run)
    add_options(command)
    command.add_argument("--reason", required=True, metavar="TEXT", help="why the results hold")
    command.add_argument("--yes", action="store_true", help="do it; without it only show")


def run(options: argparse.Namespace) -> int:
    """Show or take over; return the exit code."""
    from tabulate import tabulate

    from bench.inspection.acceptance import accept, acceptable, stated_reason
    from bench.inspection.census import take_census
    from bench.store.runs import check_writable

    reason = stated_reason(options.reason)
    store = chosen_store(options)
    census = take_census(look_up_chosen(options).plan, store)
    chosen = acceptable(census)
    if not chosen:
        print("nothing to take over: no stage is missing only because of a version of code.")
        return DONE
    counts = Counter(
        (
            item.stage.kind,
            "the ancestors' alone"
            if item.record.code == item.stage.code
            else f"{item.record.code} -> {item.stage.code}",
        )
        for item in chosen
    )
    rows = [[*what, count] for what, count in counts.items()]
    print(tabulate(rows, ["stage", "code", "records"]))
    if not options.yes:
        print(f"\n{counted(len(chosen), 'record')} would be taken over; add --yes to do it.")
        return DONE
    check_writable(store.root)
    count, faults = accept(chosen, store, reason)
    print(f"\n{counted(count, 'record')} taken over.")
    for fault in faults:
        print(f"not taken over: {fault}")
    return FAILURES if faults else DONE
