"""``python -m bench figure``: draw an experiment's figures again."""

import argparse

from bench.commands.experiment_options import add_options
from bench.commands.parsers import Commands, add_command, add_include
from bench.common.exit_codes import DONE
from destseg.errors import InputError, suggestion

HELP = """\
Draw an experiment's figures from what is finished.
Nothing is run.

examples:
  python -m bench figure
      all of the ablation on the miniature, as PNG, SVG and PDF in results/ablation/figures
  python -m bench figure --only heatmap --only effects
      some of them
  python -m bench figure experiments/mvtec.toml --only variants
      of MVTec AD, from its cells.csv; the paper's values are marked

figures: variants, seeds, heatmap and effects need finished cells only; curves, examples, missed
and false-alarms need their maps and the decoded images, and are left out without.

exit codes: 0 done, 2 bad input or usage
"""


def add_parser(commands: Commands) -> None:
    """Add the command and its options."""
    command = add_command(commands, "figure", HELP, run=run)
    add_options(command)
    add_include(command)
    command.add_argument(
        "--only",
        action="append",
        metavar="NAME",
        help="only this one; may be given several times; default: all",
    )


def run(options: argparse.Namespace) -> int:
    """Run the command; return the exit code."""
    from bench.commands.finished_options import find_chosen
    from bench.presentation.figures import KINDS, write_figures
    from bench.workflows.reporting import draw

    kinds = tuple(options.only or KINDS)
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown:
        raise InputError(f"--only {unknown[0]}: unknown; {suggestion(unknown[0], KINDS)}")
    finished, folder = find_chosen(options)
    chosen = draw(finished, kinds)
    for path in write_figures(chosen, folder / "figures"):
        print(path)
    lacking = [kind for kind in kinds if kind not in {drawing.kind for drawing in chosen}]
    if lacking:
        print(f"not drawn, since what they need is not at hand: {', '.join(lacking)}.")
    return DONE
