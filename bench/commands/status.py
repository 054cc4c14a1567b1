"""``python -m bench status``: what is done, failed, missing or stale."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from bench.commands.experiment_options import (
    add_options,
    chosen_experiment,
    chosen_store,
    heading_of,
    look_up_chosen,
)
from bench.commands.parsers import Commands, add_command, add_wide
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
`python -m bench explain`. Records behind another experiment's results count for that one alone.
unprepared: there is a record, but its data are not prepared on this machine, so that nobody can
tell whether it still fits. missing: never computed.

exit codes: 0 all is done, 2 bad input or usage, 3 something is not
"""

RARE = ("not needed", "unprepared")
"""States that are shown only where there are some."""

COLOURS = {
    "done": "green",
    "failed": "red",
    "damaged": "red",
    "stale": "yellow",
    "unprepared": "yellow",
}

SHOWN = 12
"""Values listed of one part of the environment; the rest is counted."""


def add_parser(commands: Commands) -> None:
    """Add the command and its options."""
    command = add_command(commands, "status", HELP, run=run)
    add_options(command)
    add_wide(command)


def run(options: argparse.Namespace) -> int:
    """Print the state; return the exit code."""
    from bench.common.columns import screen_width
    from bench.inspection.census import take_census
    from bench.inspection.edits import edited_methods

    store = chosen_store(options)
    experiment, folder = chosen_experiment(options)
    census = take_census(look_up_chosen(options).plan, store, options.results / folder)
    width = screen_width(wide=options.wide)
    print(f"{heading_of(experiment)}:\n")
    print(_counts(census, "stage", lambda stage: stage.kind, width))
    print(f"\n{_counts(census, 'category', lambda stage: stage.category or 'all', width)}")
    evaluations = census.plan.evaluations.items()
    methods = {s.key: cell.method for cell, stage in evaluations for s in stage.lineage()}
    if len(set(methods.values())) > 1:
        print(f"\n{_counts(census, 'method', lambda stage: methods[stage.key], width)}")
    _print_faults(census, store)
    for sentence in edited_methods(census.plan.stages.values(), census.catalogue.records.get):
        print(f"\n{sentence}.")
    _print_environments(census, width)
    return DONE if census.complete else FAILURES


def _counts(census: Census, name: str, group: Callable[[Stage], str], width: int | None) -> str:
    from bench.common.columns import fitted
    from bench.inspection.census import State

    groups = census.counts(group)
    # These are rare, and would puzzle everybody else.
    states: list[State] = [
        state
        for state in get_args(State)
        if state not in RARE or any(counts[state] for counts in groups.values())
    ]
    labels = [kind for kind in census.plan.kinds if kind in groups] or [
        str(label) for label in groups
    ]

    def told(number: int, state: State) -> str:
        return coloured_state(str(number), state) if number else "0"

    rows = [[label, *(told(groups[label][state], state) for state in states)] for label in labels]
    alignment = ["left", *["right"] * len(states)]
    return fitted(rows, [name, *states], width, colalign=alignment, disable_numparse=True)


def coloured_state(text: str, state: str) -> str:
    """Colour what is said of a state, where that is good or bad news."""
    from destseg.application.console import coloured

    return coloured(text, COLOURS[state]) if state in COLOURS else text


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


def _print_environments(census: Census, width: int | None) -> None:
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
    # Beside the names of the parts and the counts.
    rest = None if width is None else max(width - 25, 20)
    headers = ["part", "value", "records"]
    print(tabulate(rows, headers, disable_numparse=True, maxcolwidths=[None, rest, None]))
