"""Checks and changes of settings, for the configurations of methods."""

import dataclasses
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    from destseg.config import Precision

C = TypeVar("C", bound="DataclassInstance")


def multiplied(config: C, factor: float, *names: str) -> C:
    """Return a dataclass with counts multiplied, rounded, at least 1; what is None stays so."""
    counts = {name: getattr(config, name) for name in names}
    changed = {
        name: max(1, round(count * factor)) for name, count in counts.items() if count is not None
    }
    return dataclasses.replace(config, **changed)


def in_precision(config: C, precision: "Precision") -> C:
    """Return a dataclass with another value of its field ``precision``."""
    return dataclasses.replace(config, precision=precision)


def of_step(precision: "Precision") -> "Precision | None":
    """Return what a step's field holds: None for float32, which has the keys of before."""
    return None if precision == "float32" else precision


def as_papers(precision: "Precision") -> "Precision":
    """Return float32 for TF32 too, which is torch's own choice on the cards of the papers' time."""
    return "float32" if precision == "tf32" else precision


def with_precision(words: str, precision: "Precision") -> str:
    """Add a precision other than float32 to a summary."""
    return words if precision == "float32" else f"{words}, in {precision}"


def require_at_least(least: float, **values: float) -> None:
    """Refuse what is less.

    Raises
    ------
    ValueError
        That names the value.
    """
    for name, value in values.items():
        if value < least:
            raise ValueError(f"{name} is {value}; it must be at least {least}")


def require_shares(**values: float) -> None:
    """Refuse what is not in [0, 1].

    Raises
    ------
    ValueError
        That names the value.
    """
    for name, value in values.items():
        if not 0 <= value <= 1:
            raise ValueError(f"{name} is {value}; it must be between 0 and 1")
