"""Estimates and published figures as they are printed: scores in percent, effects in points."""

from bench.presentation.paper import Published
from bench.stats import Effect, Estimate

MISSING = "—"

Numbers = dict[str, object]


def format_estimate(ours: Estimate) -> str:
    """Such as ``"83.1 ± 0.4"`` in percent, with ``"(2 of 3 seeds)"`` after it if incomplete."""
    if ours.n == 0:
        return MISSING
    spread = f" ± {100 * ours.std:.1f}" if ours.n > 1 else ""
    return f"{100 * ours.mean:.1f}{spread}{_incomplete(ours)}"


def format_published(figure: Published | None) -> str:
    """Such as ``"98.6 ± 0.4"`` in percent; empty if there is no such figure."""
    if figure is None:
        return ""
    spread = "" if figure.std is None else f" ± {figure.std:.1f}"
    return f"{figure.mean:.1f}{spread}"


def format_effect(ours: Effect) -> str:
    """Such as ``"+1.20"`` in points, marked like `format_estimate` if incomplete."""
    if ours.estimate.n == 0:
        return MISSING
    return f"{format_points(100 * ours.estimate.mean)}{_incomplete(ours.estimate)}"


def format_interval(ours: Estimate) -> str:
    """Such as ``"[+0.80, +1.60]"`` in points; a dash if there is none."""
    if ours.interval is None:
        return MISSING
    return f"[{format_points(100 * ours.interval.low)}, {format_points(100 * ours.interval.high)}]"


def format_points(points: float) -> str:
    """Such as ``"+1.20"`` or, with a true minus sign, ``"−1.20"``."""
    return f"{points:+z.2f}".replace("-", "−")


def _incomplete(ours: Estimate) -> str:
    return "" if ours.complete else f" ({ours.n} of {ours.expected} seeds)"


def estimate_numbers(prefix: str, ours: Estimate) -> Numbers:
    """Name the parts of an estimate, in percent, as columns of a CSV file."""
    low = None if ours.interval is None else 100 * ours.interval.low
    high = None if ours.interval is None else 100 * ours.interval.high
    return {
        f"{prefix}_mean": 100 * ours.mean,
        f"{prefix}_std": 100 * ours.std,
        f"{prefix}_low95": low,
        f"{prefix}_high95": high,
        f"{prefix}_seeds": ours.n,
    }


def published_numbers(prefix: str, figure: Published | None) -> Numbers:
    """Name the parts of a published figure, in percent, as columns of a CSV file."""
    return {
        f"{prefix}_paper_mean": None if figure is None else figure.mean,
        f"{prefix}_paper_std": None if figure is None else figure.std,
    }
