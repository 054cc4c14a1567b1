"""Rendering one sample: seeds from names, and the mask from the difference of two renders."""

import hashlib
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bench.data.miniature import hardware, household, medicine, textures
from bench.data.miniature.defects import GOOD, Flaw
from bench.data.miniature.draw import Canvas

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

VERSION: int = 1
"""Part of every seed; raise it when a change of the generators changes any pixel."""

VISIBLE = 8
"""A pixel belongs to the mask if a channel differs by more than this, in units of 1/255."""

MIN_SIZE = 32
"""Smallest side in pixels at which the scenes can still be told apart."""

_MIN_AREA = 0.002
"""A defect that changes less of the image than this is redrawn: 8 pixels of 64 x 64."""

_JUDGED_SIZE = 64

_MAX_ATTEMPTS = 64

_SCENES: "Mapping[str, tuple[Callable[[Canvas, np.random.Generator, Flaw], None], str]]" = {
    "bottle": (household.bottle, "broken_large broken_small contamination"),
    "cable": (hardware.cable, "bent_wire cable_swap cut_inner_insulation missing_wire"),
    "capsule": (medicine.capsule, "crack faulty_imprint poke squeeze"),
    "carpet": (textures.carpet, "color cut hole thread"),
    "grid": (textures.grid, "bent broken glue metal_contamination"),
    "hazelnut": (household.hazelnut, "crack cut hole print"),
    "leather": (textures.leather, "color cut fold poke"),
    "metal_nut": (hardware.metal_nut, "bent color flip scratch"),
    "pill": (medicine.pill, "color contamination crack faulty_imprint"),
    "screw": (hardware.screw, "manipulated_front scratch_head scratch_neck thread_side"),
    "tile": (textures.tile, "crack glue_strip gray_stroke rough"),
    "toothbrush": (household.toothbrush, "contamination missing_tuft splayed_bristles"),
    "transistor": (hardware.transistor, "bent_lead cut_lead damaged_case misplaced"),
    "wood": (textures.wood, "color hole liquid scratch"),
    "zipper": (household.zipper, "broken_teeth fabric_border fabric_interior split_teeth"),
}

CATEGORIES: tuple[str, ...] = tuple(_SCENES)
"""The 15 categories, in alphabetical order."""

DEFECTS: "Mapping[str, tuple[str, ...]]" = MappingProxyType(
    {name: tuple(defects.split()) for name, (_, defects) in _SCENES.items()}
)
"""The defect types of each category, in alphabetical order."""


@dataclass(frozen=True)
class Sample:
    """One image and what is wrong in it."""

    image: npt.NDArray[np.uint8]  # (S, S, 3) RGB
    # (S, S), True where the defect visibly changes the picture; all False for a good sample.
    mask: npt.NDArray[np.bool_]


def render(category: str, split: str, index: int, size: int) -> Sample:
    """Render one sample; the same arguments give the same bits.

    The seed does not depend on `size`: a sample is the same scene at every resolution. The mask of
    a defective one is never empty.

    Parameters
    ----------
    category : str
        One of `CATEGORIES`.
    split : str
        The sample's folder in MVTec AD's layout: ``"train/good"``, ``"test/good"`` or
        ``"test/<defect>"`` with one of the category's `DEFECTS`.
    index : int
        Number of the sample within its split, 0 or more.
    size : int
        Side of the square image in pixels, at least `MIN_SIZE`.

    Raises
    ------
    ValueError
        If an argument is none of these.
    """
    kind = _kind(category, split)
    if index < 0 or size < MIN_SIZE:
        raise ValueError(f"index {index} and size {size} must be at least 0 and {MIN_SIZE}")
    seed = f"{VERSION}/{category}/{split}/{index}"
    if kind == GOOD:
        return Sample(_good(category, seed, size), np.zeros((size, size), np.bool_))
    for attempt in range(_MAX_ATTEMPTS):
        # Judged at one size for all, or a faint defect would be redrawn at one and not at another.
        judged = _defective(category, seed, kind, attempt, _JUDGED_SIZE)
        if judged.mask.mean() < _MIN_AREA:
            continue
        asked = size == _JUDGED_SIZE
        sample = judged if asked else _defective(category, seed, kind, attempt, size)
        if sample.mask.any():
            return sample
    raise RuntimeError(f"{seed}: no visible defect in {_MAX_ATTEMPTS} attempts; mend the generator")


def difference(
    first: npt.NDArray[np.uint8], second: npt.NDArray[np.uint8]
) -> npt.NDArray[np.bool_]:
    """Mark the pixels (S, S) where two (S, S, 3) uint8 images differ by more than `VISIBLE`."""
    gap = np.abs(first.astype(np.int16) - second.astype(np.int16))
    return np.asarray(gap.max(axis=2) > VISIBLE)


def _kind(category: str, split: str) -> str:
    """Return the name of the defect that a split holds, `GOOD` for none."""
    if category not in DEFECTS:
        raise ValueError(f"unknown category {category!r}; expected one of {', '.join(CATEGORIES)}")
    splits = ["train/good", "test/good", *(f"test/{name}" for name in DEFECTS[category])]
    if split not in splits:
        raise ValueError(f"{category} has no split {split!r}; expected one of {', '.join(splits)}")
    return split.partition("/")[2]


def _generator(seed: str, stream: str) -> np.random.Generator:
    """Make the generator of one stream of a sample: the scene, the camera or a defect."""
    digest = hashlib.sha256(f"{seed}/{stream}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16]))


def _good(category: str, seed: str, size: int) -> npt.NDArray[np.uint8]:
    """Render a scene without a flaw."""
    return _picture(category, seed, Flaw(GOOD, _generator(seed, "flaw"), 0.0), size)


def _defective(category: str, seed: str, kind: str, attempt: int, size: int) -> Sample:
    """Render a scene with and without its flaw and compare the two."""
    rng = _generator(seed, f"flaw {attempt}")
    bad = _picture(category, seed, Flaw(kind, rng, rng.uniform(0.6, 1.0)), size)
    return Sample(bad, difference(_good(category, seed, size), bad))


def _picture(category: str, seed: str, flaw: Flaw, size: int) -> npt.NDArray[np.uint8]:
    """Render a scene with a flaw; everything but the flaw follows from `seed`."""
    canvas = Canvas(size)
    draw, _ = _SCENES[category]
    draw(canvas, _generator(seed, "scene"), flaw)
    return canvas.develop(_generator(seed, "camera"))
