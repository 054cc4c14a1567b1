"""Checks and changes of settings, for the configurations of methods."""

import dataclasses
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

C = TypeVar("C", bound="DataclassInstance")


def multiplied(config: C, factor: float, *names: str) -> C:
    """Return a dataclass with counts multiplied, rounded, at least 1; what is None stays so."""
    counts = {name: getattr(config, name) for name in names}
    changed = {
        name: max(1, round(count * factor)) for name, count in counts.items() if count is not None
    }
    return dataclasses.replace(config, **changed)


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
