"""``python -m bench table``: any table of finished results, in the terminal."""

import argparse

from bench.commands.parsers import Commands, add_command, add_include, add_results, add_wide
from bench.common.exit_codes import DONE
from bench.experiment.library import experiment_names
from destseg.application.options import offer
from destseg.errors import InputError, suggestion, tell

HELP = """\
Print a table of finished results.
From their cells alone: no data, no GPU, nothing is computed but the statistics.

tables:
  {tables}

examples:
  python -m bench table ablation
      the paper's Table 4, from results/ablation/cells.csv
  python -m bench table claims loss
      what results/loss/cells.csv says to the paper's claims
  python -m bench table effects --format latex > effects.tex
      ready for a paper: booktabs, with the setting as comments
  python -m bench table pixel mvtec --include score-PatchCore
      the paper's Table 2, with maps measured by `python -m bench score` beside DeSTSeg; without
      results of mvtec here beside the published numbers alone

exit codes: 0 done, 2 bad input or usage
"""


def add_parser(commands: Commands) -> None:
    """Add the command and its options."""
    from bench.presentation.table import FORMATS
    from bench.presentation.tables import tables

    page = HELP.format(tables=", ".join(tables()))
    command = add_command(commands, "table", page, run=run)
    offer(command.add_argument("name", metavar="NAME", help="one of the tables below"), tables())
    experiment = command.add_argument(
        "experiment",
        nargs="?",
        default="ablation",
        metavar="EXPERIMENT",
        help="folder below --results; default: ablation",
    )
    offer(experiment, experiment_names())
    add_include(command)
    command.add_argument(
        "--format", choices=list(FORMATS), default="text", help="default: %(default)s"
    )
    add_results(command)
    add_wide(command)


def run(options: argparse.Namespace) -> int:
    """Print the table; return the exit code."""
    from bench.common.columns import screen_width
    from bench.presentation.table import FORMATS
    from bench.presentation.tables import build_table, tables
    from bench.results.files import CELLS, joined_with, read_results

    if options.name not in tables():
        raise InputError(f"table {options.name!r}: unknown; {suggestion(options.name, tables())}")
    first: str = options.experiment
    others: list[str] = options.include
    if others and first in experiment_names() and not (options.results / first / CELLS).exists():
        tell(f"{options.results / first}: no results; the included ones are shown without them")
        first, *others = others
    results = joined_with(read_results(options.results / first), others, options.results)
    table = build_table(options.name, results)
    if options.format == "text":
        text = table.text(screen_width(wide=options.wide))
    else:
        text = FORMATS[options.format](table)
    print(text, end="")
    return DONE
