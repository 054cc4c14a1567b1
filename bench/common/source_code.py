"""Digests of source code, blind to comments, docstrings and formatting."""

import ast
import functools
import hashlib
import sys
from pathlib import Path
from typing import Any, NamedTuple

OWN = Path(__file__).parents[1]
"""The code of this package, whose commit is in every record anyway."""


class Source(NamedTuple):
    """Where a class is from that is not of this package."""

    place: Path
    """Its file, or the folder of its package."""
    digest: str
    """Of that code, and of the modules beside it whose names begin with ``_``, which help it."""


def foreign_source(cls: type) -> Source | None:
    """Digest the code that a class of somebody else's is from; None for one of this package.

    What it is when first asked for counts for the whole process, since that is what was imported.
    """
    return _foreign_source(cls)


@functools.cache
def _foreign_source(cls: Any) -> Source | None:
    name = getattr(sys.modules.get(cls.__module__), "__file__", None)
    if name is None or OWN in Path(name).resolve().parents:
        return None
    file = Path(name).resolve()
    folder = next((up for up in file.parents if not (up / "__init__.py").is_file()), file.parent)
    place = folder / file.relative_to(folder).parts[0]
    files = sorted(place.rglob("*.py")) if place.is_dir() else [place]
    helpers = [path for path in folder.glob("_*") if path != place and path.name != "__pycache__"]
    for helper in sorted(helpers):
        files += sorted(helper.rglob("*.py")) if helper.is_dir() else [helper]
    total = hashlib.sha256()
    for path in files:
        if path.suffix == ".py":
            digest = module_digest(path.read_text(encoding="utf-8"))
            total.update(f"{path.relative_to(folder).as_posix()}\0{digest}\n".encode())
    return Source(place, total.hexdigest()[:16])


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
