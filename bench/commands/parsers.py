"""What the parsers of all commands have in common: a page of help, and some options."""

import argparse
import shlex
from pathlib import Path
from typing import Any, TypeAlias

Commands: TypeAlias = "argparse._SubParsersAction[Any]"  # noqa: SLF001


def add_command(
    commands: Commands, name: str, page: str, **defaults: Any
) -> argparse.ArgumentParser:
    """Add a command, or an action of one, and return its parser.

    The page's first paragraph describes the command, and its first line alone stands in the list
    of commands; the other paragraphs come below the options. Defaults are what the parsed options
    hold besides, such as ``run``, which turns them into an exit code.
    """
    description, below = page.split("\n\n", 1)
    command: argparse.ArgumentParser = commands.add_parser(
        name,
        help=description.partition("\n")[0],
        description=description,
        epilog=below,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(**defaults)
    return command


def typed(*words: object) -> str:
    """Return a command line as one would type it, of what follows the program's name."""
    return shlex.join(["python", "-m", "bench", *map(str, words)])


def add_wide(command: argparse.ArgumentParser) -> None:
    """Add the option that shows a table whole, for `bench.common.columns.fitted`."""
    command.add_argument(
        "--wide",
        action="store_true",
        help="show all columns; by default a terminal gets those that fit, and files all",
    )


def add_results(command: argparse.ArgumentParser) -> None:
    """Add the option that names the folder of all results."""
    command.add_argument(
        "--results", type=Path, default=Path("results"), metavar="DIR", help="default: results"
    )


def add_include(command: argparse.ArgumentParser) -> None:
    """Add the option that names other results, for `bench.results.files.joined_with`."""
    command.add_argument(
        "--include",
        action="append",
        default=[],
        metavar="NAME",
        help="show other results of the same images beside these, by the name of their folder, "
        "such as score-PatchCore; may be given several times",
    )
