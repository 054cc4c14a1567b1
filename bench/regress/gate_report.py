"""What a comparison answers: a verdict, and all that led to it."""

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bench.experiment.grid import Cell
from bench.regress.baseline import SCHEMA, Baseline
from bench.regress.measured import Measured
from bench.regress.sources import changed_sources


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

    Parameters
    ----------
    metric : str
        Its key.
    method, variant : str
        Whose number it is; the variant is empty where the method has none.
    category : str
        The category; empty for the mean over all.
    seed : int or None
        None where seeds were averaged.
    old, new : float
        Both numbers.
    noise : float
        What is allowed by arithmetic, or the standard error of the change.
    p : float or None
        Of the test, adjusted for how many there are.
    worse : bool
        Whether it is for the worse.
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

    Parameters
    ----------
    sources : tuple of str
        Source components, in the order numbers pass through them.
    settings, versions : tuple of str
        Settings of the experiment and packages, each as ``name: old -> new``.
    """

    sources: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()


@dataclass(frozen=True)
class GateReport:
    """The answer of the gate.

    Parameters
    ----------
    verdict : Verdict
        The answer in a word.
    experiment : str
        Its name.
    compared : int
        Numbers that were compared.
    cells : tuple of Cell
        Those compared.
    changes : tuple of Change
        The largest first, relative to what is allowed.
    missing, incomparable : tuple of str
        Why it is incomplete or not comparable, a line each.
    notes : tuple of str
        What else to know, such as the smallest drop that could be seen.
    cause : Cause
        What may have done it.
    """

    verdict: Verdict
    experiment: str
    compared: int = 0
    cells: tuple[Cell, ...] = ()
    changes: tuple[Change, ...] = ()
    missing: tuple[str, ...] = ()
    incomparable: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    cause: Cause = Cause()


def verdict_of(
    *, compared: int, changes: Iterable[Change], missing: object, incomparable: object
) -> Verdict:
    """Weigh what was found; nothing compared is never a pass."""
    if incomparable:
        return Verdict.NOT_COMPARABLE
    if missing or not compared:
        return Verdict.INCOMPLETE
    worse = [change.worse for change in changes]
    if any(worse):
        return Verdict.REGRESSION
    return Verdict.IMPROVEMENT if worse else Verdict.PASS


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
    return tuple(lines)


def cause_of(
    baseline: Baseline, now: Measured, settings: Mapping[str, Any], sources: Mapping[str, str]
) -> Cause:
    """Gather what differs besides the numbers."""
    return Cause(
        changed_sources(baseline.sources, sources),
        _differences(_flat(baseline.settings), _flat(settings)),
        _differences(baseline.measured.versions, now.versions),
    )


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = list(value) if isinstance(value, tuple) else value
    return flat


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(
        f"{name}: {old.get(name)} -> {new.get(name)}"
        for name in sorted({*old, *new})
        if old.get(name) != new.get(name)
    )
