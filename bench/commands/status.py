"""``python -m bench status``: what is done, failed, missing or stale."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from bench.commands.experiment_options import add_options, chosen_store, look_up_chosen
from bench.commands.parsers import Commands, add_command
from bench.common.exit_codes import DONE, FAILURES

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from bench.inspection.census import Census, State
    from bench.planning.stages import Stage
    from bench.store.runs import RunStore

HELP = """\
Tell what is done, failed, missing or stale.
Of an experiment's stages, and in which environments they were computed. Nothing is written.

examples:
  python -m bench status
      of the ablation on the miniature
  python -m bench status experiments/loss.toml --seed 0
      of a part of another experiment

done: there is a record. failed: the last attempt failed. damaged: the record is not whole.
stale: there is a record for the same cell, but settings, code or data have changed since; see
`python -m bench explain`. missing: never computed.

exit codes: 0 all is done, 2 bad input or usage, 3 something is not
"""

SHOWN = 12
"""Values listed of one part of the environment; the rest is counted."""


def add_parser(commands: Commands) -> None:
    """Add the command and its options."""
    command = add_command(commands, "status", HELP, run=run)
    add_options(command)


def run(options: argparse.Namespace) -> int:
    """Print the state; return the exit code."""
    from bench.inspection.census import take_census
    from bench.inspection.edits import edited_methods

    store = chosen_store(options)
    census = take_census(look_up_chosen(options).plan, store)
    print(_counts(census, "stage", lambda stage: stage.kind))
    print(f"\n{_counts(census, 'category', lambda stage: stage.category or 'all')}")
    evaluations = census.plan.evaluations.items()
    methods = {s.key: cell.method for cell, stage in evaluations for s in stage.lineage()}
    if len(set(methods.values())) > 1:
        print(f"\n{_counts(census, 'method', lambda stage: methods[stage.key])}")
    _print_faults(census, store)
    for sentence in edited_methods(census.plan.stages.values(), census.catalogue.records.get):
        print(f"\n{sentence}.")
    _print_environments(census)
    return DONE if census.complete else FAILURES


def _counts(census: Census, name: str, group: Callable[[Stage], str]) -> str:
    from tabulate import tabulate

    from bench.inspection.census import State

    groups = census.counts(group)
    # This one is rare, and would puzzle everybody else.
    states: list[State] = [
        state
        for state in get_args(State)
        if state != "not needed" or any(counts[state] for counts in groups.values())
    ]
    labels = [kind for kind in census.plan.kinds if kind in groups] or [
        str(label) for label in groups
    ]
    rows = [[label, *(groups[label][state] for state in states)] for label in labels]
    return tabulate(rows, [name, *states])


def _print_faults(census: Census, store: RunStore) -> None:
    from bench.inspection.explaining import failed

    if census.failures:
        print("\nfailed:")
        for key, failure in census.failures.items():
            print(f"  {census.plan.stages[key]}: {failed(failure, store)}")
    damaged = census.catalogue.damaged
    if damaged:
        print("\ndamaged records:")
        for key, message in damaged.items():
            stage = census.plan.stages.get(key)
            print(f"  {message} ({stage or 'of no stage of this experiment'})")


def _print_environments(census: Census) -> None:
    from tabulate import tabulate

    from bench.inspection.census import mixed_environments

    mixed = mixed_environments(census.done)
    if not mixed:
        return
    rows = []
    for name, values in mixed.items():
        for value, count in values.most_common(SHOWN):
            rows.append([name, value or "none", count])
        if len(values) > SHOWN:
            rows.append([name, f"and {len(values) - SHOWN} more", ""])
    print("\nThe records come from different environments, and so do the cells of one table:\n")
    print(tabulate(rows, ["part", "value", "records"], disable_numparse=True))
