"""``python -m bench report``: one page with everything that is known of an experiment."""

import argparse
import shlex
import sys

from bench.commands.experiment_options import add_options, chosen_experiment, chosen_sources
from bench.common.exit_codes import DONE

EXAMPLES = """\
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


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command and its options."""
    command = commands.add_parser(
        "report",
        help="write report.html from what is finished",
        description="Write results/<experiment>/report.html, one page that needs nothing beside\n"
        "it: tables, figures, every test image with its maps, failures, provenance.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_options(command)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the command; return the exit code."""
    # Here and not above: no other command should wait for matplotlib.
    from bench.results.gathering import gather
    from bench.workflows.reporting import write_report

    experiment, name = chosen_experiment(options)
    folder = options.results / name
    findings = gather(experiment, chosen_sources(options), options.results, folder)
    path = write_report(findings, folder, reproducing(sys.argv[1:]))
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB.")
    return DONE


def reproducing(arguments: list[str]) -> str:
    """Return the command that makes the numbers a report was asked for with these arguments."""
    return shlex.join(["python", "-m", "bench", "reproduce", *arguments[1:]])
