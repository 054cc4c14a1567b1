"""What a set of numbers is of: the dataset, the expected grid, and the names used in print.

Every table and figure receives a `Heading` beside the measured cells. It carries the grid that was
*asked for*, so that a cell which has not run, or has failed, is seen to be missing.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import pandas as pd

from bench.experiment.grid import ABLATION, FULL_VARIANT, METHOD, VARIANTS
from bench.metrics import METRICS, PAPER, Protocol
from bench.paper.published import is_whole
from bench.stats import Scores, score_matrix

METRIC_NAMES: Mapping[str, str] = MappingProxyType(
    {metric.key: metric.display for metric in METRICS}
)
"""Metric column of the cells -> its name in print."""

ABLATION_METRICS = ("image_auroc", "pixel_ap", "iap")
"""The three metrics of the paper's Table 4."""


@dataclass(frozen=True)
class Heading:
    """What the numbers under it are of.

    Attributes
    ----------
    experiment
        Name of the experiment, such as ``"ablation"``.
    dataset
        The dataset for people, such as ``"miniature v1, 64 px"``.
    is_mvtec
        Whether the dataset is MVTec AD. Published numbers are shown only then.
    categories, variants, seeds
        The expected grid; a cell of it that is not among the measured ones counts as missing.
        Other methods than `METHOD` have no variants.
    provenance
        Lines for the foot of a table: command, commit, machine, versions, date.
    protocol
        Under which everything is measured; cells measured under another are refused.
    method
        Whose tables they are.
    paper_setting
        Whether it was trained as in the paper: networks, steps, optimiser, image size.

    Raises
    ------
    ValueError
        If categories or seeds are empty, a part of the grid repeats itself, or a variant has no
        known name.
    """

    experiment: str
    dataset: str
    is_mvtec: bool
    categories: tuple[str, ...]
    variants: tuple[str, ...]
    seeds: tuple[int, ...]
    provenance: tuple[str, ...]
    protocol: Protocol = PAPER
    method: str = METHOD
    paper_setting: bool = False

    def __post_init__(self) -> None:
        for name in ("categories", "variants", "seeds"):
            values = getattr(self, name)
            empty = not values and name != "variants"
            if empty or len(set(values)) != len(values):
                raise ValueError(f"{name} must be neither empty nor repeated, not {values!r}")
        unknown = [variant for variant in self.variants if variant not in VARIANTS]
        if unknown:
            raise ValueError(f"unknown variants {unknown}: use {list(VARIANTS)}")

    def scores(
        self,
        cells: pd.DataFrame,
        metric: str,
        *,
        variant: str | None,
        method: str | None = None,
        categories: Sequence[str] | None = None,
    ) -> Scores:
        """Lay out one metric of the cells over the expected grid; see `bench.stats.score_matrix`.

        Parameters
        ----------
        cells
            One row per (method, category, variant, seed), metrics as fractions.
        metric
            Column of `cells`.
        variant
            The variant, or None for a method that has only one.
        method, categories
            By default the heading's own.
        """
        return score_matrix(
            cells,
            metric,
            categories=categories or self.categories,
            seeds=self.seeds,
            variant=variant,
            method=method or self.method,
        )

    def ablation_scores(self, cells: pd.DataFrame, metric: str) -> dict[str, Scores]:
        """Lay out one metric of each of the ablation's eight variants."""
        return {variant: self.scores(cells, metric, variant=variant) for variant in ABLATION}

    def measured_methods(self, cells: pd.DataFrame) -> Mapping[str, str | None]:
        """Return the methods among the cells, the heading's own first, each with its variant.

        That is the full method, or None for a method that has no variants.
        """
        others = sorted(set(cells["method"]) - {self.method})
        return {
            self.method: self.own_variant,
            **{method: FULL_VARIANT if method == METHOD else None for method in others},
        }

    @property
    def own_variant(self) -> str | None:
        """The full method, or None where the heading's method has no variants."""
        return FULL_VARIANT if self.method == METHOD and self.variants else None

    @property
    def ordered_variants(self) -> tuple[str, ...]:
        """The expected variants in the paper's order."""
        return tuple(variant for variant in VARIANTS if variant in self.variants)

    @property
    def comparable(self) -> bool:
        """Whether published numbers may stand beside: MVTec AD under the paper's protocol.

        ``compat`` replays the program that made the paper's numbers.
        """
        measured = dataclasses.replace(self.protocol, compat=PAPER.compat)
        return self.is_mvtec and measured.identity() == PAPER.identity()

    @property
    def reproduces(self) -> bool:
        """Whether a finding here confirms or contradicts the paper's: all of it is the paper's.

        Its dataset whole, its protocol and its setting; anything else is a finding of its own.
        """
        return self.comparable and self.paper_setting and is_whole(self.categories)

    @property
    def place(self) -> str:
        """Where something holds that is no reproduction, such as ``"the embedded miniature v1"``.

        On MVTec AD the size and the categories tell it from the paper's own.
        """
        if self.is_mvtec:
            return f"{self.dataset}, {self.categories_text}"
        return self.dataset.partition(",")[0]

    @property
    def seeds_text(self) -> str:
        """Such as ``"3 seeds (0, 1, 2)"``."""
        number = len(self.seeds)
        listed = ", ".join(map(str, self.seeds))
        return f"{number} seed{'' if number == 1 else 's'} ({listed})"

    @property
    def categories_text(self) -> str:
        """Such as ``"15 categories"``, or the name of the only one."""
        if len(self.categories) == 1:
            return f"category {self.categories[0]}"
        return f"{len(self.categories)} categories"

    @property
    def not_comparable(self) -> str | None:
        """The sentence that keeps other numbers apart from the paper's; None where they compare."""
        if self.comparable:
            return None
        if self.is_mvtec:
            where = f"under the protocol {self.protocol.label}, not under the paper's"
        else:
            where = f"on {self.dataset}, not on MVTec AD"
        return f"Measured {where}: not comparable with the numbers of the paper."
