"""Methods that learn nothing, in print: what stands over their rows, and how far off they are."""

from collections.abc import Iterator, Sequence

import numpy as np

from bench.presentation.formatting import format_interval, format_points, format_shown
from bench.presentation.notes import hardly_trained
from bench.results.results import Results, Row
from bench.stats import (
    LEVEL,
    Interval,
    Scores,
    complete_seeds,
    contrast_p,
    estimate,
    new_seeds_interval,
)

FLOORS_HEADING = "floors: no learning"


def interval_beside(
    results: Results, pair: Sequence[Row], ahead: Scores, level: float = LEVEL
) -> Interval | None:
    """Return the interval of a difference between rows; None where neither is random.

    Where one of them is not, as a floor, the interval is made of the other's spread alone.
    """
    if all(method in results.unseeded for method, _ in pair):
        return None
    return new_seeds_interval(ahead, level)


def floor_findings(results: Results) -> tuple[str, ...]:
    """Say how far above the floors the row that stands for all is, or how far below.

    Returns
    -------
    tuple of str
        A sentence for each metric that variants are compared by, and one on their intervals; none
        where there are no floors, no seed of which all that is compared is complete, or networks
        that hardly train.
    """
    found = () if hardly_trained(results) or not results.floors else tuple(_findings(results))
    row = results.extremes[-1]
    if not found or row[0] in results.unseeded or len(results.seeds) < 2:
        return found
    return (
        *found,
        f"A floor is not random: these intervals are the spread of {results.labels[row]} alone.",
    )


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
        means = {floor: estimate(scores).mean for floor, scores in ahead.items()}
        floor, mean = min(means.items(), key=lambda item: item[1])
        size = format_points(100 * abs(mean)).removeprefix("+")
        several = len(means) > 1
        said = (
            f"{results.labels[row]} is {size} points of {metric.display} "
            f"{'above' if mean > 0 else 'below'} {floor}, the {'better ' if several else ''}floor"
            f"{_readings(results, (row, (floor, '')), ahead[floor])}"
        )
        if len(least) > 1:
            over = (least.mean(axis=1) > 0).sum()
            them = "both floors" if several else "it"
            said += f", and above {them} in {over} of {len(least)} categories"
        yield f"{said}."


def _readings(results: Results, pair: Sequence[Row], ahead: Scores) -> str:
    """Say what that is for these categories, and whether it is shown for others."""
    interval, p = interval_beside(results, pair, ahead), contrast_p(ahead)
    if interval is None:
        return ""
    these = "this category" if len(ahead) == 1 else "these categories"
    decided = "" if interval.excludes_zero else ", undecided"
    others = "" if p is None else f"; for other categories {format_shown(p, len(ahead))}"
    return f" (95 % interval for {these} {format_interval(interval)}{decided}{others})"
