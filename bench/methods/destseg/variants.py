"""DeSTSeg's variants: its parts switched off, or replaced."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from destseg.config import FusionInput, StudentKind


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


VARIANTS = {variant.name: variant for variant in _all_variants()}

ABLATION = tuple(
    name
    for name, variant in VARIANTS.items()
    if variant.student != "decoder" and variant.l1 and variant.fusion_input == "product"
)
"""The eight variants of den, ed and seg, in the order of the paper's Table 4."""

FULL = "den+ed+seg"

FACTORS = {name: attrgetter(name) for name in ("den", "ed", "seg")}
