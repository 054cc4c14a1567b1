"""Tables whose rows are variants of the method: the paper's Tables 4, 5 and 6, and the students.

Each row shows the variant's parts, our mean ± std on image AUROC, pixel AP and IAP, and on MVTec AD
the published figure beside it, with the difference.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from types import MappingProxyType

import pandas as pd

from bench.experiment.grid import FACTORS, VARIANTS, Variant
from bench.paper.published import published_variant
from bench.presentation.formatting import (
    Numbers,
    difference_numbers,
    estimate_numbers,
    format_difference,
    format_estimate,
    format_published,
    published_numbers,
)
from bench.presentation.heading import ABLATION_METRICS, METRIC_NAMES, Heading
from bench.presentation.notes import difference_notes, paper_notes, score_notes
from bench.presentation.table import Table, make_table
from bench.stats import estimate

Part = Callable[[Variant], bool | str]

FUSION_NAMES = {
    "product": "normalised product",
    "features": "concatenated features",
    "distances": "cosine distances",
}


@dataclass(frozen=True)
class Comparison:
    """What one of these tables shows.

    Attributes
    ----------
    name
        Stem of its files.
    title
        Its title, before the dataset.
    parts
        Column in print -> the part of a variant shown there, a text or whether it is on.
    table
        Number of the paper's table that prints these rows.
    """

    name: str
    title: str
    parts: Mapping[str, Part]
    table: str

    def build(self, cells: pd.DataFrame, heading: Heading) -> Table:
        """Build the table.

        Parameters
        ----------
        cells
            One row per (method, category, variant, seed), metrics as fractions.
        heading
            What the numbers are of; its variants are the rows, in the paper's order.
        """
        rows, numbers = [], []
        for variant in heading.ordered_variants:
            parts = {column: part(VARIANTS[variant]) for column, part in self.parts.items()}
            row = {"Variant": variant, **{name: _shown(value) for name, value in parts.items()}}
            number: Numbers = {"variant": variant, **parts}
            for metric in ABLATION_METRICS:
                ours = estimate(heading.scores(cells, metric, variant=variant))
                row[METRIC_NAMES[metric]] = format_estimate(ours)
                number |= estimate_numbers(metric, ours)
                if heading.comparable:
                    figure = published_variant(
                        heading.categories, variant=variant, metric=metric, table=self.table
                    )
                    row[f"{METRIC_NAMES[metric]} (paper)"] = format_published(figure)
                    mean = None if figure is None else figure.mean
                    row[f"{METRIC_NAMES[metric]} − paper"] = format_difference(ours, mean)
                    number |= published_numbers(metric, figure)
                    number |= difference_numbers(metric, ours, mean)
            rows.append(row)
            numbers.append(number)
        return make_table(
            self.name,
            f"{self.title}: {heading.dataset}",
            heading,
            (
                *score_notes(cells, heading, ABLATION_METRICS, heading.variants),
                *paper_notes(heading, f"Table {self.table}"),
                *difference_notes(heading),
            ),
            rows,
            numbers,
            labels="l" + "".join(_alignment(part) for part in self.parts.values()),
        )


def _fusion_input(variant: Variant) -> str:
    return FUSION_NAMES[variant.fusion_input]


COMPARISONS: Mapping[str, Comparison] = MappingProxyType(
    {
        comparison.name: comparison
        for comparison in (
            Comparison(
                "ablation",
                "Ablation of den, ed and seg",
                {name: attrgetter(name) for name in FACTORS},
                table="4",
            ),
            Comparison(
                "loss", "Segmentation loss with and without L1", {"L1": attrgetter("l1")}, table="5"
            ),
            Comparison(
                "fusion-input",
                "Input of the segmentation net",
                {"input": _fusion_input},
                table="6",
            ),
            Comparison(
                "students",
                "Shape of the student",
                {name: attrgetter(name) for name in ("den", "student", "seg")},
                table="4",
            ),
        )
    }
)
"""Table name -> what it shows, in the order of the paper."""


def _shown(value: bool | str) -> str:
    if isinstance(value, str):
        return value
    return "✓" if value else ""


def _alignment(part: Part) -> str:
    return "l" if isinstance(part(next(iter(VARIANTS.values()))), str) else "c"
