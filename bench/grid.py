"""The grid: which variants, categories and seeds there are, and in which order they run."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

METHOD = "DeSTSeg"


class Variant(NamedTuple):
    """One of the paper's ablations."""

    den: bool
    """The student is trained on corrupted images."""
    ed: bool
    """The student is an encoder-decoder."""
    seg: bool
    """A segmentation net makes the anomaly map."""

    @property
    def name(self) -> str:
        """Such as ``den+seg``; ``none`` when everything is off."""
        return "+".join(flag for flag in FACTORS if getattr(self, flag)) or "none"


FACTORS = Variant._fields

VARIANTS: Mapping[str, Variant] = MappingProxyType(
    {
        variant.name: variant
        for variant in (
            Variant(den=False, ed=False, seg=False),
            Variant(den=True, ed=False, seg=False),
            Variant(den=False, ed=True, seg=False),
            Variant(den=False, ed=False, seg=True),
            Variant(den=True, ed=True, seg=False),
            Variant(den=True, ed=False, seg=True),
            Variant(den=False, ed=True, seg=True),
            Variant(den=True, ed=True, seg=True),
        )
    }
)
"""The eight variants by name, in the order of the paper's Table 4."""

FULL_VARIANT = "den+ed+seg"
"""The paper's method."""


@dataclass(frozen=True)
class Cell:
    """One number of the grid: a variant on a category with a seed."""

    category: str
    variant: Variant
    seed: int

    def __str__(self) -> str:
        return f"{self.category} {self.variant.name} seed {self.seed}"


@dataclass(frozen=True)
class Grid:
    """The product of categories, variants and seeds.

    Parameters
    ----------
    categories : tuple of str
        In the order of the tables.
    variants : tuple of str
        Keys of `VARIANTS`.
    seeds : tuple of int
        Each a complete repetition of everything random.
    """

    categories: tuple[str, ...]
    variants: tuple[str, ...]
    seeds: tuple[int, ...]

    def cells(self) -> tuple[Cell, ...]:
        """List all cells seed by seed, so that after the first seed there is a whole table."""
        return tuple(
            Cell(category, VARIANTS[variant], seed)
            for seed in self.seeds
            for category in self.categories
            for variant in in_paper_order(self.variants)
        )


def in_paper_order(variants: Iterable[str]) -> tuple[str, ...]:
    """Sort names of variants as the rows of the paper's Table 4."""
    wanted = set(variants)
    return tuple(name for name in VARIANTS if name in wanted)
