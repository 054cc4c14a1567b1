"""The embedded miniature: drawn into the cache, category by category, when it is first needed."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from bench.data import miniature
from bench.data.kinds import DatasetKind
from bench.data.kinds.mvtec import ROTATIONS

if TYPE_CHECKING:
    from pathlib import Path


def drawn(name: str, title: str, first: int, development: str = "") -> DatasetKind:
    """Make the kind whose samples are those of the miniature's generators from `first` on."""
    return DatasetKind(
        name=name,
        title=f"{title} v{miniature.VERSION}",
        default_experiment="ablation",
        categories=miniature.CATEGORIES,
        rotations=ROTATIONS,  # its categories are drawn after those of MVTec AD
        smallest=miniature.MIN_SIZE,
        development=development,
        generate=partial(_generate, name, first),
    )


def _generate(name: str, first: int, cache: Path, category: str, size: int) -> Path:
    root = cache / f"{name}-v{miniature.VERSION}-{size}"
    miniature.write(root, size, category, first=first)
    return root


KIND = drawn("miniature", "the embedded miniature", 0, development="development")
