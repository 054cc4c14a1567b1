"""The claims of methods' papers beside what was measured of them."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from bench.methods.interface import Method
from bench.metrics import ALL_METRICS
from bench.paper.claims import Assessment, Part, assess
from bench.paper.published import published_difference
from bench.presentation.costs_table import rising_findings
from bench.presentation.floors import floor_findings
from bench.presentation.formatting import (
    MISSING,
    Numbers,
    Texts,
    estimate_numbers,
    format_effect,
    format_interval,
    format_points,
    format_shown,
)
from bench.presentation.notes import grid_notes, paper_notes, setting_notes
from bench.presentation.table import Table, make_table
from bench.results.results import Results
from bench.stats import MOST_SEEDS, Scores

FAMILIES = (
    "Effects, comparisons of the full variant and claims are three families of tests, each "
    "corrected for its own number: a pair may be decided here and not in the findings, or there "
    "and not here."
)
"""What relates a verdict to the other statements of a report."""


def verdicts_table(results: Results) -> Table:
    """Build a row for each claim: its verdict first, and why.

    The rows of `claims_table` that are of all metrics of a claim. Below stands how far the method
    is above the floors, which is no claim of the paper.
    """
    lines = []
    for method, found in assessments(results):
        texts, numbers = _line(results, method, found)
        short = {name: text for name, text in texts.items() if name not in ("Metric", "Pairs")}
        lines.append((short, numbers))
    counts = Counter(texts["Verdict"] for texts, _ in lines)
    told = "; ".join(f"{count} {verdict}" for verdict, count in counts.items())
    return make_table(
        "verdicts",
        "Verdicts on the paper's claims",
        results,
        _all_notes(results, f"{len(lines)} claims: {told}."),
        lines,
        labels="lll",
        findings=(*floor_findings(results), *rising_findings(results)),
    )


def claims_table(results: Results) -> Table:
    """Build a row for each claim, and one for each metric of those with several.

    A claim stands or falls with its weakest pair, which is shown with its effect and the interval
    that decided it, and beside it whether other categories would say the same; on MVTec AD the
    effect of the same pair in the paper is beside. Only the paper's dataset, protocol and setting
    together can reproduce or contradict it; anything else is said to hold or not hold where it was
    measured.
    """
    lines = []
    for method, whole in assessments(results):
        metrics = whole.claim.metrics
        each = [whole.on(metric) for metric in metrics] if len(metrics) > 1 else []
        lines += [_line(results, method, found) for found in (whole, *each)]
    return make_table(
        "claims", "Claims of the paper", results, _all_notes(results), lines, labels="lllcl"
    )


def claimants(results: Results) -> tuple[Method[Any, Any], ...]:
    """Return the methods of the grid whose papers make claims."""
    return tuple(method for method in results.known.values() if method.claims)


def assessments(results: Results) -> Iterator[tuple[Method[Any, Any], Assessment]]:
    """Judge each claim of the methods of the grid."""
    for method in claimants(results):

        def lookup(metric: str, side: str, method: Method[Any, Any] = method) -> Scores:
            if side in method.variants:
                return results.scores(metric, method=method.name, variant=side)
            return results.scores(metric, method=side)

        for claim in method.claims:
            yield method, assess(claim, lookup)


def _line(results: Results, method: Method[Any, Any], found: Assessment) -> tuple[Texts, Numbers]:
    claim, weakest = found.claim, found.weakest
    all_metrics = found.metrics == claim.metrics and len(claim.metrics) > 1
    pair = MISSING if weakest is None else f"{weakest.better} over {weakest.worse}"
    if weakest is not None and all_metrics:
        pair = f"{pair}, {ALL_METRICS[weakest.metric].display}"
    texts = {
        "Claim": claim.statement,
        "Metric": "all" if all_metrics else ALL_METRICS[found.metrics[0]].display,
        "Verdict": _verdict(found, results),
        "Pairs": f"{sum(part.holds for part in found.parts)}/{found.total}",
        "Weakest pair": pair,
        "Effect": MISSING if weakest is None else format_effect(weakest.estimate),
        "Deciding interval": MISSING if weakest is None else format_interval(weakest.interval),
        "Level": MISSING
        if weakest is None or weakest.interval is None
        else f"{100 * weakest.level:.3g} %",
        "Other categories": format_shown(found.p_elsewhere, len(results.categories), found.looks),
    }
    numbers: Numbers = {
        "claim": claim.name,
        "table": claim.table,
        "metric": "all" if all_metrics else found.metrics[0],
        "pairs_holding": sum(part.holds for part in found.parts),
        "pairs_measured": len(found.parts),
        "pairs": found.total,
        "weakest_better": None if weakest is None else weakest.better,
        "weakest_worse": None if weakest is None else weakest.worse,
        "weakest_metric": None if weakest is None else weakest.metric,
        **({} if weakest is None else _numbers(weakest)),
        "p_elsewhere": found.p_elsewhere,
    }
    if results.comparable:
        figure = None
        if weakest is not None:
            figure = published_difference(
                results.categories,
                method,
                (weakest.better, weakest.worse),
                metric=weakest.metric,
                table=claim.table,
            )
        texts["Paper"] = "" if figure is None else format_points(figure)
        numbers["effect_paper"] = figure
    texts["Seeds to decide"] = _seeds(found.seeds)
    numbers |= {"verdict": texts["Verdict"], "to_decide_seeds": found.seeds}
    if len(claimants(results)) > 1:
        numbers = {"method": method.name, **numbers}
    return texts, numbers


def _numbers(weakest: Part) -> Numbers:
    interval = weakest.interval
    return {
        **estimate_numbers("effect", weakest.estimate),
        "deciding_low": None if interval is None else 100 * interval.low,
        "deciding_high": None if interval is None else 100 * interval.high,
        "deciding_level": None if interval is None else weakest.level,
    }


def _verdict(found: Assessment, results: Results) -> str:
    """Say what the cells say, and never 'reproduced' of anything but the paper's own setting."""
    where = "" if results.reproduces else f" on {results.place}"
    if found.verdict == "holds":
        return f"holds{where}" if where else "reproduced"
    if found.verdict == "fails":
        return f"does not hold{where}" if where else "contradicted"
    if found.verdict == "unmeasured":
        part = f" but {len(found.parts)} of {found.total} pairs" if found.parts else ""
        return f"not measured{part}"
    return f"undecided with {found.n} seed{'' if found.n == 1 else 's'}"


