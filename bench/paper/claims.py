"""What measured cells say to a method's claims.

A claim is a conjunction: it holds where the better of each of its pairs is better on each of its
metrics. Each such *part* is a paired contrast with `bench.stats.new_seeds_interval`.

**Verdicts.** A claim of k parts *holds* when each part's 95 % interval lies above zero; asking
for all of them needs no correction, for the chance that a false claim passes is that of its false
part. It *fails* when some part's interval lies below zero at the level that k looks for such a
part demand, 1 - 0.05 / k (Bonferroni). Otherwise it is *unmeasured* when a part is, else
*undecided*. On one of its metrics it is judged in the same way, by the same levels, so that a
claim that fails on one fails. The number of claims is not corrected for. The interval that
decides a part is the one that is shown beside its verdict.

**Two readings.** These verdicts are of the categories at hand under new seeds. Whether one extends
to *other categories* is told by `contrast_p`, a test over the categories themselves:
of a claim that holds the largest p of its parts counts, of one that fails that of the part of
least favour, which is the one that is shown, times k.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from bench.methods.interface import Claim
from bench.metrics import ALL_METRICS
from bench.stats import (
    LEVEL,
    Estimate,
    Interval,
    Scores,
    contrast_p,
    estimate,
    new_seeds_interval,
    seeds_to_decide,
)

Verdict = Literal["holds", "fails", "undecided", "unmeasured"]

Lookup = Callable[[str, str], Scores]
"""(metric, side of a pair) -> its scores, (categories, seeds); NaN where not measured."""


@dataclass(frozen=True)
class Part:
    """One pair of a claim on one metric, measured.

    Attributes
    ----------
    metric, better, worse
        What is compared.
    estimate
        Of the paired contrast, better minus worse.
    interval
        The one that decides it: at 95 % where it speaks for the claim, and where it speaks
        against it at the level of its claim's search for such a part. None where there is none.
    level
        The level of that interval.
    seeds
        How many seeds would decide it; `bench.stats.seeds_to_decide`.
    contrast
        Of each category and seed.
    """

    metric: str
    better: str
    worse: str
    estimate: Estimate
    interval: Interval | None
    level: float
    seeds: int | None
    contrast: Scores = field(compare=False, repr=False)

    @property
    def p(self) -> float | None:
        """`bench.stats.contrast_p` of the contrast."""
        return contrast_p(self.contrast)

    @property
    def holds(self) -> bool:
        """Whether its interval lies above zero."""
        return self.interval is not None and self.interval.low > 0

    @property
    def opposed(self) -> bool:
        """Whether its interval lies below zero."""
        return self.interval is not None and self.interval.high < 0

    @property
    def favour(self) -> float:
        """How far it speaks for the claim, in half widths of its interval where there is one.

        Above 1 it holds, below -1 it is opposed: so the part of least favour shows why a claim
        holds, fails or is undecided.
        """
        mean = self.estimate.mean
        if self.interval is None:
            return mean
        if self.interval.half_width == 0:
            return math.copysign(math.inf, mean) if mean else 0.0
        return mean / self.interval.half_width


@dataclass(frozen=True)
class Assessment:
    """What the cells say to a claim, or to its part on one metric.

    Attributes
    ----------
    claim
        The claim.
    metrics
        Those of its metrics that are meant.
    parts
        Measured parts; at least one seed of both sides is complete.
    """

    claim: Claim
    metrics: tuple[str, ...]
    parts: tuple[Part, ...]

    def on(self, metric: str) -> "Assessment":
        """Return what the cells say to the claim on one of its metrics."""
        parts = tuple(part for part in self.parts if part.metric == metric)
        return Assessment(self.claim, (metric,), parts)

    @property
    def total(self) -> int:
        """Parts in all, measured or not."""
        return len(self.metrics) * len(self.claim.pairs)

    @property
    def verdict(self) -> Verdict:
        """The verdict, by the rule at the head of this module."""
        if any(part.opposed for part in self.parts):
            return "fails"
        if len(self.parts) < self.total:
            return "unmeasured"
        return "holds" if all(part.holds for part in self.parts) else "undecided"

    @property
    def weakest(self) -> Part | None:
        """The part that speaks least for the claim; None where none is measured."""
        return min(self.parts, key=lambda part: part.favour, default=None)

    @property
    def p_elsewhere(self) -> float | None:
        """The p of the verdict in other categories, see the head of this module.

        None where nothing is decided, or a p is missing.
        """
        if self.verdict == "holds":
            found = [part.p for part in self.parts]
            known = [p for p in found if p is not None]
            return max(known) if len(known) == len(found) else None
        if self.verdict == "fails":
            p = None if self.weakest is None else self.weakest.p
            return None if p is None else min(1.0, self.looks * p)
        return None

    @property
    def looks(self) -> int:
        """For how many pairs and metrics `p_elsewhere` is corrected."""
        return len(self.claim.metrics) * len(self.claim.pairs) if self.verdict == "fails" else 1

    @property
    def n(self) -> int:
        """Complete seeds of the part that has fewest."""
        return min((part.estimate.n for part in self.parts), default=0)

    @property
    def seeds(self) -> int | None:
        """How many seeds would decide an undecided claim, if means and variances stay.

        As many as its slowest part needs, or, where some parts point against the claim, as the
        quickest of these. None where it is decided, unmeasured, or has one seed only.
        """
        if self.verdict != "undecided":
            return None
        against = [part.seeds for part in self.parts if part.estimate.mean <= 0]
        needed = against or [part.seeds for part in self.parts]
        known = [seeds for seeds in needed if seeds is not None]
        if len(known) < len(needed):
            return None
        return min(known) if against else max(known)


def assess(claim: Claim, lookup: Lookup) -> Assessment:
    """Judge a claim by what is measured, which `lookup` finds by the names in its pairs."""
    # Parts that point against the claim are decided at this level.
    strict = 1 - (1 - LEVEL) / (len(claim.metrics) * len(claim.pairs))
    parts = []
    for metric in claim.metrics:
        for better, worse in claim.pairs:
            contrast = lookup(metric, better) - lookup(metric, worse)
            if not ALL_METRICS[metric].higher_is_better:
                contrast = -contrast
            ours = estimate(contrast)
            if ours.n == 0:
                continue
            level = strict if ours.mean <= 0 else LEVEL
            parts.append(
                Part(
                    metric=metric,
                    better=better,
                    worse=worse,
                    estimate=ours,
                    interval=new_seeds_interval(contrast, level),
                    level=level,
                    seeds=seeds_to_decide(contrast, level),
                    contrast=contrast,
                )
            )
    return Assessment(claim, claim.metrics, tuple(parts))
