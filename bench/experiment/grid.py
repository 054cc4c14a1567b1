"""The grid: which variants, categories and seeds there are, and in which order they run."""

from __future__ import annotations

import difflib
import itertools
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from destseg.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from destseg.config import FusionInput, StudentKind

METHOD = "DeSTSeg"

FACTORS = ("den", "ed", "seg")
"""The switches of the paper's ablation; each is a property of `Variant`."""


@dataclass(frozen=True)
class Variant:
    """The method with some of its parts replaced or left out.

    Parameters
    ----------
    den : bool
        The student is trained on corrupted images.
    student : {"encoder", "encoder-decoder", "decoder"}
        The student's shape; ``encoder`` is the paper's ed off, ``encoder-decoder`` its ed on.
    seg : bool
        A segmentation net makes the anomaly map.
    l1 : bool
        The segmentation net's loss has an L1 term (Table 5). Without seg always True.
    fusion_input : {"product", "features", "distances"}
        What the segmentation net is fed (Table 6). Without seg always ``product``.
    """

    den: bool
    student: StudentKind
    seg: bool
    l1: bool = True
    fusion_input: FusionInput = "product"

    @property
    def ed(self) -> bool:
        """Whether the student is the paper's encoder-decoder."""
        return self.student == "encoder-decoder"

    @property
    def name(self) -> str:
        """Such as ``den+seg`` or ``den+ed+seg+no-l1``; ``none`` when everything is off."""
        words = (
            "den" if self.den else "",
            {"encoder": "", "encoder-decoder": "ed", "decoder": "decoder"}[self.student],
            "seg" if self.seg else "",
            "" if self.l1 else "no-l1",
            "" if self.fusion_input == "product" else self.fusion_input,
        )
        return "+".join(word for word in words if word) or "none"


def _all_variants() -> Iterable[Variant]:
    """Every variant, so ordered that a part of them stands as in the paper's Tables 4, 5 and 6."""
    ablation: tuple[tuple[bool, StudentKind, bool], ...] = (
        (False, "encoder", False),
        (True, "encoder", False),
        (False, "encoder-decoder", False),
        (False, "encoder", True),
        (True, "encoder-decoder", False),
        (True, "encoder", True),
        (False, "encoder-decoder", True),
        (True, "encoder-decoder", True),
        (False, "decoder", False),
        (True, "decoder", False),
        (False, "decoder", True),
        (True, "decoder", True),
    )
    inputs: tuple[FusionInput, ...] = ("features", "distances", "product")
    for den, student, seg in ablation:
        if seg:
            for l1, fusion_input in itertools.product((False, True), inputs):
                yield Variant(den, student, seg, l1, fusion_input)
        else:
            yield Variant(den, student, seg)


VARIANTS: Mapping[str, Variant] = MappingProxyType(
    {variant.name: variant for variant in _all_variants()}
)
"""Every variant by name, ordered so that each of the paper's tables is in its own order."""

ABLATION: Mapping[str, Variant] = MappingProxyType(
    {
        name: variant
        for name, variant in VARIANTS.items()
        if variant.student != "decoder" and variant.l1 and variant.fusion_input == "product"
    }
)
"""The eight variants of den, ed and seg, in the order of the paper's Table 4."""

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


def choose_categories(
    wanted: Sequence[str], known: Sequence[str], where: object
) -> tuple[str, ...]:
    """Return the wanted categories, or all that are known, in the order of the known ones.

    Raises
    ------
    InputError
        When one of the wanted is not known; ``where`` says in what.
    """
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise InputError(f"{where}: no category {unknown[0]!r}; there are {', '.join(known)}.")
    return tuple(name for name in known if not wanted or name in wanted)


def in_paper_order(variants: Iterable[str]) -> tuple[str, ...]:
    """Sort names of variants as the rows of the paper's tables."""
    wanted = set(variants)
    return tuple(name for name in VARIANTS if name in wanted)


def nearest_variants(name: str) -> tuple[str, ...]:
    """Return the variants somebody may have meant: the nearest names, else the ablation's."""
    words = {"no_l1": "no-l1", "encoder-decoder": "ed", "": "none"}
    parts = [words.get(word, word) for word in name.lower().replace(" ", "").split("+")]
    same = [known for known in VARIANTS if sorted(known.split("+")) == sorted(parts)]
    return tuple(same or difflib.get_close_matches(name, VARIANTS, n=3) or ABLATION)
