"""The methods: one module each, found by being here.

A module with a `bench.methods.interface.Method` named ``METHOD`` is a method, in this folder or in
one that ``$DESTSEG_BENCH_METHODS`` names. Importing the package imports neither torch nor, until
it is asked for, any method.
"""

import difflib
import os
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType
from typing import Any

from bench.methods.interface import Method, Step
from destseg.errors import InputError

METHODS_VARIABLE = "DESTSEG_BENCH_METHODS"
"""Environment variable that names a folder of further methods."""

PAPER = "DeSTSeg"
"""The method whose paper is reproduced; its factors are columns of every table of cells."""

_PARTS = ("codecs", "interface")

if os.environ.get(METHODS_VARIABLE):
    __path__.append(os.environ[METHODS_VARIABLE])


@cache
def methods() -> Mapping[str, Method[Any, Any]]:
    """Return every method by its name, the paper's own first.

    Raises
    ------
    InputError
        When a module is no method, or two methods have one name or one kind of step.
    """
    found: dict[str, Method[Any, Any]] = {}
    for module in iter_modules(__path__):
        if module.name in _PARTS:
            continue
        loaded = import_module(f"{__name__}.{module.name}")
        method = getattr(loaded, "METHOD", None)
        if not isinstance(method, Method):
            raise InputError(f"{loaded.__file__}: has no METHOD; see bench/methods/interface.py.")
        if method.name in found:
            raise InputError(f"{loaded.__file__}: a method {method.name!r} is there already.")
        found[method.name] = method
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
        lower = {known.lower(): known for known in methods()}
        near = difflib.get_close_matches(name.lower(), lower, n=1)
        known = repr(lower[near[0]]) if near else ", ".join(methods())
        raise InputError(f"{where}: unknown method {name!r}; use {known}.")
    return methods()[name]


def step_types() -> Mapping[str, type[Step[Any]]]:
    """Return the class of every step of every method by its kind.

    Raises
    ------
    InputError
        When two steps have one kind.
    """
    methods()
    found: dict[str, type[Step[Any]]] = {}
    waiting = Step.__subclasses__()
    while waiting:
        step = waiting.pop()
        waiting += step.__subclasses__()
        kind = getattr(step, "kind", None)
        if kind is not None and found.setdefault(kind, step) is not step:
            raise InputError(f"{step.__module__}: another step has the kind {kind!r}.")
    return found
