"""Measured cells and what they are of: all that tables, figures, the report and the gate see."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from bench.methods import methods
from bench.metrics import METRICS, PAPER, Metric, Protocol
from bench.paper.published import is_whole
from bench.results.cells import precisions_of
from bench.results.laid_out import LaidOut
from bench.results.rows import Row as Row
from bench.results.rows import Rows
from bench.stats import estimate
from destseg.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from bench.results.costs import Cost
    from bench.stats import Estimate, Scores

Standing = Literal["original", "resized", "own"]
"""Of the images: MVTec AD itself, a resized copy of it, or any others, the miniature too."""


@dataclass(frozen=True, eq=False)
class Results(Rows):
    """Cells, and the grid that was *asked for*: a cell that has not run is seen to be missing.

    Attributes
    ----------
    cells
        One row for each (method, variant, category, seed), metrics as fractions, with the label
        of its protocol. Rows outside the grid are ignored.
    experiment
        Name of the experiment, such as ``"ablation"``.
    dataset
        The dataset for people, such as ``"the embedded miniature v1, 64 px"``.
    standing
        Published numbers are shown beside the original images only.
    categories, seeds
        Of the grid, in the order of the tables.
    variants
        Of the grid: method -> its variants.
    protocol
        Under which everything is measured.
    metrics
        Those that are shown.
    provenance
        Command, commit, machine, versions, settings and date, a line each.
    paper_setting
        Whether the paper's method was trained as in the paper.
    remarks
        Further sentences for the head of a table.
    costs
        What methods cost, by their names; may lack some or all.
    curve
        Cells at other lengths of training, of other images: as `cells`, with the column
        ``factor``, how many times the updates.
    settings
        The experiment's, see `Experiment.settings`; empty where they are not known.

    Raises
    ------
    InputError
        If a part of the grid is empty, repeats itself or is not known, if a cell occurs twice, if
        one was measured under another protocol, or a method trained in several precisions.
    """

    cells: pd.DataFrame = field(repr=False)
    experiment: str
    dataset: str
    standing: Standing
    categories: tuple[str, ...]
    variants: Mapping[str, tuple[str, ...]]
    seeds: tuple[int, ...]
    protocol: Protocol = PAPER
    metrics: tuple[Metric, ...] = METRICS
    provenance: tuple[str, ...] = ()
    paper_setting: bool = False
    remarks: tuple[str, ...] = ()
    costs: Mapping[str, Cost] = field(default_factory=dict)
    curve: pd.DataFrame | None = field(default=None, repr=False)
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        parts: dict[str, tuple[Any, ...]] = {
            "categories": self.categories,
            "seeds": self.seeds,
            "methods": tuple(self.variants),
            **{f"variants of {method}": names for method, names in self.variants.items()},
        }
        for name, values in parts.items():
            if not values or len(set(values)) != len(values):
                listed = ", ".join(map(str, values)) or "none"
                raise InputError(f"{self.experiment}: {name} are {listed}; list each once.")
        for method, names in self.variants.items():
            if names != ("",) and method in methods() and method not in self.known:
                listed = ", ".join(names)
                raise InputError(f"{self.experiment}: {method} has no such variants as {listed}.")
        _require_protocol(self.cells, self.protocol)
        _ = self.precisions
        if (repeated := self._laid.repeated()) is not None:
            row, category, seed, count = repeated
            raise InputError(
                f"{self.experiment}: the cell of {' '.join(row).strip()}, {category}, seed {seed} "
                f"occurs {count} times; keep one."
            )

    # The grid

    @property
    def headline(self) -> tuple[Metric, ...]:
        """Metrics by which variants are compared.

        Those by which the paper compares its own, and what is asked for beyond its six.
        """
        chosen = (metric for metric in self.metrics if metric.ablation or metric.extra)
        return tuple(chosen) or self.metrics

    @property
    def expected(self) -> int:
        """How many cells the grid has."""
        return len(self.labels) * len(self.categories) * len(self.seeds)

    @property
    def missing(self) -> int:
        """How many of them are not there."""
        return self.expected - self._laid.count

    @cached_property
    def unseeded(self) -> tuple[str, ...]:
        """Methods that draw nothing at random: all their seeds are one run."""
        if len(self.seeds) < 2 or "key" not in self.cells:
            return ()
        cells = self.cells.groupby(["method", "variant", "category"])["key"]
        # Of a method that lacks some cells a category may have one alone.
        alone = (cells.nunique() == 1).groupby("method").all()
        several = (cells.size() > 1).groupby("method").any()
        return tuple(str(name) for name, once in (alone & several).items() if once)

    @cached_property
    def precisions(self) -> Mapping[str, str]:
        """Methods that were trained in another precision than float32, with theirs."""
        return precisions_of(self.cells, self.experiment)

    # The numbers

    def scores(
        self,
        metric: str,
        *,
        method: str | None = None,
        variant: str | None = None,
        categories: Sequence[str] | None = None,
    ) -> Scores:
        """Lay out one metric, a column of `cells`, of one row over some categories of the grid.

        By default of the method whose tables these are, and of the variant that stands for it. NaN
        where there is no cell, or no such row.
        """
        method = self.method if method is None else method
        if variant is None and method in self.variants:
            variant = self.full(method)
        return self._laid.scores(metric, (method, variant or ""), categories or self.categories)

    def estimate(
        self,
        metric: str,
        *,
        method: str | None = None,
        variant: str | None = None,
        categories: Sequence[str] | None = None,
    ) -> Estimate:
        """Estimate what `scores` lays out; a method of `unseeded` has neither std nor interval."""
        scores = self.scores(metric, method=method, variant=variant, categories=categories)
        found = estimate(scores)
        if (method or self.method) not in self.unseeded:
            return found
        return dataclasses.replace(found, std=float("nan"), interval=None)

    @cached_property
    def _laid(self) -> LaidOut:
        return LaidOut(self.cells, tuple(self.labels), self.categories, self.seeds)

    # What may be said of them

    @property
    def foot(self) -> tuple[str, ...]:
        """Lines for the foot of a table: nothing that is another when the same numbers come again.

        Those are in `bench.results.files.HEADING`.
        """
        if not self.provenance:
            return ()
        said = (line for line in self.provenance if line.startswith(("Setting", "Included")))
        return (*said, "Command, commit, machine and date: heading.json")

    @property
    def command(self) -> str:
        """The command that made them."""
        lines = (line.partition(": ") for line in self.provenance)
        return next((said for name, _, said in lines if name == "Command"), "not known")

    @property
    def comparable(self) -> bool:
        """Whether published numbers may stand beside: MVTec AD under the paper's protocol.

        ``compat`` replays the program that made the paper's numbers.
        """
        measured = dataclasses.replace(self.protocol, compat=PAPER.compat)
        return self.standing == "original" and measured.identity() == PAPER.identity()

    @property
    def reproduces(self) -> bool:
        """Whether a finding here confirms or contradicts the paper's: all of it is the paper's.

        Its dataset whole, its protocol and its setting; anything else is a finding of its own.
        """
        return self.comparable and self.paper_setting and is_whole(self.categories)

    @property
    def not_comparable(self) -> str | None:
        """The sentence that keeps other numbers apart from the paper's; None where they compare."""
        if self.comparable:
            return None
        if self.standing == "original":
            where = f"under the protocol {self.protocol.label}, not under the paper's"
        else:
            where = f"on {self.dataset}, not on MVTec AD"
        return f"Measured {where}: not comparable with the numbers of the paper."

    @property
    def place(self) -> str:
        """Where something holds that is no reproduction, such as ``"the embedded miniature v1"``.

        On MVTec AD the size and the categories tell it from the paper's own.
        """
        if self.standing == "original":
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


def _require_protocol(cells: pd.DataFrame, protocol: Protocol) -> None:
    """Refuse to put numbers of different protocols side by side.

    One and the same set of maps scores differently under another mask rule, size or crop, by more
    than most methods differ.
    """
    other = cells[cells["protocol"] != protocol.label]
    if len(other):
        first = other.iloc[0]
        raise InputError(
            f"{len(other)} of {len(cells)} cells, such as {first['method']} on "
            f"{first['category']}, were measured under the protocol {first['protocol']!r}, not "
            f"under {protocol.label!r}: measure them again under one, or tabulate them apart."
        )
