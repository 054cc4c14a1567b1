"""Published numbers on MVTec AD, each with the table and source it comes from.

The numbers are data, in ``published.csv``, in percent as printed: the six tables of the paper, its
slides, and other people's published runs. They may stand beside ours only on MVTec AD and over
the same categories: `published_over` keeps the second rule, its callers the first.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

from bench.experiment.grid import ABLATION, FACTORS, FULL_VARIANT, METHOD, VARIANTS
from bench.stats import contrast_weights

MVTEC_CATEGORIES = (
    "bottle", "cable", "capsule", "carpet", "grid", "hazelnut", "leather", "metal_nut",
    "pill", "screw", "tile", "toothbrush", "transistor", "wood", "zipper",
)  # fmt: skip
"""The categories that the paper's averages are over."""

AVERAGE = "average"

METRIC_TABLES = {
    "image_auroc": "1",
    "pixel_auroc": "2",
    "pixel_ap": "2",
    "iap": "3",
    "iap90": "3",
    "pro": "slides",
}
"""Metric -> the table that holds the methods' figures for it."""


@dataclass(frozen=True)
class Published:
    """One published figure in percent; `std` is None where none is printed."""

    mean: float
    std: float | None
    source: str


@cache
def _figures() -> dict[tuple[str, str, str, str], Published]:
    with resources.files(__package__).joinpath("published.csv").open(encoding="utf-8") as file:
        return {
            (row["table"], row["method"], row["category"], row["metric"]): Published(
                mean=float(row["mean"]),
                std=float(row["std"]) if row["std"] else None,
                source=row["source"],
            )
            for row in csv.DictReader(file)
        }


def published(*, method: str, table: str, metric: str, category: str = AVERAGE) -> Published | None:
    """Look up one figure as it is printed; None if that table does not print it.

    Parameters
    ----------
    method
        As in the table: ``"DeSTSeg"``, ``"PatchCore"``; for variants see `published_variant`.
    table
        ``"1"`` to ``"6"`` of the paper, ``"slides"``, or the short name of another source.
    metric
        Metric column of the cells.
    category
        A category, or ``"average"`` over all 15.
    """
    return _figures().get((table, method, category, metric))


def published_methods(table: str) -> tuple[str, ...]:
    """List the methods of a table in its own order."""
    return tuple(dict.fromkeys(method for number, method, _, _ in _figures() if number == table))


def is_whole(categories: Sequence[str]) -> bool:
    """Whether these are all 15 categories, in any order."""
    return set(categories) == set(MVTEC_CATEGORIES)


def prints_categories(metric: str, method: str = METHOD) -> bool:
    """Whether the paper prints this metric of a method for each category."""
    return published_over(MVTEC_CATEGORIES[:1], metric=metric, method=method) is not None


def _row_of(table: str, variant: str) -> str | None:
    """Return the name in the CSV file of a variant's row of one of the paper's Tables 4 to 6."""
    if table == "4" and variant in ABLATION:
        flags = "".join(str(int(getattr(ABLATION[variant], factor))) for factor in FACTORS)
        return f"{METHOD} den/ed/seg={flags}"
    return _ROWS.get((table, variant))


_ROWS = {
    ("5", f"{FULL_VARIANT}+no-l1"): f"{METHOD} without L1 loss",
    ("5", FULL_VARIANT): f"{METHOD} with L1 loss",
    ("6", f"{FULL_VARIANT}+features"): f"{METHOD} input concatenated S-T features",
    ("6", f"{FULL_VARIANT}+distances"): f"{METHOD} input cosine distance",
    ("6", FULL_VARIANT): f"{METHOD} input normalised product",
}

VARIANT_TABLES = ("4", "5", "6")
"""The paper's tables whose rows are variants."""


def published_over(
    categories: Sequence[str], *, metric: str, method: str = METHOD
) -> Published | None:
    """Look up the figure of a method over exactly these categories, or None.

    Over all 15 it is the printed average. Over some of them it is the mean of the printed figures
    of each, where the paper prints those (Tables 2 and 3); its std is then None, because the std
    of a mean does not follow from the categories' stds, except for a single category.

    Parameters
    ----------
    categories
        The categories that our own mean is over.
    metric
        Metric column of the cells.
    method
        As in the paper's tables.
    """
    table = METRIC_TABLES[metric]
    if is_whole(categories):
        return published(method=method, table=table, metric=metric)
    found = [published(method=method, table=table, metric=metric, category=c) for c in categories]
    figures = [figure for figure in found if figure is not None]
    if not figures or len(figures) < len(categories):
        return None
    if len(figures) == 1:
        return figures[0]
    mean = sum(figure.mean for figure in figures) / len(figures)
    return Published(mean, None, f"{figures[0].source}, mean of {len(figures)} categories")


def published_variant(
    categories: Sequence[str], *, variant: str, metric: str, table: str | None = None
) -> Published | None:
    """Look up the figure of a variant over exactly these categories, or None.

    Tables 4 to 6 print averages over all 15 categories only. Over some of them there is a figure
    for the full method alone, whose categories Tables 2 and 3 print.

    Parameters
    ----------
    categories
        The categories that our own mean is over.
    variant
        Name of the variant.
    metric
        Metric column of the cells.
    table
        One of `VARIANT_TABLES`; by default the first that has the variant.
    """
    if not is_whole(categories):
        return published_over(categories, metric=metric) if variant == FULL_VARIANT else None
    for number in VARIANT_TABLES if table is None else (table,):
        method = _row_of(number, variant)
        if method is not None:
            return published(method=method, table=number, metric=metric)
    return None


def published_effect(categories: Sequence[str], *factors: str, metric: str) -> float | None:
    """Derive a main effect, or a pair's interaction, in points from Table 4's rows, or None.

    Parameters
    ----------
    categories
        The categories that our own effect is over; Table 4 knows only all 15.
    factors
        One or two of den, ed, seg; see `bench.stats.factorial_contrast`.
    metric
        Metric column of the cells.
    """
    effect = 0.0
    for variant, weight in contrast_weights(*factors).items():
        figure = published_variant(categories, variant=variant, metric=metric)
        if figure is None:
            return None
        effect += weight * figure.mean
    return effect


def published_difference(
    categories: Sequence[str], better: str, worse: str, *, metric: str, table: str
) -> float | None:
    """Derive how far apart two rows of a table are, in points, or None.

    Parameters
    ----------
    categories
        The categories that our own difference is over.
    better, worse
        Variants, of a table whose rows are variants; else methods.
    metric
        Metric column of the cells.
    table
        Number of the table.
    """
    sides = []
    for name in (better, worse):
        if name in VARIANTS:
            figure = published_variant(categories, variant=name, metric=metric, table=table)
        else:
            figure = published_over(categories, metric=metric, method=name)
        if figure is None:
            return None
        sides.append(figure.mean)
    return sides[0] - sides[1]


def state_of_the_art(
    categories: Sequence[str], *, metric: str, method: str = METHOD
) -> tuple[str, Published] | None:
    """Find the best other method that the metric's own table prints, with its figure, or None.

    Parameters
    ----------
    categories
        The categories that our own mean is over.
    metric
        Metric column of the cells.
    method
        The one whose rivals are meant.
    """
    rivals = [name for name in published_methods(METRIC_TABLES[metric]) if name != method]
    figures = [
        (name, figure)
        for name in rivals
        if (figure := published_over(categories, metric=metric, method=name)) is not None
    ]
    return max(figures, key=lambda pair: pair[1].mean, default=None)
