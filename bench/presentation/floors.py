"""Methods that learn nothing, in print: what stands over their rows, and how far off they are."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.presentation.formatting import (
    format_interval,
    format_points,
    format_shown,
    in_words,
    listed,
)
from bench.presentation.notes import hardly_trained
from bench.results.results import Results, Row
from bench.stats import (
    LEVEL,
    Interval,
    Scores,
    complete_seeds,
    contrast_p,
    estimate,
    holm,
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


@dataclass(frozen=True)
class FloorGap:
    """How far the row that stands for all is from its better floor, on one metric.

    Attributes
    ----------
    floor
        The floor's name.
    ahead
        The paired difference, above zero where the row is better.
    all_ahead
        The same from the better floor of each entry, at the seeds complete in all floors.
    p
        For other categories, corrected by `bench.stats.holm` over the metrics that are told of,
        and before, where the floor is the better of the two, for picking it (Bonferroni). None
        where there is none.
    metrics, floors
        For how many of each.
    """

    floor: str
    ahead: Scores
    all_ahead: Scores
    p: float | None
    metrics: int
    floors: int

    @property
    def corrected(self) -> str:
        """Such as ``" corrected for three metrics"``, to stand behind p; empty where it is not."""
        counts = {"metric": self.metrics, "floor": self.floors}
        several = [in_words(count, noun) for noun, count in counts.items() if count > 1]
        return f" corrected for {listed(several)}" if several else ""

    @property
    def tests(self) -> int:
        """By how much the smallest p is multiplied."""
        return max(self.metrics, 1) * self.floors


def floor_gaps(results: Results) -> Mapping[str, FloorGap]:
    """Compare the row that stands for all with its better floor, by each headline metric's key.

    Without metrics of which no seed is complete.
    """
    method, variant = results.extremes[-1]
    found: dict[str, tuple[str, Scores, Scores]] = {}
    picked: dict[str, int] = {}
    for metric in results.headline:
        sign = 1 if metric.higher_is_better else -1
        ours = results.scores(metric.key, method=method, variant=variant)
        ahead = {
            floor: sign * (ours - results.scores(metric.key, method=floor))
            for floor in results.floors
        }
        means = {floor: one.mean for floor, a in ahead.items() if (one := estimate(a)).n}
        if means:
            floor = min(means, key=lambda name: means[name])
            least = complete_seeds(np.min(list(ahead.values()), axis=0))
            found[metric.key] = floor, ahead[floor], least
            # Above the better one is above all; that one of them is better is found by a search.
            picked[metric.key] = len(means) if means[floor] < 0 else 1
    ps = {
        key: min(p * picked[key], 1.0)
        for key, (_, best, _) in found.items()
        if (p := contrast_p(best)) is not None
    }
    corrected = dict(zip(ps, holm(list(ps.values())), strict=True))
    return {
        key: FloorGap(*one, corrected.get(key), len(ps), picked[key]) for key, one in found.items()
    }


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
        (
            f"{deterministic(results.floors)}, so these intervals reflect only "
            f"{results.labels[row]}'s variation between seeds."
        ),
    )


def deterministic(floors: Sequence[str]) -> str:
    """Such as ``"pixel-nn is deterministic"``."""
    return f"{listed(floors)} {'is' if len(floors) == 1 else 'are'} deterministic"


def _findings(results: Results) -> Iterator[str]:
    row, gaps = results.extremes[-1], floor_gaps(results)
    several = len(results.floors) > 1
    for metric in results.headline:
        gap = gaps.get(metric.key)
        if gap is None or not gap.all_ahead.size:
            continue
        mean, least = estimate(gap.ahead).mean, gap.all_ahead
        size = format_points(100 * abs(mean)).removeprefix("+")
        said = (
            f"{results.labels[row]} is {size} points of {metric.display} "
            f"{'above' if mean > 0 else 'below'} {gap.floor}, the "
            f"{'better ' if several else ''}floor{_readings(results, row, gap)}"
        )
        if len(least) > 1:
            over = (least.mean(axis=1) > 0).sum()
            them = "both floors" if several else "it"
            said += f", and above {them} in {over} of {len(least)} categories"
        yield f"{said}."


def _readings(results: Results, row: Row, gap: FloorGap) -> str:
    """Say what that is for these categories, and whether it is shown for others."""
    interval = interval_beside(results, (row, (gap.floor, "")), gap.ahead)
    if interval is None:
        return ""
    count = len(gap.ahead)
    these = "this category" if count == 1 else "these categories"
    decided = "" if interval.excludes_zero else ", undecided"
    others = ""
    if gap.p is not None:
        shown = format_shown(gap.p, count, gap.tests)
        others = f"; for other categories {shown}{gap.corrected}"
    return f" (95 % interval for {these} {format_interval(interval)}{decided}{others})"
