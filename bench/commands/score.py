"""``python -m bench score``: the six metrics of anybody's anomaly maps."""

import argparse
import sys
from pathlib import Path

from bench.commands.experiment_options import add_protocol
from bench.commands.parsers import Commands, add_command, add_results, add_wide, typed
from bench.common.exit_codes import DONE, FAILURES
from bench.common.processor import choose_sort
from destseg.application.console import print_error

HELP = """\
Score anybody's anomaly maps.
They are laid out as for MVTec's own evaluation; there come a table by category, cells and records
like ours. Maps that were scored are not read again. Missing maps, wrong sizes and duplicates are
all listed by name.

examples:
  python -m bench score --maps maps --data mvtec_ad --method PatchCore
      maps/<category>/test/<defect>/<name>.tiff (or .tif, .png, .npy) of all 15 categories
  python -m bench score --maps maps --data mvtec_ad --category bottle --protocol crop224
      one category; maps and masks cut to the centre 224 pixels
  python -m bench score --maps run0 --maps run1 --maps run2 --data mvtec_ad --method mine
      three seeds: mean ± std
  python -m bench score --maps maps --data DIR --protocol experiments/ablation.toml
      under an experiment's protocol, to stand beside its tables
  python -m destseg predict model.pt mvtec_ad/bottle/test --out maps/bottle/test
      writes such a folder; its overlays and scores.csv are left alone

A map has its image's size, or is as large as the protocol's masks: 256 x 256 pixels in the paper's.

exit codes: 0 done, 2 bad input or usage or faults in every category, 3 faults in some, which are
listed while the others are scored, 130 interrupted
"""


def add_parser(commands: Commands) -> None:
    """Add the command and its options."""
    choose_sort()
    from bench.metrics import ALL_METRICS

    command = add_command(commands, "score", HELP, run=run)
    command.add_argument(
        "--maps",
        type=Path,
        action="append",
        required=True,
        metavar="DIR",
        help="folder that holds the categories' maps; several times for several seeds",
    )
    command.add_argument("--data", type=Path, required=True, metavar="DIR", help="MVTec AD layout")
    command.add_argument(
        "--category", action="append", metavar="C", help="only this one; default: all in --data"
    )
    add_protocol(command)
    command.add_argument(
        "--metric",
        action="append",
        default=[],
        choices=[key for key, metric in ALL_METRICS.items() if metric.extra],
        help="one beyond the paper's six; may be given several times",
    )
    command.add_argument(
        "--method", metavar="NAME", help="what made the maps; default: the name of their folder"
    )
    command.add_argument(
        "--seed", action="append", type=int, metavar="S", help="of each --maps; default: 0, 1, ..."
    )
    add_results(command)
    add_wide(command)


def run(options: argparse.Namespace) -> int:
    """Score maps; return the exit code."""
    from bench.common.columns import screen_width
    from bench.data.cache import cache_root
    from bench.experiment.protocols import load_protocol
    from bench.workflows.scoring import ScoreRequest, fault_list, score

    request = ScoreRequest(
        maps=tuple(options.maps),
        seeds=tuple(options.seed or range(len(options.maps))),
        data=options.data,
        categories=tuple(options.category or ()),
        protocol=load_protocol(options.protocol),
        metrics=tuple(sorted(set(options.metric))),
        method=options.method or options.maps[0].resolve().name,
        results=options.results,
        cache=cache_root(),
        command=typed(*sys.argv[1:]),
    )
    outcome = score(request)
    print(outcome.table.text(screen_width(wide=options.wide)))
    if outcome.faults:
        print_error(fault_list(request, outcome.faults))
    print(
        f"cells: {outcome.done} computed, {outcome.cached} were there; with tables in "
        f"{request.folder}"
    )
    if outcome.beside is not None and not outcome.faults:
        words = ["table", "main", outcome.beside, "--include", request.name]
        if request.results != Path("results"):
            words += ["--results", str(request.results)]
        print(f"beside {outcome.beside}:\n  {typed(*words)}")
    return FAILURES if outcome.faults else DONE
