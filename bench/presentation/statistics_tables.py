"""Tables of statistics: both intervals of each metric, main effects and interactions."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bench.methods.interface import Method
from bench.metrics import Metric
from bench.paper.published import is_whole, published_effect
from bench.presentation.formatting import (
    MISSING,
    Numbers,
    Texts,
    difference_numbers,
    estimate_numbers,
    format_difference,
    format_effect,
    format_estimate,
    format_interval,
    format_p,
    format_percent,
    format_points,
    format_score_interval,
    in_words,
    interval_numbers,
    listed,
)
from bench.presentation.notes import (
    difference_notes,
    effect_notes,
    grid_notes,
    interval_notes,
    method_notes,
    paper_notes,
)
from bench.presentation.table import Table, make_table
from bench.results.results import Results
from bench.stats import (
    LEVEL,
    Design,
    Effect,
    Scores,
    contrast_effect,
    contrast_p,
    contrast_weights,
    estimate,
    factorial_contrast,
    holm,
    like_these_interval,
    worst_category,
)

Factors = tuple[str, ...]

THESE, OTHERS = "95 %, these categories", "95 %, other categories"
"""What the columns of the two intervals are called."""


def intervals_table(results: Results) -> Table:
    """Build what is known of each full method's mean on each metric, and its worst category."""
    several = len(results.fulls) > 1
    lines = []
    for metric, method in itertools.product(results.metrics, results.fulls):
        scores = results.scores(metric.key, method=method)
        ours, wider = results.estimate(metric.key, method=method), like_these_interval(scores)
        worst = worst_category(scores, results.categories, higher_is_better=metric.higher_is_better)
        of_whom = {"Method": method} if several else {}
        texts = {
            "Metric": metric.display,
            **of_whom,
            "Mean": format_estimate(ours, metric),
            THESE: format_score_interval(ours.interval, metric),
            OTHERS: format_score_interval(wider, metric),
            "Worst category": MISSING
            if worst is None
            else f"{format_percent(worst.mean, metric)} ({worst.category})",
        }
        numbers: Numbers = {
            "metric": metric.key,
            **({"method": method} if several else {}),
            **estimate_numbers("score", ours),
            **interval_numbers("score_like_these", wider),
            "worst_mean": None if worst is None else 100 * worst.mean,
            "worst_category": None if worst is None else worst.category,
        }
        lines.append((texts, numbers))
    title = (
        "The methods, their intervals and their worst categories"
        if several
        else "The full method, its intervals and its worst category"
    )
    return make_table(
        "intervals",
        title,
        results,
        (
            *method_notes(results, results.metrics),
            *interval_notes(results),
        ),
        lines,
        labels="ll" if several else "l",
    )


def design_of(method: Method[Any, Any]) -> Design:
    """Return which factors are on in each variant of a method's design."""
    return {
        variant: {name: is_on(method.variants[variant]) for name, is_on in method.factors.items()}
        for variant in method.design
    }


def design_scores(results: Results, method: Method[Any, Any], metric: str) -> dict[str, Scores]:
    """Lay out one metric of each variant of a method's design."""
    return {
        variant: results.scores(metric, method=method.name, variant=variant)
        for variant in method.design
    }


@dataclass(frozen=True)
class EffectTable:
    """Effects on all metrics: main effects, or interactions.

    Attributes
    ----------
    name, title
        Stem of its files, and its title before the factors.
    column
        What the rows are called, in print.
    order
        Factors of each effect: 1 or 2.
    contrast
        The sentence that says what is subtracted from what, of ``{half}`` the variants each.
    """

    name: str
    title: str
    column: str
    order: int
    contrast: str

    def build(self, results: Results) -> Table:
        """Build the table of the methods that have factors.

        What follows from the paper's tables of variants is beside, and the difference, on MVTec
        AD with all categories.
        """
        methods = [m for m in results.known.values() if len(m.factors) >= self.order]
        published = [method for method in methods if method.comparisons]
        with_paper = results.comparable and is_whole(results.categories) and bool(published)
        lines: list[tuple[Texts, Numbers]] = []
        families = []
        for method in methods:
            family = Family(results, method)
            families.append(family.in_words)
            for factors in itertools.combinations(method.factors, self.order):
                for metric in results.metrics:
                    texts, numbers = self._line(family, factors, metric)
                    if len(methods) > 1:
                        texts = {"Method": method.name, **texts}
                        numbers = {"method": method.name, **numbers}
                    if with_paper:
                        more = _beside_paper(family, factors, metric)
                        texts, numbers = texts | more[0], numbers | more[1]
                    lines.append((texts, numbers))
        rows = [(method.name, variant) for method in methods for variant in method.design]
        return make_table(
            self.name,
            f"{self.title} of {listed(dict.fromkeys(name for m in methods for name in m.factors))}",
            results,
            (
                *grid_notes(results, results.metrics, rows),
                *effect_notes(
                    results,
                    self.contrast.format(half=_half(methods)),
                    "; ".join(filter(None, families)),
                ),
                *(_paper_notes(results, published) if with_paper else ()),
            ),
            lines,
            labels="l" * (1 + (len(methods) > 1)) + "l",
            needs=_needs(results, methods),
        )

    def _line(self, family: "Family", factors: Factors, metric: Metric) -> tuple[Texts, Numbers]:
        ours = contrast_effect(family.contrasts[factors, metric.key])
        corrected = family.corrected.get((factors, metric.key))
        known = ours.estimate.n > 0
        texts = {
            self.column: " × ".join(factors),
            "Metric": metric.display,
            "Effect": format_effect(ours.estimate),
            THESE: format_interval(ours.estimate.interval),
            OTHERS: format_interval(ours.like_these),
            "Improved": f"{ours.improved}/{ours.categories}" if known else MISSING,
            "p": format_p(ours.p),
            "p (Holm)": format_p(corrected),
            "Shown for": shown_for(ours, corrected),
        }
        numbers: Numbers = {
            self.column.lower(): "+".join(factors),
            "metric": metric.key,
            **estimate_numbers("effect", ours.estimate),
            **interval_numbers("effect_like_these", ours.like_these),
            "categories_improved": ours.improved if known else None,
            "categories": ours.categories,
            "p": ours.p,
            "p_holm": corrected,
            "shown_for": texts["Shown for"],
        }
        return texts, numbers


