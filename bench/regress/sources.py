"""A digest of each source component, blind to comments, docstrings and formatting."""

import ast
import functools
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

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


@functools.cache
def module_digest(text: str) -> str:
    """Digest what a module says, not how it is written.

    Examples
    --------
    >>> module_digest("x = 1  # one") == module_digest("x=1")
    True
    >>> module_digest("x = 1") == module_digest("x = 2")
    False
    """
    return hashlib.sha256(_said(ast.parse(text)).encode()).hexdigest()[:16]


def changed_sources(old: Mapping[str, str], new: Mapping[str, str]) -> tuple[str, ...]:
    """Name the components that differ, came or went, in the pipeline's order."""

    def place(name: str) -> tuple[int, str]:
        parts = (i for i, part in enumerate(PIPELINE) if f"{name}/".startswith(f"{part}/"))
        return next(parts, len(PIPELINE)), name

    return tuple(sorted({n for n in {*old, *new} if old.get(n) != new.get(n)}, key=place))


def _said(node: Any) -> str:
    """Write a syntax tree out; unlike `ast.dump`, alike in every version of Python.

    Fields that are empty are left out: newer versions have more of them.
    """
    if isinstance(node, list):
        return f"[{','.join(map(_said, node))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = dict(ast.iter_fields(node))
    if isinstance(fields.get("body"), list):
        # A string that stands alone is a docstring, of a module, class, function or attribute.
        fields["body"] = [child for child in fields["body"] if not _is_text(child)]
    kept = (f"{name}={_said(value)}" for name, value in fields.items() if value not in (None, []))
    return f"{type(node).__name__}({','.join(kept)})"


def _is_text(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
