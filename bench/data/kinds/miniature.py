"""The embedded miniature: drawn into the cache, category by category, when it is first needed."""

from pathlib import Path

from bench.data import miniature
from bench.data.kinds import DatasetKind
from bench.data.kinds.mvtec import ROTATIONS


def _generate(cache: Path, category: str, size: int) -> Path:
    root = cache / f"miniature-v{miniature.VERSION}-{size}"
    miniature.write(root, size, category)
    return root


KIND = DatasetKind(
    name="miniature",
    title=f"the embedded miniature v{miniature.VERSION}",
    default_experiment="ablation",
    categories=miniature.CATEGORIES,
    rotations=ROTATIONS,  # its categories are drawn after those of MVTec AD
    smallest=miniature.MIN_SIZE,
    generate=_generate,
)