def shown_for(ours: Effect, corrected: float | None) -> str:
    """Say in words what both intervals and the corrected p say together."""
    if ours.estimate.interval is None:
        return MISSING
    if not ours.estimate.interval.excludes_zero:
        return "neither"
    elsewhere = ours.like_these is not None and ours.like_these.excludes_zero
    if elsewhere and corrected is not None and corrected <= 1 - LEVEL:
        return "both"
    return "these only"


def _needs(results: Results, methods: Sequence[Method[Any, Any]]) -> str:
    """Say which variants effects need, and how many of their cells there are, unless all are."""
    rows = {(method.name, variant) for method in methods for variant in method.design}
    cells = zip(results.cells["method"], results.cells["variant"], strict=True)
    finished = sum(cell in rows for cell in cells)
    total = len(rows) * len(results.categories) * len(results.seeds)
    if finished == total:
        return ""
    sizes = [f"all {in_words(len(m.design), 'variant')} of {m.name}" for m in methods]
    return f"{' or '.join(sizes)}; {finished or 'none'} of {total} cells are finished"


def _half(methods: Sequence[Method[Any, Any]]) -> tuple[str, str]:
    """Name the variants on either side of an effect, such as ``("four variants", "four")``."""
    sizes = {len(method.design) // 2 for method in methods}
    if len(sizes) > 1:
        return "variants", "variants"
    (size,) = sizes
    return in_words(size, "variant"), in_words(size)


def _paper_notes(results: Results, methods: Sequence[Method[Any, Any]]) -> Iterator[str]:
    for method in methods:
        source = f"Table {method.comparisons[0].table}, the same contrast of its means"
        yield from paper_notes(results, source, method.reference)
    yield from difference_notes(results)


def _beside_paper(family: "Family", factors: Factors, metric: Metric) -> tuple[Texts, Numbers]:
    weights = contrast_weights(family.design, *factors)
    figure = published_effect(family.results.categories, family.method, weights, metric.key)
    ours = estimate(family.contrasts[factors, metric.key])
    texts = {
        "Paper": "" if figure is None else format_points(figure),
        "− paper": format_difference(ours, figure),
    }
    return texts, {"effect_paper": figure, **difference_numbers("effect", ours, figure)}


class Family:
    """The tests that Holm's correction is over: a method's effects on all metrics, shown or not.

    Attributes
    ----------
    contrasts, corrected
        Factors and metric -> the contrast; and its corrected p, where it has one.
    """

    def __init__(self, results: Results, method: Method[Any, Any]) -> None:
        self.results, self.method, self.design = results, method, design_of(method)
        scores = {m.key: design_scores(results, method, m.key) for m in results.metrics}
        self.contrasts = {
            (factors, metric): factorial_contrast(scores[metric], self.design, *factors)
            for order in (1, 2)
            for factors in itertools.combinations(method.factors, order)
            for metric in scores
        }
        found = {test: contrast_p(contrast) for test, contrast in self.contrasts.items()}
        # A contrast without a p was not tested.
        tested = {test: p for test, p in found.items() if p is not None}
        self.corrected = dict(zip(tested, holm(list(tested.values())), strict=True))

    @property
    def in_words(self) -> str:
        """Such as ``"the six tests of two main effects and one interaction on two metrics"``."""
        if not self.corrected:
            return ""
        factors = len(self.method.factors)
        return (
            f"the {in_words(len(self.corrected), 'test')} of {in_words(factors, 'main effect')} "
            f"and {in_words(factors * (factors - 1) // 2, 'interaction')} on "
            f"{in_words(len(self.results.metrics), 'metric')}"
        )


EFFECT_TABLES = (
    EffectTable(
        "effects",
        "Main effects",
        "Factor",
        1,
        "In points: for each category and seed, the mean of the {half[0]} with the "
        "factor minus the mean of the {half[1]} without, averaged.",
    ),
    EffectTable(
        "interactions",
        "Interactions",
        "Pair",
        2,
        "In points: for each category and seed, the effect of the one with the other "
        "on, minus its effect with the other off, averaged; above zero they help each "
        "other.",
    ),
)
