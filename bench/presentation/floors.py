"""Methods that learn nothing, in print: what stands over their rows, and how far off they are."""

from collections.abc import Iterator

import numpy as np

from bench.presentation.formatting import format_interval, format_points, format_shown
from bench.results.results import Results
from bench.stats import Scores, complete_seeds, contrast_p, estimate

FLOORS_HEADING = "floors: no learning"


def floor_findings(results: Results) -> tuple[str, ...]:
    """Say how far above the floors the row that stands for all is, or how far below.

    Returns
    -------
    tuple of str
        A sentence for each metric that variants are compared by; none where there are no floors,
        or no seed of which all that is compared is complete.
    """
    return tuple(_findings(results)) if results.floors else ()


def _findings(results: Results) -> Iterator[str]:
    row = results.extremes[-1]
    for metric in results.headline:
        sign = 1 if metric.higher_is_better else -1
        ours = results.scores(metric.key, method=row[0], variant=row[1])
        ahead = {
            floor: sign * (ours - results.scores(metric.key, method=floor))
            for floor in results.floors
        }
        least = complete_seeds(np.min(list(ahead.values()), axis=0))
        if not least.size:
            continue
        means = {floor: estimate(scores) for floor, scores in ahead.items()}
        floor, found = min(means.items(), key=lambda item: item[1].mean)
        size = format_points(100 * abs(found.mean)).removeprefix("+")
        side = "above" if found.mean > 0 else "below"
        yield (
            f"{results.labels[row]} is {size} points of {metric.display} {side} {floor}, the "
            f"{'better ' if len(means) > 1 else ''}floor{_readings(ahead[floor])}, and above "
            f"every floor in {(least.mean(axis=1) > 0).sum()} of {len(least)} categories."
        )


def _readings(ahead: Scores) -> str:
    """Say what that is for these categories, and whether others of this kind would say so."""
    interval, p = estimate(ahead).interval, contrast_p(ahead)
    if interval is None:
        return ""
    decided = "" if interval.excludes_zero else ", undecided"
    others = "" if p is None else f"; for others of this kind {format_shown(p, len(ahead))}"
    return f" (95 % interval for these categories {format_interval(interval)}{decided}{others})"
