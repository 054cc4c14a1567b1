"""What a comparison answers: a verdict, and all that led to it."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bench.experiment.experiment import flat_settings
from bench.experiment.grid import Cell
from bench.metrics import ALL_METRICS
from bench.regress.baseline import SCHEMA, Baseline
from bench.regress.measured import Measured
from bench.regress.sources import changed_sources

WIDE = 0.1
"""Tolerance beyond which a verdict says so."""


class Verdict(enum.StrEnum):
    """In the order of precedence: what is named first is said when several hold."""

    NOT_COMPARABLE = "not comparable"
    INCOMPLETE = "incomplete"
    REGRESSION = "regression"
    IMPROVEMENT = "improvement"
    PASS = "pass"  # noqa: S105 - no password


@dataclass(frozen=True)
class Change:
    """One number that is not what it was.

    The variant is empty where the method has none, the category for the mean over all, and the
    seed None where seeds were averaged. The noise is what is allowed by arithmetic, or the standard
    error of the change; ``p`` is the test's, adjusted for how many there are.
    """

    metric: str
    method: str
    variant: str
    category: str
    seed: int | None
    old: float
    new: float
    noise: float
    worse: bool
    p: float | None = None

    @property
    def change(self) -> float:
        """New minus old."""
        return self.new - self.old


@dataclass(frozen=True)
class Cause:
    """What else differs between the two sides.

    Source components stand in the order numbers pass through them; settings of the experiment and
    versions of packages as ``name: old -> new``. ``foreign`` are numbers of no experiment: of what
    made them, nothing is known.
    """

    sources: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    foreign: bool = False


@dataclass(frozen=True)
class GateReport:
    """The answer of the gate: what was found, and the verdict on that.

    Of all numbers that were ``compared`` and the ``cells`` they are in, ``changes`` are those
    beyond what is allowed, the largest first. ``missing`` and ``incomparable`` say in lines why
    there is no more to compare; ``notes`` what else to know, such as the smallest drop that could
    be seen.
    """

    experiment: str
    compared: int = 0
    cells: tuple[Cell, ...] = ()
    changes: tuple[Change, ...] = ()
    missing: tuple[str, ...] = ()
    incomparable: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    cause: Cause = Cause()

    @property
    def verdict(self) -> Verdict:
        """Weigh what was found; nothing compared is never a pass."""
        if self.incomparable:
            return Verdict.NOT_COMPARABLE
        if self.missing or not self.compared:
            return Verdict.INCOMPLETE
        if any(change.worse for change in self.changes):
            return Verdict.REGRESSION
        return Verdict.IMPROVEMENT if self.changes else Verdict.PASS


def incomparable(baseline: Baseline, now: Measured) -> tuple[str, ...]:
    """Say why two sides are measurements of different things; empty if they are not."""
    if baseline.schema != SCHEMA:
        return (f"schema of the baseline: {baseline.schema}, this program's is {SCHEMA}",)
    then = baseline.measured
    lines = []
    if now.cells and then.dataset != now.dataset:
        lines.append(f"dataset: {then.dataset} -> {now.dataset}")
    lines += [
        f"images of {name}: digest {then.images[name][:12]} -> {now.images[name][:12]}"
        for name in sorted(then.images.keys() & now.images.keys())
        if then.images[name] != now.images[name]
    ]
    if now.cells and (then.protocols != now.protocols or len(now.protocols) != 1):
        lines.append(f"protocol: {', '.join(then.protocols)} -> {', '.join(now.protocols)}")
    lines += [
        f"{name} trained in: {then.precision(name)} -> {now.precision(name)}"
        for name in sorted(then.methods & now.methods)
        if then.precision(name) != now.precision(name)
    ]
    return tuple(lines)


def wide_notes(allowed: Mapping[str, float]) -> tuple[str, ...]:
    """Say of which metrics a change may pass that nobody would call one of arithmetic."""
    wide = {name: change for name, change in allowed.items() if change > WIDE}
    if not wide:
        return ()
    said = ", ".join(f"{ALL_METRICS[name].display} {change:g}" for name, change in wide.items())
    return (f"the tolerance is beyond {WIDE:g}, so that much passes unseen: {said}",)


def cause_of(
    baseline: Baseline, now: Measured, settings: Mapping[str, Any], sources: Mapping[str, str]
) -> Cause:
    """Gather what differs besides the numbers."""
    return Cause(
        changed_sources(baseline.sources, sources),
        _differences(flat_settings(baseline.settings), flat_settings(settings)),
        _differences(baseline.measured.versions, now.versions),
        foreign=not baseline.settings,
    )


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(
        f"{name}: {old.get(name)} -> {new.get(name)}"
        for name in sorted({*old, *new})
        if old.get(name) != new.get(name)
    )
