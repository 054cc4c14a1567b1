"""Tables whose rows are categories: the paper's Tables 2 and 3, and all metrics of one method."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import pandas as pd

from bench.paper.published import prints_categories, published_methods, published_over
from bench.presentation.formatting import (
    MISSING,
    Numbers,
    difference_numbers,
    estimate_numbers,
    format_difference,
    format_estimate,
    format_published,
    published_numbers,
)
from bench.presentation.heading import METRIC_NAMES, Heading
from bench.presentation.notes import difference_notes, paper_notes, score_notes
from bench.presentation.table import Table, make_table
from bench.stats import estimate


def category_table(cells: pd.DataFrame, heading: Heading) -> Table:
    """Build all six metrics in each category, and their average.

    Of the full method, or of the heading's where that is another. On MVTec AD the figures of the
    paper's Tables 2 and 3 stand beside those metrics they print of it.
    """
    method, variant = heading.method, heading.own_variant
    beside = [
        metric
        for metric in METRIC_NAMES
        if heading.comparable and prints_categories(metric, method)
    ]
    rows, numbers = [], []
    for name, categories in _rows(heading):
        row = {"Category": name}
        number: Numbers = {"category": name}
        for metric in METRIC_NAMES:
            ours = estimate(heading.scores(cells, metric, variant=variant, categories=categories))
            row[METRIC_NAMES[metric]] = format_estimate(ours)
            number |= estimate_numbers(metric, ours)
            if metric in beside:
                figure = published_over(categories, metric=metric, method=method)
                row[f"{METRIC_NAMES[metric]} (paper)"] = format_published(figure)
                number |= published_numbers(metric, figure)
        rows.append(row)
        numbers.append(number)
    return make_table(
        "categories",
        f"{method if variant is None else 'The full method'} by category: {heading.dataset}",
        heading,
        (
            *score_notes(cells, heading, METRIC_NAMES, (variant,)),
            *(paper_notes(heading, "Tables 2 and 3") if beside else ()),
        ),
        rows,
        numbers,
        labels="l",
    )


@dataclass(frozen=True)
class PairTable:
    """One of the paper's tables of two metrics in each category, a column for each method.

    Attributes
    ----------
    name
        Stem of its files.
    title
        Its title, before the dataset.
    metrics
        The two metrics of each of its columns.
    table
        Number of the paper's table.
    """

    name: str
    title: str
    metrics: tuple[str, str]
    table: str

    def build(self, cells: pd.DataFrame, heading: Heading) -> Table:
        """Build the table: measured methods, then on MVTec AD the paper's and the difference.

        Parameters
        ----------
        cells
            One row per (method, category, variant, seed), metrics as fractions.
        heading
            What the numbers are of.
        """
        built = [self._row(cells, heading, name, categories) for name, categories in _rows(heading)]
        pair = " / ".join(METRIC_NAMES[metric] for metric in self.metrics)
        return make_table(
            self.name,
            f"{self.title}, {pair}: {heading.dataset}",
            heading,
            (
                *score_notes(cells, heading, self.metrics, (heading.own_variant,)),
                *paper_notes(heading, f"Table {self.table}"),
                *difference_notes(heading),
            ),
            [row for row, _ in built],
            [number for _, number in built],
            labels="l",
        )

    def _row(
        self, cells: pd.DataFrame, heading: Heading, name: str, categories: tuple[str, ...]
    ) -> tuple[dict[str, str], Numbers]:
        row = {"Category": name}
        number: Numbers = {"category": name}
        found = {
            method: {
                metric: estimate(
                    heading.scores(
                        cells, metric, variant=variant, method=method, categories=categories
                    )
                )
                for metric in self.metrics
            }
            for method, variant in heading.measured_methods(cells).items()
        }
        for method, ours in found.items():
            row[method] = _pair(map(format_estimate, ours.values()))
            for metric in self.metrics:
                number |= estimate_numbers(f"{method}_{metric}", ours[metric])
        if not heading.comparable:
            return row, number
        for method in published_methods(self.table):
            figures = {
                metric: published_over(categories, metric=metric, method=method)
                for metric in self.metrics
            }
            row[f"{method} (paper)"] = _pair(map(format_published, figures.values()))
            for metric, figure in figures.items():
                number |= published_numbers(f"{method}_{metric}", figure)
            if method == heading.method:
                differences = []
                for metric, figure in figures.items():
                    mean = None if figure is None else figure.mean
                    differences.append(format_difference(found[method][metric], mean))
                    number |= difference_numbers(f"{method}_{metric}", found[method][metric], mean)
                row[f"{method} − paper"] = _pair(differences)
        return row, number


def _rows(heading: Heading) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield each category by itself, and all of them as the average."""
    for category in heading.categories:
        yield category, (category,)
    yield "average", heading.categories


def _pair(shown: Iterable[str]) -> str:
    """Put two metrics into one cell; one that a table does not print leaves a dash."""
    first, second = shown
    return f"{first or MISSING} / {second or MISSING}" if first or second else ""


PAIR_TABLES: Mapping[str, PairTable] = MappingProxyType(
    {
        table.name: table
        for table in (
            PairTable("pixel", "Localisation", ("pixel_auroc", "pixel_ap"), table="2"),
            PairTable("instance", "Instances", ("iap", "iap90"), table="3"),
        )
    }
)
"""Table name -> what it shows."""
