"""Estimates and published figures as they are printed: scores in percent, effects in points."""

import math
from collections.abc import Iterable

from bench.metrics import Metric
from bench.paper.published import Published
from bench.stats import LEVEL, Estimate, Interval, can_show

MISSING = "—"

Texts = dict[str, str]
"""Column in print -> what is read."""

Numbers = dict[str, object]
"""Column for programs -> its value."""

_COUNTS = (
    "no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
    "twelve",
)  # fmt: skip


def format_estimate(ours: Estimate, metric: Metric) -> str:
    """Such as ``"83.1 ± 0.4"`` in percent, with ``"(2 of 3 seeds)"`` after it if incomplete.

    ``"83.1 ± —"`` where several seeds have no spread, since nothing is drawn at random.
    """
    if ours.n == 0:
        return MISSING
    std = MISSING if math.isnan(ours.std) else format_percent(ours.std, metric)
    spread = f" ± {std}" if ours.n > 1 else ""
    return f"{format_percent(ours.mean, metric)}{spread}{_incomplete(ours)}"


def format_percent(fraction: float, metric: Metric) -> str:
    """Such as ``"83.1"``, with the metric's decimals."""
    return f"{100 * fraction:.{metric.decimals}f}"


def format_published(figure: Published | None) -> str:
    """Such as ``"98.6 ± 0.4"`` in percent as printed; empty if there is no such figure."""
    if figure is None:
        return ""
    spread = "" if figure.std is None else f" ± {figure.std:.1f}"
    return f"{figure.mean:.1f}{spread}"


def format_effect(ours: Estimate) -> str:
    """Such as ``"+1.20"`` in points, marked like `format_estimate` if incomplete."""
    if ours.n == 0:
        return MISSING
    return f"{format_points(100 * ours.mean)}{_incomplete(ours)}"


def format_interval(interval: Interval | None) -> str:
    """Such as ``"[+0.80, +1.60]"`` in points; a dash if there is none."""
    if interval is None:
        return MISSING
    return f"[{format_points(100 * interval.low)}, {format_points(100 * interval.high)}]"


def format_score_interval(interval: Interval | None, metric: Metric) -> str:
    """Such as ``"[81.2, 84.0]"`` in percent; a dash if there is none."""
    if interval is None:
        return MISSING
    return f"[{format_percent(interval.low, metric)}, {format_percent(interval.high, metric)}]"


def format_p(p: float | None) -> str:
    """Such as ``"0.0312"``, or ``"<0.0001"``; a dash if there is none."""
    if p is None:
        return MISSING
    return "<0.0001" if p < 0.0001 else f"{p:.4f}"


def format_shown(p: float | None, categories: int, tests: int = 1) -> str:
    """Such as ``"not shown, p = 0.2500"``: whether other categories of a kind say so too.

    `tests` is for how many p is corrected.
    """
    if p is None:
        return MISSING
    if not can_show(categories, tests):
        return f"{in_words(categories)} categories cannot show it"
    size = "below 0.0001" if p < 0.0001 else f"= {format_p(p)}"
    return f"{'shown' if p <= 1 - LEVEL else 'not shown'}, p {size}"


def in_words(count: int, noun: str = "") -> str:
    """Such as ``"three"``, or ``"three metrics"``; digits beyond twelve."""
    word = _COUNTS[count] if count < len(_COUNTS) else str(count)
    return f"{word} {noun}{'' if count == 1 else 's'}" if noun else word


def listed(names: Iterable[str]) -> str:
    """Such as ``"den, ed and seg"``."""
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def format_difference(ours: Estimate, published: float | None) -> str:
    """Such as ``"−0.40 (−0.7)"``: ours minus a published mean, and that in half widths.

    Parameters
    ----------
    ours
        As a fraction.
    published
        In points or percent; None for no such figure.
    """
    if published is None:
        return ""
    if ours.n == 0:
        return MISSING
    ratio = half_widths(ours, published)
    units = MISSING if ratio is None else f"{ratio:+.1f}".replace("-", "−")
    return f"{format_points(100 * ours.mean - published)} ({units})"


def half_widths(ours: Estimate, published: float) -> float | None:
    """Ours minus a published mean in units of half our `new_seeds_interval`.

    Beyond 1 the published mean lies outside that interval. None where there is no interval, or
    one of no width.
    """
    if ours.interval is None or ours.interval.half_width == 0:
        return None
    return (100 * ours.mean - published) / (100 * ours.interval.half_width)


def format_points(points: float) -> str:
    """Such as ``"+1.20"`` or, with a true minus sign, ``"−1.20"``."""
    return f"{points:+z.2f}".replace("-", "−")


def _incomplete(ours: Estimate) -> str:
    return "" if ours.complete else f" ({ours.n} of {ours.expected} seeds)"


def estimate_numbers(prefix: str, ours: Estimate) -> Numbers:
    """Name the parts of an estimate, in percent, as columns of a CSV file."""
    return {
        f"{prefix}_mean": 100 * ours.mean,
        f"{prefix}_std": 100 * ours.std,
        **interval_numbers(prefix, ours.interval),
        f"{prefix}_seeds": ours.n,
    }


def interval_numbers(prefix: str, interval: Interval | None) -> Numbers:
    """Name the ends of an interval, in percent, as columns of a CSV file."""
    return {
        f"{prefix}_low95": None if interval is None else 100 * interval.low,
        f"{prefix}_high95": None if interval is None else 100 * interval.high,
    }


def published_numbers(prefix: str, figure: Published | None) -> Numbers:
    """Name the parts of a published figure, in percent, as columns of a CSV file."""
    return {
        f"{prefix}_paper_mean": None if figure is None else figure.mean,
        f"{prefix}_paper_std": None if figure is None else figure.std,
    }


def difference_numbers(prefix: str, ours: Estimate, published: float | None) -> Numbers:
    """Name the difference from a published mean, in points and half widths, as CSV columns."""
    return {
        f"{prefix}_minus_paper": None if published is None else 100 * ours.mean - published,
        f"{prefix}_minus_paper_half_widths": None
        if published is None
        else half_widths(ours, published),
    }


def beside_paper(
    metric: Metric, ours: Estimate, figure: Published | None, *, measured: bool = True
) -> tuple[Texts, Numbers]:
    """Make the columns for a published figure and the difference of ours from it."""
    mean = None if figure is None else figure.mean
    texts = {
        f"{metric.display} (paper)": format_published(figure),
        f"{metric.display} − paper": format_difference(ours, mean) if measured else "",
    }
    numbers = published_numbers(metric.key, figure) | difference_numbers(metric.key, ours, mean)
    return texts, numbers
