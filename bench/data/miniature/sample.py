"""Rendering one sample: seeds from names, and the mask by comparing it with and without a flaw."""

import hashlib
import math
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bench.data.miniature import hardware, household, medicine, textures
from bench.data.miniature.camera import Camera, Play
from bench.data.miniature.defects import GOOD, Flaw
from bench.data.miniature.draw import Canvas, averaged
from bench.data.miniature.masks import Mask, contrast, difference, outline

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

VERSION: int = 3
"""Part of every seed; raise it when a change of the generators changes any pixel."""

MIN_SIZE = 32
"""Smallest side in pixels at which the scenes can still be told apart."""

_MIN_AREA = 0.006
"""A defect whose mask covers less of the image than this is redrawn: 25 pixels of 64 x 64."""

_MIN_CONTRAST = 30
"""A defect that changes no pixel by more than this, in units of 1/255, is redrawn too."""

_SIZES = math.log(0.9), math.log(2.5)
"""Range of the logarithm of a flaw's size."""

_JUDGED_SIZE = 64

_MAX_ATTEMPTS = 64


@dataclass(frozen=True)
class _Scene:
    draw: "Callable[[Canvas, np.random.Generator, Flaw], None]"
    play: Play
    defects: str


_FREE = math.pi
_SURFACE = 1.0

_SCENES: "Mapping[str, _Scene]" = {
    "bottle": _Scene(
        household.bottle,
        Play(0.07, _FREE, (0.92, 1.04)),
        "broken_large broken_small contamination",
    ),
    "cable": _Scene(
        hardware.cable,
        Play(0.06, 0.30, (0.92, 1.03)),
        "bent_wire cable_swap cut_inner_insulation missing_wire",
    ),
    "capsule": _Scene(
        medicine.capsule, Play(0.08, 0.20, (0.92, 1.04)), "crack faulty_imprint poke squeeze"
    ),
    "carpet": _Scene(textures.carpet, Play(_SURFACE, 0.10, (0.92, 1.08)), "color cut hole thread"),
    "grid": _Scene(
        textures.grid, Play(_SURFACE, 0.08, (0.94, 1.06)), "bent broken glue metal_contamination"
    ),
    "hazelnut": _Scene(household.hazelnut, Play(0.12, _FREE, (0.90, 1.06)), "crack cut hole print"),
    "leather": _Scene(textures.leather, Play(_SURFACE, _FREE, (0.90, 1.10)), "color cut fold poke"),
    "metal_nut": _Scene(
        hardware.metal_nut, Play(0.06, _FREE, (0.93, 1.04)), "bent color flip scratch"
    ),
    "pill": _Scene(
        medicine.pill, Play(0.08, 0.22, (0.94, 1.06)), "color contamination crack faulty_imprint"
    ),
    "screw": _Scene(
        hardware.screw,
        Play(0.10, _FREE, (0.86, 0.98)),
        "manipulated_front scratch_head scratch_neck thread_side",
    ),
    "tile": _Scene(
        textures.tile, Play(_SURFACE, _FREE, (0.90, 1.10)), "crack glue_strip gray_stroke rough"
    ),
    "toothbrush": _Scene(
        household.toothbrush,
        Play(0.06, 0.10, (0.94, 1.04)),
        "contamination missing_tuft splayed_bristles",
    ),
    "transistor": _Scene(
        hardware.transistor,
        Play(0.05, 0.06, (0.96, 1.04)),
        "bent_lead cut_lead damaged_case misplaced",
    ),
    "wood": _Scene(textures.wood, Play(_SURFACE, 0.06, (0.85, 1.15)), "color hole liquid scratch"),
    "zipper": _Scene(
        household.zipper,
        Play(0.06, 0.06, (0.95, 1.05)),
        "broken_teeth fabric_border fabric_interior split_teeth",
    ),
}

CATEGORIES: tuple[str, ...] = tuple(_SCENES)
"""The 15 categories, in alphabetical order."""

DEFECTS: "Mapping[str, tuple[str, ...]]" = MappingProxyType(
    {name: tuple(scene.defects.split()) for name, scene in _SCENES.items()}
)
"""The defect types of each category, in alphabetical order."""


@dataclass(frozen=True)
class Sample:
    """One image and what is wrong in it."""

    image: npt.NDArray[np.uint8]  # (S, S, 3) RGB
    # (S, S), True in the region of the defect; all False for a good sample.
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
        image, _ = _picture(category, seed, _no_flaw(seed), size)
        return Sample(image, np.zeros((size, size), np.bool_))
    goods = {
        side: _picture(category, seed, _no_flaw(seed), side)[0] for side in {size, _JUDGED_SIZE}
    }
    for attempt in range(_MAX_ATTEMPTS):
        # Judged at one size for all, or a faint defect would be redrawn at one and not at another.
        sample, seen = _defective(category, seed, kind, attempt, goods[_JUDGED_SIZE])
        if sample.mask.mean() < _MIN_AREA or seen < _MIN_CONTRAST:
            continue
        if size != _JUDGED_SIZE:
            sample, _ = _defective(category, seed, kind, attempt, goods[size])
        if sample.mask.any():
            return sample
    raise RuntimeError(f"{seed}: no visible defect in {_MAX_ATTEMPTS} attempts; mend the generator")


def _kind(category: str, split: str) -> str:
    """Return the name of the defect that a split holds, `GOOD` for none."""
    if category not in DEFECTS:
        raise ValueError(f"unknown category {category!r}; expected one of {', '.join(CATEGORIES)}")
    splits = ["train/good", "test/good", *(f"test/{name}" for name in DEFECTS[category])]
    if split not in splits:
        raise ValueError(f"{category} has no split {split!r}; expected one of {', '.join(splits)}")
    return split.partition("/")[2]


def _generator(seed: str, stream: str) -> np.random.Generator:
    """Make the generator of one stream of a sample: scene, camera, sensor or a defect."""
    digest = hashlib.sha256(f"{seed}/{stream}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16]))


def _no_flaw(seed: str) -> Flaw:
    """Make what leaves a scene as it is."""
    return Flaw(GOOD, _generator(seed, "flaw"), 0.0, 1.0)


def _defective(
    category: str, seed: str, kind: str, attempt: int, good: npt.NDArray[np.uint8]
) -> tuple[Sample, int]:
    """Render a scene with its flaw, outlined, and tell its greatest contrast, 0..255."""
    rng = _generator(seed, f"flaw {attempt}")
    flaw = Flaw(kind, rng, rng.uniform(0.55, 1.0), math.exp(rng.uniform(*_SIZES)))
    image, blamed = _picture(category, seed, flaw, len(good))
    gap = contrast(good, image)
    mask = outline(difference(gap) if blamed is None else blamed)
    return Sample(image, mask), int(gap.max(where=mask, initial=0))


def _picture(
    category: str, seed: str, flaw: Flaw, size: int
) -> tuple[npt.NDArray[np.uint8], Mask | None]:
    """Render a scene with a flaw, and what the scene blames; all but the flaw is of `seed`."""
    scene = _SCENES[category]
    camera = Camera.drawn(_generator(seed, "camera"), scene.play)
    canvas = Canvas(size, camera)
    scene.draw(canvas, _generator(seed, "scene"), flaw)
    image = camera.expose(averaged(canvas.rgb), _generator(seed, "sensor"))
    return image, None if canvas.blamed is None else averaged(canvas.blamed) > 0.5
