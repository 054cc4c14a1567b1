"""How ``table``, ``figure`` and ``report`` choose what they show."""

import argparse
import dataclasses
from typing import TYPE_CHECKING

from bench.results.files import joined_with

if TYPE_CHECKING:
    from pathlib import Path

    from bench.results.finished import Finished


def add_include(command: argparse.ArgumentParser) -> None:
    """Add the option that names other results."""
    command.add_argument(
        "--include",
        action="append",
        default=[],
        metavar="NAME",
        help="show other results of the same images beside these, by the name of their folder, "
        "such as score-PatchCore; may be given several times",
    )


def find_chosen(options: argparse.Namespace) -> "tuple[Finished, Path]":
    """Return what is finished of the chosen experiment, others joined, and its folder."""
    # Here and not above: a table needs no torch.
    from bench.commands.experiment_options import chosen_experiment, chosen_sources
    from bench.results.lookup import find_finished

    experiment, name = chosen_experiment(options)
    folder: Path = options.results / name
    finished = find_finished(experiment, chosen_sources(options), options.results, folder)
    names = dict.fromkeys((*experiment.include, *options.include))
    results = joined_with(finished.results, tuple(names), options.results)
    return dataclasses.replace(finished, results=results), folder
