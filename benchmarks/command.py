"""The command line: which sections, what becomes of their figures."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bench.common.exit_codes import BAD_INPUT, DONE, INTERRUPTED
from benchmarks.figures import (
    Setting,
    comparison,
    markdown,
    read_benchmark,
    write_benchmark,
)
from benchmarks.sections import SECTIONS, run_sections
from destseg.application.options import positive
from destseg.errors import InputError, suggestion

if TYPE_CHECKING:
    from collections.abc import Sequence

HELP = """\
Measure how fast everything is.

examples:
  python -m benchmarks
      all sections on the CPU; figures are medians of interleaved repetitions in processes of one
      thread
  python -m benchmarks steps predict --device cuda --rounds 3
      two of them on a GPU
  python -m benchmarks steps --json new.json --against old.json
      keep the figures, and compare them with another commit's
  python -m benchmarks --from new.json --against old.json
      compare two files, measuring nothing
  python -m benchmarks schedule --help
      simulate a grid on 1 to 64 workers
  python -m benchmarks lease --help
      all that a GPU lent for a few minutes is good for

sections:
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if given[:1] == ["schedule"]:
            from benchmarks import schedule

            return schedule.main(given[1:])
        if given[:1] == ["lease"]:
            from benchmarks import lease

            return lease.main(given[1:])
        return _measured(_parser().parse_args(given))
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    names = [section.name for section in SECTIONS]
    listed = "\n".join(f"  {section.name:<8} {section.about}" for section in SECTIONS)
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=HELP + listed,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("sections", nargs="*", metavar="SECTION", help="default: all")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"), help="default: cpu")
    parser.add_argument(
        "--rounds", type=positive, default=5, metavar="N", help="repetitions; default: 5"
    )
    parser.add_argument(
        "--smoke", action="store_true", help="the smallest sizes, to see that it runs"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the figures")
    parser.add_argument("--against", type=Path, metavar="FILE", help="compare with kept figures")
    parser.add_argument(
        "--from", dest="source", type=Path, metavar="FILE", help="take these, measuring nothing"
    )
    parser.set_defaults(names=names)
    return parser


def _measured(options: argparse.Namespace) -> int:
    unknown = [name for name in options.sections if name not in options.names]
    if unknown:
        known = [*options.names, "schedule", "lease"]
        raise InputError(f"{unknown[0]}: no section; {suggestion(unknown[0], known)}")
    before = None if options.against is None else read_benchmark(options.against)
    if options.source is not None:
        now = read_benchmark(options.source)
    else:
        _require_device(options.device)
        chosen = options.sections or options.names
        now = run_sections(
            [section for section in SECTIONS if section.name in chosen],
            Setting(options.device, options.rounds, options.smoke),
        )
    if options.json is not None:
        write_benchmark(now, options.json)
    print(markdown(now))
    if before is not None:
        print(f"\n{comparison(before, now)}")
    return DONE


def _require_device(device: str) -> None:
    if device == "cpu":
        return
    from destseg.application.devices import choose_device

    choose_device(device)
