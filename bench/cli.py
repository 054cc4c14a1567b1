"""The command line: sub-commands, and errors turned into exit codes."""

import errno
import sys
from importlib import import_module

from bench.commands.parsers import add_command
from bench.common.exit_codes import BAD_INPUT, FAILURES, INTERRUPTED
from destseg.application.console import open_console, print_error
from destseg.application.options import Parser, asks_completion, program
from destseg.errors import InputError, overlong_name

SCRIPT = "destseg-bench"
"""The same as ``python -m bench``, which shells complete."""

UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES)
"""What the system says when a disk is full or a folder has become read-only."""

COMMANDS = (
    "reproduce",
    "curve",
    "plan",
    "status",
    "explain",
    "accept",
    "clean",
    "report",
    "table",
    "figure",
    "score",
    "data",
    "model",
    "regress",
    "baseline",
)
"""Modules of `bench.commands`. Each imports what it computes with only when it runs, and what its
options need when it is asked for: torch takes seconds, and help should not."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    open_console()
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        options = _parser(arguments[:1]).parse_args(arguments)
        code: int = options.run(options)
    except InputError as error:
        print_error(error)
        return BAD_INPUT
    except OSError as error:
        if overlong := overlong_name(error):
            print_error(overlong)
            return BAD_INPUT
        if error.errno not in UNWRITABLE:
            raise
        print_error(
            f"{error.filename or 'results'}: {error.strerror}; what is finished is kept, and the "
            "same command continues when it can be written."
        )
        return FAILURES
    except KeyboardInterrupt:
        print("interrupted; the same command continues.", file=sys.stderr)
        return INTERRUPTED
    return code


def _parser(asked: list[str]) -> Parser:
    """Make the parser of the command asked for, or list all of them when it is none."""
    completing = asks_completion(asked)
    parser = program(
        "python -m bench", SCRIPT, "Benchmark and ablation harness for DeSTSeg (CVPR 2023).", asked
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    known = [name for name in COMMANDS if completing or name in asked]
    for name in known or COMMANDS:
        command = import_module(f"bench.commands.{name}")
        if known:
            command.add_parser(commands)
        else:
            add_command(commands, name, command.HELP)
    return parser
