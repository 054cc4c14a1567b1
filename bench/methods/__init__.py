"""The methods: one module each, found by being here.

A module with a `bench.methods.interface.Method` named ``METHOD`` is a method, in this folder or in
those that ``$DESTSEG_BENCH_METHODS`` names. Importing the package imports neither torch nor, until
it is asked for, any method.
"""

import os
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import MappingProxyType, ModuleType
from typing import Any

from bench.methods.interface import Method
from bench.methods.steps import Step
from destseg.errors import InputError, suggestion

METHODS_VARIABLE = "DESTSEG_BENCH_METHODS"
"""Environment variable that names folders of further methods, separated as in ``PATH``."""

PAPER = "DeSTSeg"
"""The method whose paper is reproduced; its factors are columns of every table of cells."""

FLOORS = ("pixel-nn", "mean-image")
"""Methods that learn nothing: what any other is worth is how far it is above them."""

EVALUATION = "evaluation"
"""The kind of the harness's own step, after every method's last."""

_PARTS = ("codecs", "interface", "steps")

__path__ += [path for path in os.environ.get(METHODS_VARIABLE, "").split(os.pathsep) if path]


@cache
def _modules() -> tuple[ModuleType, ...]:
    """Import every module of every folder; those whose names begin with ``_`` help the others."""
    found: dict[str, ModuleType] = {}
    for folder in __path__:
        if not Path(folder).is_dir():
            raise InputError(f"${METHODS_VARIABLE}: {folder} is no folder; name one with methods.")
        for module in iter_modules([folder]):
            own = folder == __path__[0]
            if module.name.startswith("_") or (own and module.name in _PARTS):
                continue
            if module.name in found or module.name in _PARTS:
                raise InputError(
                    f"{folder}: {module.name} is the name of a module of bench.methods; rename it."
                )
            try:
                found[module.name] = import_module(f"{__name__}.{module.name}")
            except Exception as error:
                raise InputError(
                    f"{folder}: the method {module.name} cannot be imported "
                    f"({type(error).__name__}: {error}); mend it."
                ) from error
    return tuple(found.values())


@cache
def methods() -> Mapping[str, Method[Any, Any]]:
    """Return every method by its name, the paper's own first.

    Raises
    ------
    InputError
        When a module is no method, or two methods have one name or one kind of step.
    """
    found: dict[str, Method[Any, Any]] = {}
    for module in _modules():
        method = getattr(module, "METHOD", None)
        if not isinstance(method, Method):
            raise InputError(
                f"{module.__file__}: has no METHOD; see docs/add-a-method.md, or begin its name "
                "with _ if it only helps others."
            )
        if method.name in found:
            raise InputError(f"{module.__file__}: a method {method.name!r} is there already.")
        found[method.name] = method
    method_steps()
    order = sorted(found, key=lambda name: (name != PAPER, name.lower()))
    return MappingProxyType({name: found[name] for name in order})


def method(name: str, where: str = "method") -> Method[Any, Any]:
    """Return a method by its name.

    Raises
    ------
    InputError
        When there is none; ``where`` says who asked.
    """
    if name not in methods():
        hint = suggestion(name, methods())
        if not os.environ.get(METHODS_VARIABLE):
            hint += f" Own ones are in the folders that ${METHODS_VARIABLE} names; it is not set."
        raise InputError(f"{where}: unknown method {name!r}; {hint}")
    return methods()[name]


@cache
def method_steps() -> Mapping[str, type[Step[Any]]]:
    """Return the class of every step in the methods' modules by its kind.

    Raises
    ------
    InputError
        When two steps have one kind.
    """
    found: dict[str, type[Step[Any]]] = {}
    for module in _modules():
        for value in vars(module).values():
            kind = getattr(value, "kind", None) if isinstance(value, type) else None
            if kind is None or not issubclass(value, Step):
                continue
            if kind == EVALUATION or found.setdefault(kind, value) is not value:
                raise InputError(
                    f"{module.__file__}: another step has the kind {kind!r}, and would be taken "
                    "for this one; name it otherwise."
                )
    return MappingProxyType(found)


def forget() -> None:
    """Look for methods anew, as after a change of the folders that they are in."""
    for known in (_modules, methods, method_steps):
        known.cache_clear()
