"""The paper's tables as pure functions of the measured cells.

Scores are printed in percent and effects in points. Published numbers stand beside ours only on
MVTec AD, and only where they are over the same categories. A cell that is not measured is marked,
never averaged over; `bench.stats` has the rule.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import pandas as pd

from bench.grid import ABLATION, FACTORS, FULL_VARIANT, METHOD
from bench.presentation.comparisons import COMPARISONS
from bench.presentation.formatting import (
    MISSING,
    Numbers,
    estimate_numbers,
    format_effect,
    format_estimate,
    format_interval,
    format_points,
    format_published,
    published_numbers,
)
from bench.presentation.heading import METRIC_NAMES, Heading
from bench.presentation.notes import effect_notes, grid_notes, paper_notes, score_notes
from bench.presentation.paper import (
    is_whole,
    prints_categories,
    published_effect,
    published_over,
)
from bench.presentation.table import Table, make_table
from bench.stats import estimate, main_effect
from destseg.atomic import write_atomically


def main_table(cells: pd.DataFrame, heading: Heading) -> Table:
    """Build the summary: six metrics of the full method, and of any other method measured.

    On MVTec AD a row with the paper's numbers (Tables 1 to 3, and its slides for PRO) follows.
    """
    others = sorted(set(cells["method"]) - {METHOD})
    rows, numbers = [], []
    for method in (METHOD, *others):
        # Other methods have no den, ed and seg, hence one variant only.
        variant = FULL_VARIANT if method == METHOD else None
        ours = {
            metric: estimate(heading.scores(cells, metric, variant=variant, method=method))
            for metric in METRIC_NAMES
        }
        row = {"Method": method}
        number: Numbers = {"method": method, "measured": True}
        for metric, name in METRIC_NAMES.items():
            row[name] = format_estimate(ours[metric])
            number |= estimate_numbers(metric, ours[metric])
        rows.append(row)
        numbers.append(number)
    if heading.comparable:
        figures = {
            metric: published_over(heading.categories, metric=metric) for metric in METRIC_NAMES
        }
        rows.append(
            {"Method": f"{METHOD} (paper)"}
            | {METRIC_NAMES[metric]: format_published(figure) for metric, figure in figures.items()}
        )
        number = {"method": METHOD, "measured": False}
        for metric, figure in figures.items():
            if figure is not None:
                number |= {f"{metric}_mean": figure.mean, f"{metric}_std": figure.std}
        numbers.append(number)
    return make_table(
        "main",
        f"The full method: {heading.dataset}",
        heading,
        (
            *score_notes(cells, heading, METRIC_NAMES, (FULL_VARIANT,)),
            *paper_notes(heading, "Tables 1 to 3 and, for PRO, its slides"),
        ),
        rows,
        numbers,
        labels="l",
    )


def category_table(cells: pd.DataFrame, heading: Heading) -> Table:
    """Build all six metrics in each category, and their average.

    Of the full method, or of the heading's where that is another. On MVTec AD the figures of the
    paper's Tables 2 and 3 stand beside those metrics they print of it.
    """
    method, variant = heading.method, FULL_VARIANT if heading.variants else None
    beside = [
        metric
        for metric in METRIC_NAMES
        if heading.comparable and prints_categories(metric, method)
    ]
    rows, numbers = [], []
    average = ("average", heading.categories)
    for name, categories in (*((one, (one,)) for one in heading.categories), average):
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
        f"{'The full method' if heading.variants else method} by category: {heading.dataset}",
        heading,
        (
            *score_notes(cells, heading, METRIC_NAMES, (variant,)),
            *(paper_notes(heading, "Tables 2 and 3") if beside else ()),
        ),
        rows,
        numbers,
        labels="l",
    )


def effects_table(cells: pd.DataFrame, heading: Heading) -> Table:
    """Build the main effects of den, ed and seg on all six metrics, with a 95 % interval.

    On MVTec AD with all categories, the effect that follows from the paper's Table 4 is beside.
    """
    with_paper = heading.comparable and is_whole(heading.categories)
    rows, numbers = [], []
    for factor in FACTORS:
        for metric, name in METRIC_NAMES.items():
            ours = main_effect(
                cells, metric, factor, categories=heading.categories, seeds=heading.seeds
            )
            found = ours.estimate.n > 0
            row = {
                "Factor": factor,
                "Metric": name,
                "Effect": format_effect(ours),
                "95 % interval": format_interval(ours.estimate),
                "Improved": f"{ours.improved}/{ours.categories}" if found else MISSING,
            }
            number: Numbers = {
                "factor": factor,
                "metric": metric,
                **estimate_numbers("effect", ours.estimate),
                "categories_improved": ours.improved if found else None,
                "categories": ours.categories,
            }
            if with_paper:
                figure = published_effect(heading.categories, factor=factor, metric=metric)
                row["Paper"] = "" if figure is None else format_points(figure)
                number["effect_paper"] = figure
            rows.append(row)
            numbers.append(number)
    return make_table(
        "effects",
        f"Main effects of den, ed and seg: {heading.dataset}",
        heading,
        (
            *grid_notes(cells, heading, METRIC_NAMES, ABLATION),
            *effect_notes(heading),
            *(
                paper_notes(heading, "Table 4, the same contrast of its means")
                if with_paper
                else ()
            ),
        ),
        rows,
        numbers,
        labels="ll",
    )


TABLES: Mapping[str, Callable[[pd.DataFrame, Heading], Table]] = MappingProxyType(
    {
        **{name: comparison.build for name, comparison in COMPARISONS.items()},
        "main": main_table,
        "categories": category_table,
        "effects": effects_table,
    }
)
"""Table name -> its builder, a function of the cells and the heading."""


def write_tables(
    names: Sequence[str], cells: pd.DataFrame, heading: Heading, folder: Path
) -> list[Path]:
    """Write tables as ``<name>.md``, ``.csv`` and ``.tex``, each file atomically.

    Parameters
    ----------
    names
        Keys of `TABLES`.
    cells
        One row per (method, category, variant, seed), metrics as fractions.
    heading
        What the numbers are of.
    folder
        Made if it is not there.

    Returns
    -------
    list[Path]
        The files written.

    Raises
    ------
    OSError
        If the folder cannot be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name in names:
        table = TABLES[name](cells, heading)
        forms = {".md": table.markdown(), ".csv": table.csv(), ".tex": table.latex()}
        for suffix, text in forms.items():
            path = folder / f"{table.name}{suffix}"
            write_atomically(path, text.encode())
            written.append(path)
    return written
