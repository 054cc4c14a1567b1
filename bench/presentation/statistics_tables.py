"""Tables of statistics: both intervals of each metric, main effects and interactions."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import pandas as pd

from bench.experiment.grid import ABLATION, FACTORS
from bench.paper.published import is_whole, published_effect
from bench.presentation.formatting import (
    MISSING,
    Numbers,
    difference_numbers,
    estimate_numbers,
    format_difference,
    format_effect,
    format_estimate,
    format_interval,
    format_p,
    format_points,
    format_score_interval,
    interval_numbers,
)
from bench.presentation.heading import METRIC_NAMES, Heading
from bench.presentation.notes import (
    difference_notes,
    effect_notes,
    grid_notes,
    interval_notes,
    paper_notes,
    score_notes,
)
from bench.presentation.table import Table, make_table
from bench.stats import (
    INTERACTIONS,
    Scores,
    contrast_effect,
    contrast_p,
    estimate,
    factorial_contrast,
    holm,
    like_these_interval,
    worst_category,
)

Factors = tuple[str, ...]

_Test = tuple[Factors, str]

FAMILY: tuple[_Test, ...] = tuple(
    (factors, metric)
    for factors in (*((factor,) for factor in FACTORS), *INTERACTIONS)
    for metric in METRIC_NAMES
)
"""The tests that Holm's correction is over: every effect on every metric, shown or not."""


def intervals_table(cells: pd.DataFrame, heading: Heading) -> Table:
    """Build what is known of the full method's mean on each metric, and its worst category."""
    rows, numbers = [], []
    for metric, name in METRIC_NAMES.items():
        scores = heading.scores(cells, metric, variant=heading.own_variant)
        ours, wider = estimate(scores), like_these_interval(scores)
        worst = worst_category(scores, heading.categories)
        rows.append(
            {
                "Metric": name,
                "Mean": format_estimate(ours),
                "95 % interval": format_score_interval(ours.interval),
                "95 % like these": format_score_interval(wider),
                "Worst category": MISSING
                if worst is None
                else f"{100 * worst.mean:.1f} ({worst.category})",
            }
        )
        numbers.append(
            {
                "metric": metric,
                **estimate_numbers("score", ours),
                **interval_numbers("score_like_these", wider),
                "worst_mean": None if worst is None else 100 * worst.mean,
                "worst_category": None if worst is None else worst.category,
            }
        )
    return make_table(
        "intervals",
        f"The full method, its intervals and its worst category: {heading.dataset}",
        heading,
        (
            *score_notes(cells, heading, METRIC_NAMES, (heading.own_variant,)),
            *interval_notes(heading),
        ),
        rows,
        numbers,
        labels="l",
    )


@dataclass(frozen=True)
class EffectTable:
    """Effects on all six metrics: main effects, or interactions.

    Attributes
    ----------
    name
        Stem of its files.
    title
        Its title, before the dataset.
    column
        What the rows are called, in print.
    effects
        The factors of each effect, one or two.
    contrast
        The sentence that says what is subtracted from what.
    """

    name: str
    title: str
    column: str
    effects: tuple[Factors, ...]
    contrast: str

    def build(self, cells: pd.DataFrame, heading: Heading) -> Table:
        """Build the table; what follows from the paper's Table 4 is beside, and the difference.

        Parameters
        ----------
        cells
            One row per (method, category, variant, seed), metrics as fractions.
        heading
            What the numbers are of; published effects are shown on MVTec AD with all categories.
        """
        with_paper = heading.comparable and is_whole(heading.categories)
        scores = {metric: heading.ablation_scores(cells, metric) for metric in METRIC_NAMES}
        contrasts = {
            (factors, metric): factorial_contrast(scores[metric], *factors)
            for factors, metric in FAMILY
        }
        corrected = _corrected(contrasts)
        rows, numbers = [], []
        for factors, metric in FAMILY:
            if factors not in self.effects:
                continue
            ours = contrast_effect(contrasts[factors, metric])
            known = ours.estimate.n > 0
            row = {
                self.column: " × ".join(factors),
                "Metric": METRIC_NAMES[metric],
                "Effect": format_effect(ours.estimate),
                "95 % interval": format_interval(ours.estimate.interval),
                "95 % like these": format_interval(ours.like_these),
                "Improved": f"{ours.improved}/{ours.categories}" if known else MISSING,
                "p": format_p(ours.p),
                "p (Holm)": format_p(corrected.get((factors, metric))),
            }
            number: Numbers = {
                self.column.lower(): "+".join(factors),
                "metric": metric,
                **estimate_numbers("effect", ours.estimate),
                **interval_numbers("effect_like_these", ours.like_these),
                "categories_improved": ours.improved if known else None,
                "categories": ours.categories,
                "p": ours.p,
                "p_holm": corrected.get((factors, metric)),
            }
            if with_paper:
                figure = published_effect(heading.categories, *factors, metric=metric)
                row["Paper"] = "" if figure is None else format_points(figure)
                row["− paper"] = format_difference(ours.estimate, figure)
                number["effect_paper"] = figure
                number |= difference_numbers("effect", ours.estimate, figure)
            rows.append(row)
            numbers.append(number)
        paper = paper_notes(heading, "Table 4, the same contrast of its means")
        return make_table(
            self.name,
            f"{self.title}: {heading.dataset}",
            heading,
            (
                *grid_notes(cells, heading, METRIC_NAMES, ABLATION),
                *effect_notes(heading, self.contrast, len(corrected)),
                *((*paper, *difference_notes(heading)) if with_paper else ()),
            ),
            rows,
            numbers,
            labels="ll",
        )


def _corrected(contrasts: Mapping[_Test, Scores]) -> dict[_Test, float]:
    """Correct the p values of the family; a contrast without one was not tested."""
    found = {test: contrast_p(contrast) for test, contrast in contrasts.items()}
    tested = {test: p for test, p in found.items() if p is not None}
    return dict(zip(tested, holm(list(tested.values())), strict=True))


EFFECT_TABLES: Mapping[str, EffectTable] = MappingProxyType(
    {
        table.name: table
        for table in (
            EffectTable(
                "effects",
                "Main effects of den, ed and seg",
                "Factor",
                tuple((factor,) for factor in FACTORS),
                "In points: for each category and seed, the mean of the four variants with the "
                "factor minus the mean of the four without, averaged.",
            ),
            EffectTable(
                "interactions",
                "Interactions of den, ed and seg",
                "Pair",
                INTERACTIONS,
                "In points: for each category and seed, the effect of the one with the other "
                "on, minus its effect with the other off, averaged; above zero they help each "
                "other.",
            ),
        )
    }
)
"""Table name -> what it shows."""
