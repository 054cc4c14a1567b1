"""Verdicts as a page shows them: each beside the interval that decided it."""

import math
from dataclasses import dataclass

from bench.metrics import ALL_METRICS
from bench.paper.claims import Assessment
from bench.presentation.claims_table import FAMILIES, assessments
from bench.presentation.findings import short_p
from bench.presentation.formatting import format_effect, format_interval, in_words
from bench.results.results import Results
from bench.stats import LEVEL, MOST_SEEDS, can_show

SIGNS = {"holds": "✓", "fails": "✗", "undecided": "?", "unmeasured": "–"}
"""Beside the words, for those who do not see colours."""

_WORDS = {
    "holds": "holds here",
    "fails": "does not hold here",
    "undecided": "undecided",
    "unmeasured": "not measured",
}
_OF_THE_PAPER = {"holds": "reproduced", "fails": "contradicted"}


@dataclass(frozen=True)
class VerdictView:
    """One claim, or what is known of it on one metric.

    Attributes
    ----------
    claim, metric
        In print; no metric where all of the claim's are meant.
    kind, word
        One of `SIGNS`, and what is read. Only the paper's own setting reproduces or contradicts.
    pair, effect, interval, level
        Of the weakest pair: the interval that the verdict is read from, and at what level it is.
        Empty where nothing is measured.
    elsewhere
        Whether a decided verdict extends to other categories.
    seeds
        How many would decide it; empty where it is decided or cannot be told.
    """

    claim: str
    metric: str
    kind: str
    word: str
    pair: str = ""
    effect: str = ""
    interval: str = ""
    level: str = ""
    elsewhere: str = ""
    seeds: str = ""

    @property
    def sign(self) -> str:
        """The sign of its kind."""
        return SIGNS[self.kind]


@dataclass(frozen=True)
class Verdicts:
    """All claims.

    Attributes
    ----------
    measured
        Those that are told of first.
    by_metric
        Of these, those of several metrics, metric by metric.
    unmeasured
        Those of which some pair is not measured.
    families
        The sentence that relates them to the other statements of the report.
    """

    measured: tuple[VerdictView, ...]
    by_metric: tuple[VerdictView, ...]
    unmeasured: tuple[VerdictView, ...]
    families: str = FAMILIES


def view_verdicts(results: Results) -> Verdicts:
    """Judge the claims of the methods of the grid, for a page."""
    found = [whole for _, whole in assessments(results)]
    measured = [whole for whole in found if whole.verdict != "unmeasured"]
    return Verdicts(
        tuple(_view(whole, results) for whole in measured),
        tuple(
            _view(whole.on(metric), results, ALL_METRICS[metric].display)
            for whole in measured
            if len(whole.metrics) > 1
            for metric in whole.metrics
        ),
        tuple(_view(whole, results) for whole in found if whole.verdict == "unmeasured"),
    )


def _view(found: Assessment, results: Results, metric: str = "") -> VerdictView:
    kind, part = found.verdict, found.weakest
    word = _WORDS[kind]
    if results.reproduces:
        word = _OF_THE_PAPER.get(kind, word)
    if kind == "unmeasured" and found.parts:
        word += f" but {len(found.parts)} of {found.total} pairs"
    if part is None or kind == "unmeasured":
        return VerdictView(found.claim.statement, metric, kind, word)
    of_metric = "" if metric or len(found.metrics) == 1 else f", {ALL_METRICS[part.metric].display}"
    looks = len(found.claim.metrics) * len(found.claim.pairs)
    level = "95 %" if math.isclose(part.level, LEVEL) else f"95 % for all {looks} pairs at once"
    seeds = found.seeds
    return VerdictView(
        found.claim.statement,
        metric,
        kind,
        word,
        f"{part.better} over {part.worse}{of_metric}",
        format_effect(part.estimate),
        format_interval(part.interval),
        "" if part.interval is None else level,
        _elsewhere(found, len(results.categories)),
        "" if seeds is None else f"more than {MOST_SEEDS}" if seeds > MOST_SEEDS else str(seeds),
    )


def _elsewhere(found: Assessment, categories: int) -> str:
    p = found.p_elsewhere
    if p is None:
        return ""
    if not can_show(categories, found.looks):
        return f"{in_words(categories)} categories cannot show it"
    return f"{'shown too' if p <= 1 - LEVEL else 'not shown'} ({short_p(p)})"
