"""``python -m bench clean``: delete records that nothing refers to."""

import argparse
from collections import defaultdict
from pathlib import Path

from bench.commands.experiment_options import chosen_sources, chosen_store
from bench.commands.parsers import Commands, add_command, add_results
from bench.common.exit_codes import DONE
from bench.experiment.library import experiment_names, find_experiment
from destseg.application.options import offer
from destseg.errors import counted

HELP = """\
Delete records that no experiment and no results folder refers to.
Temporary files older than a day go with them.

examples:
  python -m bench clean
      what no experiment in experiments/ and no results folder refers to, and how large it is
  python -m bench clean ablation mine.toml --yes
      deletes what neither these two nor any results folder refer to
  python -m bench clean --data mvtec_ad --textures dtd
      keeps what the experiments would use on MVTec AD as well

An experiment refers to what it would use in here, with its inputs as they are prepared; a results
folder to what the cells of its cells.csv came from, `bench score`'s among them. Nobody can tell
whose an interrupted stage is while inputs are not prepared, or without --data: its progress stays.

exit codes: 0 done, 2 bad input or usage
"""


def add_parser(commands: Commands) -> None:
    """Add the command and its options."""
    command = add_command(commands, "clean", HELP, run=run)
    experiments = command.add_argument(
        "experiments",
        nargs="*",
        type=Path,
        metavar="EXPERIMENT",
        help="keep what these refer to; default: all in experiments/",
    )
    offer(experiments, experiment_names())
    command.add_argument("--data", type=Path, metavar="DIR", help="folder in MVTec AD layout")
    command.add_argument(
        "--textures", type=Path, metavar="DIR", help="anomaly source images that may be in use"
    )
    command.add_argument(
        "--teacher", metavar="NAME|PATH", help="one that may be in use instead of the experiments'"
    )
    add_results(command)
    command.add_argument("--yes", action="store_true", help="do it; without it only show")


def run(options: argparse.Namespace) -> int:
    """Show or delete; return the exit code."""
    from tabulate import tabulate

    from bench.inspection.cleaning import laid_out, leftovers, named_by_results

    store = chosen_store(options)
    named = options.experiments or map(Path, experiment_names())
    laid = laid_out(map(find_experiment, named), chosen_sources(options), options.teacher)
    planned = {key for each in laid for key in each.plan.stages}
    kept = planned | named_by_results(options.results, store)
    unseen = dict.fromkeys(
        f"{each.experiment.name} on {each.experiment.dataset.kind}"
        for each in laid
        if each.unprepared
    )
    all_seen = options.data is not None and not unseen
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for key in store.keys():  # noqa: SIM118 - a method, not a mapping's
        record = store.get(key)
        kind = "failed, damaged, unfinished" if record is None else record.kind
        keep = key in kept or (record is None and not all_seen and store.unfinished(key).exists())
        groups[kind, "keep" if keep else "delete"].append(key)
    doomed = [key for (_, what), keys in groups.items() if what == "delete" for key in keys]
    temporary = leftovers(options.results)
    rows = [
        [kind, what, len(keys), sum(map(store.size, keys)) / 1e6]
        for (kind, what), keys in sorted(groups.items())
    ]
    size = sum(path.stat().st_size for path in temporary) / 1e6
    rows.append(["temporary files older than a day", "delete", len(temporary), size])
    print(tabulate(rows, ["records", "", "number", "MB"], floatfmt=".1f"))
    if options.data is None:
        print("\nwithout --data, of runs on MVTec AD only what a results folder names is kept.")
    if unseen:
        print(
            f"\ninputs not prepared here: {', '.join(unseen)}; so that their records are not "
            "recognised and would be deleted, where no results folder names them. Name the inputs "
            "by --data, --textures and --teacher."
        )
    if not doomed and not temporary:
        print("\nnothing to delete.")
    elif not options.yes:
        print("\nnothing was deleted; add --yes to do it.")
    else:
        for key in doomed:
            store.remove(key)
        for path in temporary:
            path.unlink(missing_ok=True)
        files = counted(len(temporary), "temporary file")
        print(f"\n{counted(len(doomed), 'record')} and {files} deleted.")
    return DONE
