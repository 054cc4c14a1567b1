"""Published numbers on MVTec AD, each with the table and source it comes from.

The numbers are data, in ``published.csv``, in percent as printed: the six tables of the paper, its
slides, and other people's published runs. They may stand beside ours only on MVTec AD and over
the same categories: `published_over` keeps the second rule, its callers the first. Everywhere
`categories` are those that our own number is over, and `metric` is a column of the cells.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from bench.methods import PAPER
from bench.methods.interface import Method
from bench.metrics import ALL_METRICS

MVTEC_CATEGORIES = (
    "bottle", "cable", "capsule", "carpet", "grid", "hazelnut", "leather", "metal_nut",
    "pill", "screw", "tile", "toothbrush", "transistor", "wood", "zipper",
)  # fmt: skip
"""The categories that the paper's averages are over."""

AVERAGE = "average"


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


def prints_categories(metric: str, method: str = PAPER) -> bool:
    """Whether the paper prints this metric of a method for each category."""
    return published_over(MVTEC_CATEGORIES[:1], metric=metric, method=method) is not None


def published_over(
    categories: Sequence[str], *, metric: str, method: str = PAPER
) -> Published | None:
    """Look up the figure of a method over exactly these categories, or None.

    Over all 15 it is the printed average. Over some of them it is the mean of the printed figures
    of each, where the paper prints those (Tables 2 and 3); its std is then None, because the std
    of a mean does not follow from the categories' stds, except for a single category.
    """
    table = ALL_METRICS[metric].table
    if table is None:
        return None
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
    categories: Sequence[str],
    method: Method[Any, Any],
    variant: str,
    *,
    metric: str,
    table: str | None = None,
) -> Published | None:
    """Look up the figure of a variant over exactly these categories, or None.

    Tables of variants print averages over all 15 categories only. Over some of them there is a
    figure for the full method alone, whose categories Tables 2 and 3 print.

    The table is one of the method's `Comparison`s; by default the first that has the variant.
    """
    if is_whole(categories):
        for comparison in method.comparisons:
            if table in (None, comparison.table) and variant in comparison.published:
                return published(
                    method=comparison.published[variant], table=comparison.table, metric=metric
                )
    if variant != method.full:
        return None
    return published_over(categories, metric=metric, method=method.name)


def published_effect(
    categories: Sequence[str], method: Method[Any, Any], weights: Mapping[str, float], metric: str
) -> float | None:
    """Derive a main effect, or a pair's interaction, in points from the variants' rows, or None.

    The weights are `bench.stats.contrast_weights` of the method's variants. Tables of variants know
    only all 15 categories.
    """
    effect = 0.0
    for variant, weight in weights.items():
        figure = published_variant(categories, method, variant, metric=metric)
        if figure is None:
            return None
        effect += weight * figure.mean
    return effect


def published_difference(
    categories: Sequence[str],
    method: Method[Any, Any],
    pair: tuple[str, str],
    *,
    metric: str,
    table: str,
) -> float | None:
    """Derive how far apart two rows of the table of a claim are, in points, or None.

    The pair is the better and the worse: variants of the method that claims, or names of methods.
    """
    figures = [
        published_variant(categories, method, name, metric=metric, table=table)
        if name in method.variants
        else published_over(categories, metric=metric, method=name)
        for name in pair
    ]
    better, worse = figures
    return None if better is None or worse is None else better.mean - worse.mean


def state_of_the_art(
    categories: Sequence[str], *, metric: str, method: str = PAPER
) -> tuple[str, Published] | None:
    """Find the best rival of a method that the metric's own table prints, with its figure."""
    known = ALL_METRICS[metric]
    figures = [
        (name, figure)
        for name in published_methods(known.table or "")
        if name != method
        and (figure := published_over(categories, metric=metric, method=name)) is not None
    ]
    choose = max if known.higher_is_better else min
    return choose(figures, key=lambda pair: pair[1].mean, default=None)
