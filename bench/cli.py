"""The command line: sub-commands, and errors turned into exit codes."""

import argparse
import errno
import sys

from bench.commands import accept, clean, data, explain, model, plan, reproduce, score, status
from bench.commands.exit_codes import BAD_INPUT, FAILURES, INTERRUPTED
from destseg.errors import InputError

UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES)
"""What the system says when a disk is full or a folder has become read-only."""

COMMANDS = (reproduce, plan, status, explain, accept, clean, score, data, model)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    options = _parser().parse_args(arguments)
    try:
        code: int = options.run(options)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return BAD_INPUT
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        print(
            f"error: {error.filename or 'results'}: {error.strerror}; what is finished is kept, "
            "and the same command continues when it can be written.",
            file=sys.stderr,
        )
        return FAILURES
    except KeyboardInterrupt:
        print("interrupted; the same command continues.", file=sys.stderr)
        return INTERRUPTED
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Benchmark and ablation harness for DeSTSeg (CVPR 2023).",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add_parser(commands)
    return parser