def _seeds(needed: int | None) -> str:
    if needed is None:
        return MISSING
    return f"more than {MOST_SEEDS}" if needed > MOST_SEEDS else str(needed)


def _all_notes(results: Results, *own: str) -> tuple[str, ...]:
    papers = "; ".join(method.reference for method in claimants(results))
    return (
        *grid_notes(results, results.metrics, results.labels),
        *own,
        *_notes(results),
        *paper_notes(results, "Tables 1 to 6", papers),
        *setting_notes(results),
    )


def _notes(results: Results) -> tuple[str, ...]:
    counted = (
        "A claim holds where the 95 % intervals of all its pairs on each metric, for these "
        "categories under new seeds, lie above zero; it does not hold where one lies below zero at "
        "Bonferroni's level for all its pairs and metrics."
    )
    if len(results.seeds) < 2:
        return (counted, "One seed carries no spread, so no interval exists: nothing is decided.")
    return (
        counted,
        (
            "Effect: of the weakest pair, in points. Deciding interval, level: what its verdict "
            "rests on, each claim for itself, not corrected for their number."
        ),
        (
            "Other categories: whether ones that were not measured would say so too, by sign "
            "flips; p is the largest of a claim's pairs where it holds, else the shown pair's, "
            "times the number of pairs and metrics; shown: at most 0.05."
        ),
        "Seeds to decide: if mean and variance stay what they are.",
        FAMILIES,
    )
