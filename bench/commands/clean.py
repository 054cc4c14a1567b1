"""``python -m bench clean``: delete records that no experiment refers to."""

import argparse
from pathlib import Path

from tabulate import tabulate

from bench.commands.experiment_options import (
    EXPERIMENTS,
    add_options,
    chosen_sources,
    chosen_store,
)
from bench.common.exit_codes import DONE
from bench.inspection.catalogue import read_catalogue
from bench.inspection.cleaning import known_experiments, leftovers, megabytes, sort_records
from destseg.errors import InputError

EXAMPLES = """\
examples:
  python -m bench clean
      what no experiment in experiments/ refers to, and how large it is
  python -m bench clean --keep mine.toml --yes
      deletes it, except what mine.toml refers to as well
  python -m bench clean --data mvtec_ad --textures dtd
      records on MVTec AD can be judged only where its folder is known

Kept as well: records of `bench score`, and all that were made from images, textures or teachers not
known here, unless --unknown is given.

exit codes: 0 done, 2 bad input or usage
"""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command and its options."""
    command = commands.add_parser(
        "clean",
        help="delete records that no experiment refers to",
        description="Delete records that no experiment refers to at present, and temporary files\n"
        "older than a day.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_options(command)
    command.add_argument(
        "--keep",
        action="append",
        type=Path,
        default=[],
        metavar="EXPERIMENT.toml",
        help="also keep what this one refers to, as the one given first; several times for several",
    )
    command.add_argument(
        "--unknown", action="store_true", help="delete records of inputs not known here, too"
    )
    command.add_argument(
        "--scored", action="store_true", help="delete records of `bench score`, too"
    )
    command.add_argument("--yes", action="store_true", help="do it; without it only show")
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Show or delete; return the exit code."""
    for name in ("category", "variant", "seed"):
        if getattr(options, name):
            raise InputError(f"--{name}: experiments are kept as a whole; leave it out.")
    store = chosen_store(options)
    given = [path for path in (options.experiment, *options.keep) if path is not None]
    files = (*sorted(EXPERIMENTS.glob("*.toml")), *given)
    blueprints = known_experiments(files, chosen_sources(options), options.teacher)
    found = sort_records(read_catalogue(store), blueprints)
    groups = {
        "experiments refer to them": (found.referred, False),
        "other methods' maps, scored": (found.scored, options.scored),
        "cannot be judged here": (found.unjudged, options.unknown),
        "nothing refers to them": (found.unreferred, True),
    }
    rows = [
        [name, "delete" if delete else "keep", len(records), f"{megabytes(store, records):.1f}"]
        for name, (records, delete) in groups.items()
    ]
    temporary = leftovers(options.results)
    size = sum(path.stat().st_size for path in temporary) / 1e6
    rows.append(["temporary files older than a day", "delete", len(temporary), f"{size:.1f}"])
    print(tabulate(rows, ["records", "", "number", "MB"], floatfmt=".1f"))
    unseen = [
        f"{laid.experiment.name} on {laid.experiment.dataset.kind}"
        for laid in blueprints
        if laid.unprepared
    ]
    if unseen:
        listed = ", ".join(dict.fromkeys(unseen))
        print(f"\nwithout inputs here, so every record of their settings is kept: {listed}.")
    doomed = [record for records, delete in groups.values() if delete for record in records]
    if not doomed and not temporary:
        print("\nnothing to delete.")
    elif not options.yes:
        print("\nnothing was deleted; add --yes to do it.")
    else:
        for record in doomed:
            store.remove(record.key)
        for path in temporary:
            path.unlink(missing_ok=True)
        print(f"\n{len(doomed)} records and {len(temporary)} temporary files deleted.")
    return DONE
