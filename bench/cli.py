"""The command line: sub-commands, and errors turned into exit codes."""

import argparse
import sys

from bench.commands import baseline, data, model, regress, reproduce, score
from bench.commands.exit_codes import BAD_INPUT, INTERRUPTED
from destseg.errors import InputError

COMMANDS = (reproduce, score, data, model, regress, baseline)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    options = _parser().parse_args(arguments)
    try:
        code: int = options.run(options)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return BAD_INPUT
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
