"""Other results beside an experiment's: methods side by side."""

import dataclasses
import functools
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from bench.methods import FLOORS
from bench.results.results import Results
from destseg.errors import InputError


def join(results: Results, others: Iterable[Results]) -> Results:
    """Take in the methods of other results, over the categories and seeds of the first.

    A method that is there already comes under the name ``"METHOD (experiment)"``; a floor that is
    there already is left out, since of the same images it is the same.

    Raises
    ------
    InputError
        If one has another protocol or other images, no category of these, or is there already.
    """
    return functools.reduce(_beside, others, results)


def _beside(results: Results, other: Results) -> Results:
    _require_same_ground(results, other)
    names = {
        method: f"{method} ({other.experiment})" if method in results.variants else method
        for method in other.variants
        if not (method in FLOORS and method in results.variants)
    }
    for name in names.values():
        if name in results.variants:
            raise InputError(f"{_pair(results, other)}: {name} is there already; include it once.")
    wanted = other.cells[other.cells["method"].isin(names)]
    inside = wanted["category"].isin(results.categories) & wanted["seed"].isin(results.seeds)
    taken = wanted[inside]
    if taken.empty:
        raise InputError(
            f"{_pair(results, other)}: they have no cell of a category and a seed in common; "
            f"measure the seeds {', '.join(map(str, results.seeds))}."
        )
    # What is empty for all of these, such as another method's switches, has no type to keep.
    empty = [name for name in taken if name != "variant" and _is_empty(taken[name])]
    cells = taken.drop(columns=empty).assign(method=taken["method"].map(names))
    left = len(wanted) - len(taken)
    said = f"Of {other.experiment} {left} cells outside this grid are left out."
    variants = {name: other.rows(method) for method, name in names.items()}
    # Of how little an included method was trained heads the tables, too.
    theirs = {names[name]: config for name, config in _configs(other).items() if name in names}
    return dataclasses.replace(
        results,
        cells=pd.concat([results.cells, cells], ignore_index=True),
        variants={**results.variants, **variants},
        provenance=(
            *results.provenance,
            f"Included: {'; '.join((other.experiment, *other.foot[:-1]))}",
        ),
        remarks=(*results.remarks, *([said] if left else [])),
        settings={**results.settings, "configs": {**_configs(results), **theirs}},
    )


def own_name(name: str) -> str:
    """Return a method's name without the experiment that `join` put behind it."""
    return name.partition(" (")[0]


def _configs(results: Results) -> Mapping[str, Any]:
    """Return the settings of methods, as far as they are known."""
    found: Mapping[str, Any] = results.settings.get("configs", {})
    return found


def _require_same_ground(results: Results, other: Results) -> None:
    pair = _pair(results, other)
    if other.protocol.identity() != results.protocol.identity():
        raise InputError(
            f"{pair}: measured under the protocols {results.protocol.label!r} and "
            f"{other.protocol.label!r}; measure both under one."
        )
    if not {*results.categories} & {*other.categories}:
        raise InputError(f"{pair}: they have no category in common; measure both on the same.")
    ours, theirs = _digests(results.cells), _digests(other.cells)
    for category in results.categories:
        if category in ours and category in theirs and ours[category] != theirs[category]:
            raise InputError(
                f"{pair}: measured on other images of {category}; measure both on the same."
            )


def _pair(results: Results, other: Results) -> str:
    return f"{results.experiment} and {other.experiment}"


def _digests(cells: pd.DataFrame) -> Mapping[str, set[str]]:
    """Return category -> digests of its images."""
    found: dict[str, set[str]] = {}
    for category, digest in zip(cells["category"], cells["images"], strict=True):
        found.setdefault(category, set()).add(digest)
    return found


def _is_empty(column: "pd.Series[Any]") -> bool:
    return bool((column.isna() | (column == "")).all())
