"""The paper's claims beside what was measured of them."""

from collections import Counter
from functools import cache

import pandas as pd

from bench.paper.claims import Assessment, assess, claims
from bench.paper.published import published_difference
from bench.presentation.formatting import (
    MISSING,
    Numbers,
    estimate_numbers,
    format_effect,
    format_interval,
    format_points,
)
from bench.presentation.heading import METRIC_NAMES, Heading
from bench.presentation.notes import grid_notes, paper_notes, setting_notes
from bench.presentation.table import Table, make_table
from bench.stats import MOST_SEEDS, Scores


def verdicts_table(cells: pd.DataFrame, heading: Heading) -> Table:
    """Build a row for each claim of the paper: its verdict first, and why.

    The rows of `claims_table` that are of all metrics of a claim.
    """
    rows, numbers = [], []
    for found in _assessments(cells, heading):
        row, number = _row(found, heading)
        rows.append({name: text for name, text in row.items() if name not in ("Metric", "Pairs")})
        numbers.append(number)
    counts = Counter(row["Verdict"] for row in rows)
    told = "; ".join(f"{count} {verdict}" for verdict, count in counts.items())
    return make_table(
        "verdicts",
        f"Verdicts on the paper's claims: {heading.dataset}",
        heading,
        _all_notes(cells, heading, f"{len(rows)} claims: {told}."),
        rows,
        numbers,
        labels="lll",
    )


def claims_table(cells: pd.DataFrame, heading: Heading) -> Table:
    """Build a row for each claim of the paper, and one for each metric of those with several.

    A claim stands or falls with its weakest pair, which is shown with its effect and interval; on
    MVTec AD the effect of the same pair in the paper is beside. Only the paper's dataset, protocol
    and setting together can reproduce or contradict it; anything else is said to hold or not hold
    where it was measured.
    """
    rows, numbers = [], []
    for whole in _assessments(cells, heading):
        metrics = whole.claim.metrics
        each = [whole.on(metric) for metric in metrics] if len(metrics) > 1 else []
        for found in (whole, *each):
            row, number = _row(found, heading)
            rows.append(row)
            numbers.append(number)
    return make_table(
        "claims",
        f"Claims of the paper: {heading.dataset}",
        heading,
        _all_notes(cells, heading),
        rows,
        numbers,
        labels="lllcl",
    )


def _assessments(cells: pd.DataFrame, heading: Heading) -> list[Assessment]:
    @cache
    def lookup(metric: str, method: str, variant: str | None) -> Scores:
        return heading.scores(cells, metric, variant=variant, method=method)

    return [assess(claim, lookup) for claim in claims()]


def _row(found: Assessment, heading: Heading) -> tuple[dict[str, str], Numbers]:
    claim, weakest = found.claim, found.weakest
    all_metrics = found.metrics == claim.metrics and len(claim.metrics) > 1
    pair = MISSING if weakest is None else f"{weakest.better} over {weakest.worse}"
    if weakest is not None and all_metrics:
        pair = f"{pair}, {METRIC_NAMES[weakest.metric]}"
    row = {
        "Claim": claim.statement,
        "Metric": "all" if all_metrics else METRIC_NAMES[found.metrics[0]],
        "Verdict": _verdict(found, heading),
        "Pairs": f"{sum(part.holds for part in found.parts)}/{found.total}",
        "Weakest pair": pair,
        "Effect": MISSING if weakest is None else format_effect(weakest.estimate),
        "95 % interval": format_interval(None if weakest is None else weakest.estimate.interval),
    }
    number: Numbers = {
        "claim": claim.name,
        "table": claim.table,
        "metric": "all" if all_metrics else found.metrics[0],
        "pairs_holding": sum(part.holds for part in found.parts),
        "pairs_measured": len(found.parts),
        "pairs": found.total,
        "weakest_better": None if weakest is None else weakest.better,
        "weakest_worse": None if weakest is None else weakest.worse,
        "weakest_metric": None if weakest is None else weakest.metric,
        **({} if weakest is None else estimate_numbers("effect", weakest.estimate)),
    }
    if heading.comparable:
        figure = None
        if weakest is not None:
            figure = published_difference(
                heading.categories,
                weakest.better,
                weakest.worse,
                metric=weakest.metric,
                table=claim.table,
            )
        row["Paper"] = "" if figure is None else format_points(figure)
        number["effect_paper"] = figure
    row["Seeds to decide"] = _seeds(found.seeds)
    return row, number | {"verdict": row["Verdict"], "to_decide_seeds": found.seeds}


def _verdict(found: Assessment, heading: Heading) -> str:
    """Say what the cells say, and never 'reproduced' of anything but the paper's own setting."""
    where = "" if heading.reproduces else f" on {heading.place}"
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


def _all_notes(cells: pd.DataFrame, heading: Heading, *own: str) -> tuple[str, ...]:
    return (
        *grid_notes(cells, heading, METRIC_NAMES, heading.ordered_variants),
        *own,
        *_notes(heading),
        *paper_notes(heading, "Tables 1 to 6"),
        *setting_notes(heading),
    )


def _notes(heading: Heading) -> tuple[str, ...]:
    counted = (
        "A claim holds where all its pairs do, on each metric, by their own 95 % interval (how "
        "many do is counted in the table of claims); it does not hold where one is reversed at the "
        "level that Bonferroni asks for all its pairs and metrics, stricter than the interval "
        "shown."
    )
    if len(heading.seeds) < 2:
        return (counted, "One seed carries no spread, so no interval exists: nothing is decided.")
    return (
        counted,
        (
            "Effect: of the weakest pair, in points, with the 95 % interval for these categories "
            "under new seeds; each claim for itself, not corrected for their number."
        ),
        "Seeds to decide: if mean and variance stay what they are.",
    )
