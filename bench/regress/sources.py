"""A digest of each source component."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.common.source_code import module_digest

ROOT = Path(__file__).parents[2]

PIPELINE = (
    "bench/data",
    "destseg",
    "bench/methods",
    "bench/planning/stages.py",
    "bench/running/site.py",
    "bench/running/execution.py",
    "bench/planning/evaluation.py",
    "bench/metrics",
    "bench/results/cells.py",
)
"""What numbers pass through, in this order; a folder means all the modules in it."""

MEASURING = (
    "bench/data/categories.py",
    "bench/data/maps.py",
    "bench/data/reading.py",
    "bench/metrics",
    "bench/results/cells.py",
)
"""What other people's scores pass through."""


def source_digests(parts: Sequence[str] = PIPELINE, root: Path = ROOT) -> dict[str, str]:
    """Digest every module of some parts, in their order, by its path below ``root``."""
    files: list[Path] = []
    for part in parts:
        place = root / part
        files += sorted(place.rglob("*.py")) if place.is_dir() else [place] * place.is_file()
    return {
        file.relative_to(root).as_posix(): module_digest(file.read_text(encoding="utf-8"))
        for file in files
    }


def changed_sources(old: Mapping[str, str], new: Mapping[str, str]) -> tuple[str, ...]:
    """Name the components that differ, came or went, in the pipeline's order."""

    def place(name: str) -> tuple[int, str]:
        parts = (i for i, part in enumerate(PIPELINE) if f"{name}/".startswith(f"{part}/"))
        return next(parts, len(PIPELINE)), name

    return tuple(sorted({n for n in {*old, *new} if old.get(n) != new.get(n)}, key=place))
