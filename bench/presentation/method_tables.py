"""Tables whose rows are methods: the paper's Table 1, and its slides' summary of six metrics."""

from collections.abc import Mapping

import pandas as pd

from bench.paper.published import published_methods, published_over, state_of_the_art
from bench.presentation.formatting import (
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
from bench.stats import Estimate, estimate

IMAGE_METRIC = "image_auroc"


def main_table(cells: pd.DataFrame, heading: Heading) -> Table:
    """Build the summary: six metrics of the full method, and of any other method measured.

    On MVTec AD follow the paper's numbers (Tables 1 to 3, and its slides for PRO), how far ours
    are from them, and beside each metric the best that those tables print of another method.
    """
    rows, numbers = [], []
    found = {
        method: {
            metric: estimate(heading.scores(cells, metric, variant=variant, method=method))
            for metric in METRIC_NAMES
        }
        for method, variant in heading.measured_methods(cells).items()
    }
    for method, ours in found.items():
        row = {"Method": method}
        number: Numbers = {"method": method, "row": "measured"}
        for metric, name in METRIC_NAMES.items():
            row[name] = format_estimate(ours[metric])
            number |= estimate_numbers(metric, ours[metric])
        rows.append(row)
        numbers.append(number)
    if heading.comparable:
        for row, number in _paper_rows(heading, found[heading.method]):
            rows.append(row)
            numbers.append(number)
    return make_table(
        "main",
        f"The full method: {heading.dataset}",
        heading,
        (
            *score_notes(cells, heading, METRIC_NAMES, (heading.own_variant,)),
            *paper_notes(heading, "Tables 1 to 3 and, for PRO, its slides"),
            *difference_notes(heading),
        ),
        rows,
        numbers,
        labels="l",
    )


def _paper_rows(
    heading: Heading, ours: Mapping[str, Estimate]
) -> list[tuple[dict[str, str], Numbers]]:
    """Make the rows below the measured ones: the paper's, the difference, the state of the art."""
    method = heading.method
    paper, apart, best = ({"Method": ""} for _ in range(3))
    paper["Method"] = f"{method} (paper)"
    apart["Method"] = "ours − paper"
    best["Method"] = "best other (paper)"
    paper_numbers: Numbers = {"method": method, "row": "paper"}
    apart_numbers: Numbers = {"method": method, "row": "ours minus paper"}
    best_numbers: Numbers = {"method": "", "row": "best other, paper"}
    for metric, name in METRIC_NAMES.items():
        figure = published_over(heading.categories, metric=metric, method=method)
        paper[name] = format_published(figure)
        apart[name] = format_difference(ours[metric], None if figure is None else figure.mean)
        if figure is not None:
            paper_numbers |= {f"{metric}_mean": figure.mean, f"{metric}_std": figure.std}
            apart_numbers |= difference_numbers(metric, ours[metric], figure.mean)
        top = state_of_the_art(heading.categories, metric=metric, method=method)
        best[name] = "" if top is None else f"{format_published(top[1])} ({top[0]})"
        if top is not None:
            best_numbers |= {f"{metric}_mean": top[1].mean, f"{metric}_method": top[0]}
    return [(paper, paper_numbers), (apart, apart_numbers), (best, best_numbers)]


def image_table(cells: pd.DataFrame, heading: Heading) -> Table:
    """Build image AUROC of all methods, the paper's Table 1.

    On MVTec AD the rows are the paper's, in its order, and then what it does not know; elsewhere
    only the methods measured.
    """
    measured = heading.measured_methods(cells)
    printed = published_methods("1") if heading.comparable else ()
    rows, numbers = [], []
    for method in dict.fromkeys((*printed, *measured)):
        scores = heading.scores(cells, IMAGE_METRIC, variant=measured.get(method), method=method)
        ours = estimate(scores)
        name = METRIC_NAMES[IMAGE_METRIC]
        row = {"Method": method, name: format_estimate(ours) if method in measured else ""}
        number: Numbers = {"method": method, **estimate_numbers(IMAGE_METRIC, ours)}
        if heading.comparable:
            figure = published_over(heading.categories, metric=IMAGE_METRIC, method=method)
            mean = None if figure is None else figure.mean
            row[f"{name} (paper)"] = format_published(figure)
            row[f"{name} − paper"] = format_difference(ours, mean) if method in measured else ""
            number |= published_numbers(IMAGE_METRIC, figure)
            number |= difference_numbers(IMAGE_METRIC, ours, mean)
        rows.append(row)
        numbers.append(number)
    return make_table(
        "image",
        f"Detection, image AUROC: {heading.dataset}",
        heading,
        (
            *score_notes(cells, heading, (IMAGE_METRIC,), (heading.own_variant,)),
            *paper_notes(heading, "Table 1"),
            *difference_notes(heading),
        ),
        rows,
        numbers,
        labels="l",
    )
