"""The rows of a grid of results: methods and their variants, and what they are called in print."""

from __future__ import annotations

from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from bench.methods import FLOORS, methods
from bench.methods import PAPER as PAPERS_METHOD

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.methods.interface import Method

Row = tuple[str, str]
"""A method and its variant, which is empty where the method has but one."""


class Rows:
    """What follows from a grid's methods and variants alone; a base of `Results`.

    Attributes
    ----------
    variants
        Method -> its variants.
    """

    variants: Mapping[str, tuple[str, ...]]

    @property
    def floors(self) -> tuple[str, ...]:
        """Methods that learn nothing, which stand below the others; none where they are alone."""
        found = tuple(name for name in FLOORS if name in self.variants)
        return found if len(found) < len(self.variants) else ()

    @property
    def learners(self) -> tuple[str, ...]:
        """The other methods."""
        return tuple(name for name in self.variants if name not in self.floors)

    @property
    def method(self) -> str:
        """Whose tables these are: the paper's method where it is among them, else the first."""
        return PAPERS_METHOD if PAPERS_METHOD in self.variants else self.learners[0]

    @cached_property
    def known(self) -> Mapping[str, Method[Any, Any]]:
        """Methods of the grid that `bench.methods` has; not those of other people's maps."""
        return MappingProxyType(
            {
                name: methods()[name]
                for name, variants in self.variants.items()
                if name in methods() and set(variants) <= set(methods()[name].variants)
            }
        )

    @cached_property
    def labels(self) -> Mapping[Row, str]:
        """Every row of the grid, variants in their paper's order, and what it is called in print.

        A variant by its own name where there is one method only, else behind the method's; a
        method that has one variant by the method's. Floors come last, and by their names.
        """
        labels: dict[Row, str] = {}
        for method in (*self.learners, *self.floors):
            variants = self.variants[method]
            ordered = self.known[method].ordered(variants) if method in self.known else variants
            for variant in ordered:
                if self.learners == (method,):
                    labels[method, variant] = variant or method
                else:
                    labels[method, variant] = (
                        method if len(variants) == 1 else f"{method} {variant}"
                    )
        return MappingProxyType(labels)

    def rows(self, method: str) -> tuple[str, ...]:
        """Return a method's variants in its paper's order."""
        return tuple(variant for name, variant in self.labels if name == method)

    def full(self, method: str) -> str:
        """Return the variant that stands for a method among others, measured or not."""
        return self.known[method].full if method in self.known else self.variants[method][-1]

    @property
    def fulls(self) -> Mapping[str, str]:
        """Each method with the variant that stands for it; first whose tables these are.

        Floors come last.
        """
        order = sorted(self.learners, key=lambda method: method != self.method)
        return {method: self.full(method) for method in (*order, *self.floors)}

    @property
    def extremes(self) -> tuple[Row, ...]:
        """Rows that stand for all, the one whose maps are shown last.

        Of one method the variants with the least and with the most parts, which may be the same;
        of several the one with the most of each; of floors none.
        """
        most = {
            method: self.full(method)
            if self.full(method) in self.variants[method]
            else self.rows(method)[-1]
            for method in self.learners
        }
        if len(most) == 1:
            return tuple(dict.fromkeys((next(iter(self.labels)), *most.items())))
        return tuple(sorted(most.items(), key=lambda row: row[0] == self.method))
