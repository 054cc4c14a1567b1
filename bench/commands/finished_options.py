"""How ``figure`` and ``report`` choose what they show."""

import argparse
import dataclasses
from pathlib import Path

from bench.commands.experiment_options import chosen_experiment, chosen_sources
from bench.results.files import joined_with
from bench.results.finished import Finished
from bench.results.keeping import place_of, require_same
from bench.results.lookup import find_finished


def find_chosen(options: argparse.Namespace) -> tuple[Finished, Path]:
    """Return what is finished of the chosen experiment, others joined, and its folder."""
    experiment, name = chosen_experiment(options)
    folder: Path = options.results / name
    finished = find_finished(experiment, chosen_sources(options), options.results, folder)
    images = {name: ref.digest for name, ref in finished.images.items()}
    require_same(folder, finished.results, images, _REMEDY)
    folder = place_of(finished.results, folder)
    names = dict.fromkeys((*experiment.include, *options.include))
    results = joined_with(finished.results, tuple(names), options.results)
    return dataclasses.replace(finished, results=results), folder


_REMEDY = (
    "give the experiment, data and options that these were made with, or another folder with "
    "--results DIR"
)
