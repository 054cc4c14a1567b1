"""``python -m bench model``: measure any model file, and write those of a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bench.commands.experiment_options import (
    add_options,
    add_protocol,
    chosen_experiment,
    chosen_sources,
)
from bench.commands.parsers import Commands, add_command, add_wide
from bench.common.exit_codes import DONE
from destseg.errors import InputError

if TYPE_CHECKING:
    import argparse

    from bench.metrics import Protocol
    from bench.workflows.models import ModelMetrics

EXAMPLES = """\
examples:
  python -m bench model evaluate DeSTSeg_MVTec_5000_bottle.pckl --data mvtec_ad --category bottle
      the six metrics of a released checkpoint, or of a model file of ours
  python -m bench model export --category bottle --seed 0 --out bottle.pt
      the full method of the miniature's ablation as a model file, for `python -m destseg predict`
  python -m bench model export --dataset mvtec --data mvtec_ad --textures dtd --category bottle \\
      --seed 0 --out bottle.pckl --authors
      one of the paper's setting as a checkpoint that the authors' program loads

exit codes: 0 done, 2 bad input or usage
"""

HELP = f"Measure a model file, or write one.\n\n{EXAMPLES}"


def add_parser(commands: Commands) -> None:
    """Add the command, its actions and their options."""
    command = add_command(commands, "model", HELP)
    actions = command.add_subparsers(required=True, metavar="ACTION")
    page = f"Measure a model file: the six metrics of a category.\n\n{EXAMPLES}"
    action = add_command(actions, "evaluate", page, run=run_evaluate)
    action.add_argument("model", type=Path, metavar="MODEL", help="ours or the authors'")
    action.add_argument("--data", type=Path, required=True, metavar="DIR", help="MVTec AD layout")
    action.add_argument("--category", required=True, metavar="C")
    add_protocol(action)
    action.add_argument("--device", default="auto", help="auto, cpu or cuda; default: auto")
    add_wide(action)
    page = f"Write a finished cell's networks as one model file.\n\n{EXAMPLES}"
    action = add_command(actions, "export", page, run=run_export)
    add_options(action)
    action.add_argument("--out", type=Path, required=True, metavar="FILE", help="the model file")
    action.add_argument("--authors", action="store_true", help="as the authors' program loads it")


def run_evaluate(options: argparse.Namespace) -> int:
    """Measure a model; return the exit code."""
    from bench.common.columns import screen_width
    from bench.data.cache import cache_root
    from bench.experiment.protocols import load_protocol
    from bench.planning.inputs import Sources
    from bench.workflows.models import evaluate_model
    from destseg.application.devices import choose_device
    from destseg.checkpoint import load

    device = choose_device(options.device)
    protocol = load_protocol(options.protocol)
    found = evaluate_model(
        load(options.model, device),
        options.category,
        Sources(options.data, None, cache_root()),
        protocol=protocol,
        device=device,
    )
    print(_table(found, protocol, screen_width(wide=options.wide)))
    return DONE


def run_export(options: argparse.Namespace) -> int:
    """Write a model file; return the exit code."""
    from bench.experiment.grid import Cell
    from bench.methods.destseg import METHOD
    from bench.workflows.models import model_of_cell
    from destseg.application.devices import choose_device
    from destseg.checkpoint import save, save_authors

    experiment, _ = chosen_experiment(options)
    variants = options.variant or [METHOD.full]
    for option, given in (
        ("--variant", variants),
        ("--category", options.category),
        ("--seed", options.seed),
    ):
        if given is None or len(given) != 1:
            raise InputError(f"{option}: give it once; a model file is of one cell.")
    cell = Cell(METHOD.name, variants[0], options.category[0], options.seed[0])
    device = choose_device(options.device)
    sources = chosen_sources(options)
    model = model_of_cell(experiment, sources, options.results, cell, device)
    write = save_authors if options.authors else save
    print(f"{write(model, options.out)}: {cell}.")
    return DONE


def _table(found: ModelMetrics, protocol: Protocol, width: int | None) -> str:
    """Lay out the metrics in percent, the paper's figures of the category below."""
    from bench.common.columns import fitted
    from bench.metrics import METRICS, PAPER
    from bench.paper.published import published_over
    from bench.presentation.formatting import format_published

    rows = [
        [name, *(f"{100 * scores[metric.key]:.1f}" for metric in METRICS)]
        for name, scores in found.scores.items()
    ]
    if found.in_paper and protocol.identity() == PAPER.identity():
        figures = [published_over((found.category,), metric=metric.key) for metric in METRICS]
        rows.append(["paper, mean ± std of 5 seeds", *map(format_published, figures)])
    title = (
        f"{found.category}, {found.test} test images, protocol {protocol.label}; "
        "in percent, one model"
    )
    if found.precision != "float32":
        title += f", trained in {found.precision}"
    headers = ["Anomaly map", *(metric.display for metric in METRICS)]
    table = fitted(
        rows, headers, width, disable_numparse=True, colalign=["left"] + ["right"] * len(METRICS)
    )
    return f"{title}\n\n{table}"
