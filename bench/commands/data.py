"""``python -m bench data``: check MVTec AD and DTD on disk, or download them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from bench.commands.parsers import Commands, add_command, typed
from bench.common.exit_codes import DONE, FAILURES
from bench.data.archives import ARCHIVES
from destseg.application.options import positive
from destseg.errors import printable

if TYPE_CHECKING:
    import argparse

    from bench.data.verification import Report

HELP = """\
Check MVTec AD and DTD on disk, download them, or lay out other sets as they are.

examples:
  python -m bench data fetch mvtec --to data
      downloads MVTec AD (5 GB) and unpacks it into data/mvtec_ad
  python -m bench data fetch dtd --to data
      downloads DTD (0.6 GB) and unpacks it into data/dtd
  python -m bench data verify data/mvtec_ad
      reads every file and lists everything that is wrong
  python -m bench data verify DIR --category bottle
      only this category, where the folder has not all of them
  python -m bench data verify data/visa
      what `data import` laid out, or any other set in MVTec AD's layout
  python -m bench data import visa --from VisA_20220922 --to data/visa
      links the images and masks of VisA (or btad, mpdd) into MVTec AD's layout

exit codes: 0 all is right, 2 bad input or a failed download, 3 faults, which are listed beside the
digests of what is whole, 130 interrupted
"""

_, EXAMPLES = HELP.split("\n\n", 1)

VERIFY_HELP = f"""\
Compare a folder with the published dataset.
That is its folders and numbers of images, and whether every image and mask can be read. Every fault
is listed, then the digests that runs on these files write into their records. Nothing is written.
Other sets in MVTec AD's layout, as `data import` makes them, are read as well, and each image must
have its mask, of its size; they are compared with nothing published.

{EXAMPLES}"""

FETCH_HELP = f"""\
Download a dataset, check its SHA-256, unpack and verify it.
An interrupted download continues when the same command is given again; an archive that lies in DIR
under its own name is used without any download.

{EXAMPLES}"""


IMPORT_HELP = f"""\
Lay a dataset out as MVTec AD: links to its files, none of which is copied or changed.
It is checked, and --data takes the new folder.

{EXAMPLES}"""


def add_parser(commands: Commands) -> None:
    """Add the command, its actions and their options."""
    command = add_command(commands, "data", HELP)
    actions = command.add_subparsers(required=True, metavar="ACTION")
    verifying = add_command(actions, "verify", VERIFY_HELP, run=run_verify)
    verifying.add_argument(
        "kind",
        nargs="?",
        choices=(*sorted(ARCHIVES), "layout"),
        help="which dataset it is, layout for another set in MVTec AD's layout; default: what the "
        "folder looks like",
    )
    verifying.add_argument(
        "folder",
        type=Path,
        metavar="DIR",
        help="the folder that holds the categories; dtd: the one that holds images",
    )
    verifying.add_argument(
        "--category",
        action="append",
        default=[],
        metavar="C",
        help="only this category; may be given several times; default: all, of mvtec all 15",
    )
    fetching = add_command(actions, "fetch", FETCH_HELP, run=run_fetch)
    fetching.add_argument("kind", choices=sorted(ARCHIVES), help="which dataset")
    places = " or ".join(f"DIR/{archive.folder}" for archive in ARCHIVES.values())
    fetching.add_argument(
        "--to",
        type=Path,
        required=True,
        metavar="DIR",
        help=f"where to put it: the dataset becomes {places}",
    )
    fetching.add_argument("--url", help="a mirror; its archive must have the same hash")
    fetching.add_argument(
        "--keep-archive", action="store_true", help="keep the downloaded archive in DIR"
    )
    importing = add_command(actions, "import", IMPORT_HELP, run=run_import)
    importing.add_argument("kind", choices=("visa", "btad", "mpdd"), help="which dataset")
    importing.add_argument(
        "--from",
        dest="source",
        type=Path,
        required=True,
        metavar="DIR",
        help="where it was unpacked: the folder that holds the categories",
    )
    importing.add_argument("--to", type=Path, required=True, metavar="DIR", help="a new folder")
    for action in (verifying, fetching):
        action.add_argument(
            "--jobs",
            type=positive,
            default=os.cpu_count() or 1,
            metavar="N",
            help="processes that read at most; default: all cores",
        )


def run_verify(options: argparse.Namespace) -> int:
    """Verify a folder; return the exit code."""
    from bench.data.verification import recognise, verify

    kind = options.kind or recognise(options.folder)
    report = verify(kind, options.folder, options.category, jobs=options.jobs)
    return _print_report(kind, options.folder, report)


def run_fetch(options: argparse.Namespace) -> int:
    """Fetch a dataset unless it is there; return the exit code."""
    from bench.data.fetching import fetch, is_there
    from bench.data.verification import verify

    archive = ARCHIVES[options.kind]
    code = DONE
    if is_there(options.kind, options.to):
        print(f"{options.to / archive.folder}: {archive.title} is there already, nothing to do.")
    else:
        # Told before gigabytes come, and not kept in a buffer until they are there.
        print(archive.licence, flush=True)
        folder = fetch(archive, options.to, url=options.url, keep=options.keep_archive)
        print(f"{folder}: unpacked.", flush=True)
        code = _print_report(options.kind, folder, verify(options.kind, folder, jobs=options.jobs))
        print(archive.licence)
    print("next:")
    for kind, other in ARCHIVES.items():
        if not (options.to / other.folder).is_dir():
            print(f"  {typed('data', 'fetch', kind, '--to', options.to)}")
    data, textures = (options.to / ARCHIVES[kind].folder for kind in ("mvtec", "dtd"))
    setting = ("reproduce", "--dataset", "mvtec", "--data", data, "--textures", textures)
    print(f"  {typed(*setting, '--teacher', 'imagenet')}")
    return code


def run_import(options: argparse.Namespace) -> int:
    """Lay a dataset out; return the exit code."""
    from bench.data.importing import import_dataset

    imported = import_dataset(options.kind, options.source, options.to)
    for one in imported:
        print(f"{one.category}: {one.train} training and {one.test} test images")
    print(f"{options.to}: {len(imported)} categories, linked; next:")
    print(f"  {typed('data', 'verify', options.to)}")
    print(f"  {typed('reproduce', '--dataset', 'mvtec', '--data', options.to)}")
    return DONE


def _print_report(kind: str, folder: Path, report: Report) -> int:
    """Print the faults, then the digests; return the exit code."""
    title = f"the published {ARCHIVES[kind].title}" if kind in ARCHIVES else "MVTec AD's layout"
    if report.faults:
        print(f"{printable(str(folder))}: {report.count} against {title}:")
        for fault in report.faults:
            print(f"  - {printable(fault)}")
    for part in report.parts:
        print(f"{printable(part.name)}: {part.content}")
        print(f"  digest {part.digest or 'none, since a file cannot be decoded'}")
    print(f"{title.removeprefix('the published ')}: {report.summary}: {report.count}.")
    if report.unchecked:
        print(f"note: {report.unchecked}.")
    return FAILURES if report.faults else DONE
