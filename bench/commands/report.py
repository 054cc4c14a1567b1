"""``python -m bench report``: one page with everything that is known of an experiment."""

import argparse
import sys

from bench.commands.experiment_options import add_options
from bench.commands.parsers import Commands, add_command, add_include, typed
from bench.common.exit_codes import DONE

HELP = """\
Write report.html from what is finished.
One page in results/<experiment>/ that needs nothing beside it: tables, figures, every test image
with its maps, failures, provenance.

examples:
  python -m bench report
      results/ablation/report.html, from the records of the ablation on the miniature
  python -m bench report experiments/loss.toml
      of another experiment
  python -m bench report --dataset mvtec --data mvtec_ad --textures dtd
      of MVTec AD; the folders tell which records are meant, and the gallery needs the images
  python -m bench report --dataset mvtec
      the same from its cells.csv alone, without the gallery

Nothing is run: what is not finished is missing on the page, which says so.

exit codes: 0 done, 2 bad input or usage
"""


def add_parser(commands: Commands) -> None:
    """Add the command and its options."""
    command = add_command(commands, "report", HELP, run=run)
    add_options(command)
    add_include(command)


def run(options: argparse.Namespace) -> int:
    """Run the command; return the exit code."""
    from bench.commands.finished_options import find_chosen
    from bench.workflows.reporting import write_report

    finished, folder = find_chosen(options)
    path = write_report(finished, folder, reproducing(sys.argv[1:]))
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB.")
    return DONE


def reproducing(arguments: list[str]) -> str:
    """Return the command that makes the numbers a report was asked for with these arguments."""
    parser = argparse.ArgumentParser(add_help=False)
    add_include(parser)
    _, others = parser.parse_known_args(arguments[1:])
    return typed("reproduce", *others)
