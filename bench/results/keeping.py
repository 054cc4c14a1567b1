"""What a results folder holds already, and what new results may take the place of.

Folders are found by names. What is cited or committed under a name is not to be lost to a part of
it, or to another experiment that happens to have the same one.
"""

import dataclasses
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from bench.experiment.experiment import flat_settings
from bench.experiment.grid import Cell
from bench.methods import FLOORS, methods
from bench.metrics import ALL_METRICS
from bench.results.cells import cells_of, tidy
from bench.results.cells_file import read_cells
from bench.results.files import CELLS, CURVE, read_measured, write_results
from bench.results.joining import join, own_name
from bench.results.results import Results
from destseg.errors import InputError, counted

WORDS = ("metrics", "protocol.name")
"""Settings that move no number that is there."""

PART = "-part"
"""After the name of an experiment: the folder of a part of it."""


def results_there(folder: Path) -> Results | None:
    """Return the results in a folder; None where there are none, or none that can be read."""
    try:
        return read_measured(folder)
    except InputError:
        return None


def cells_there(folder: Path, wanted: Collection[Cell]) -> tuple[Cell, ...]:
    """Return those of some cells that a folder has, in its order."""
    there = results_there(folder)
    return () if there is None else tuple(c for c in cells_of(there.cells) if c in wanted)


def fitting_experiment(root: Path, scored: Results) -> str | None:
    """Name the folder of an experiment's results that others' scores can be included in.

    Of several one that has the full variant of a method, which tables compare, and of these the one
    with most categories of theirs; without any the paper's own, where its published numbers may
    stand beside them.
    """
    found = {}
    for path in sorted(root.glob(f"*/{CELLS}")):
        name, there = path.parent.name, results_there(path.parent)
        if there is None or name.startswith("score-"):
            continue
        try:
            join(there, [scored])
        except InputError:
            continue
        found[name] = _has_full_variant(there), len({*there.categories} & {*scored.categories})
    if found:
        return max(found, key=lambda name: found[name])
    return "mvtec" if scored.comparable else None


def _has_full_variant(results: Results) -> bool:
    """Tell whether some method, and not a floor alone, has a cell of its full variant."""
    known = {name: one.full for name, one in methods().items() if name not in FLOORS}
    return any(known.get(own_name(c.method)) == c.variant for c in cells_of(results.cells))


def require_same(
    folder: Path, results: Results, images: Mapping[str, str], remedy: str | None = None
) -> None:
    """Refuse to go on where a folder holds results of something else.

    Parameters
    ----------
    folder
        Where the results are to go.
    results
        What is asked for; cells may be missing.
    images
        Digests of the images, by category.
    remedy
        The end of the sentence; by default it is of a command that writes numbers there.

    Raises
    ------
    InputError
        When experiment, dataset, images or a setting is another.
    """
    there = results_there(folder)
    if there is None:
        return
    then = dict(zip(there.cells["category"], there.cells["images"], strict=True))
    pairs = {
        "experiment": (there.experiment, results.experiment),
        "dataset": (there.dataset, results.dataset),
        **{
            f"images of {name}": (then[name][:12], digest[:12])
            for name, digest in images.items()
            if name in then
        },
        **other_settings(there.settings, results.settings),
    }
    for name, (old, new) in pairs.items():
        if old != new:
            raise InputError(
                f"{folder}: holds results of something else ({name}: {old} there, {new} now); "
                f"{remedy or _REMEDY}."
            )


def other_settings(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return the settings that both sides have, and in which they differ.

    Results of before there were precisions are of float32.
    """
    before, after = flat_settings(old), flat_settings(new)
    for name in after if before else ():
        if name.endswith(".precision"):
            before.setdefault(name, "float32")
    return {
        name: (before[name], after[name])
        for name in before
        if name in after and name not in WORDS and before[name] != after[name]
    }


def with_others(folder: Path, results: Results, known: Collection[str]) -> Results:
    """Add what a folder holds of the same method beyond some results: categories, seeds, metrics.

    Raises
    ------
    InputError
        When what it holds is of another dataset, whose categories are not the ``known`` ones.
    """
    require_same(folder, results, {})
    there = results_there(folder)
    if there is None:
        return results
    for name in there.categories:
        if name not in known:
            raise InputError(f"{folder}: holds {name}, which these data have not; {_REMEDY}.")
    categories = sorted({*there.categories, *results.categories})
    seeds = sorted({*there.seeds, *results.seeds})
    mine = {*cells_of(results.cells)}
    others = there.cells[[cell not in mine for cell in cells_of(there.cells)]]
    rows = [*results.cells.to_dict("records"), *others.to_dict("records")]
    rows.sort(key=lambda row: (row["seed"], row["category"]))
    return dataclasses.replace(
        results,
        cells=tidy({str(name): value for name, value in row.items()} for row in rows),
        categories=tuple(categories),
        seeds=tuple(seeds),
        metrics=tuple(
            metric
            for metric in ALL_METRICS.values()
            if metric in {*there.metrics, *results.metrics}
        ),
    )


def place_of(results: Results, folder: Path) -> Path:
    """Return a folder where results replace none that they lack: this one, or the one for parts.

    A part takes the place of another part. That it is one, and what it replaces, is said on
    standard error.

    Raises
    ------
    InputError
        When the folder for parts holds results of something else.
    """
    lost = lost_numbers(folder, results)
    if not lost:
        return folder
    part = folder.with_name(folder.name + PART)
    require_same(part, results, {})
    print(
        f"{folder}: holds {counted(lost, 'number')} that these results lack; it is left as it is, "
        f"and they go to {part}.",
        file=sys.stderr,
    )
    other = results_there(part)
    if other is not None and (lost := lost_numbers(part, results)):
        print(
            f"{part}: holds {counted(lost, 'number')} of another part, which these replace; what "
            f"made that shows it again, and computes nothing twice:\n  {other.command}",
            file=sys.stderr,
        )
    return part


def place_of_curve(curve: pd.DataFrame, folder: Path) -> Path:
    """Return a folder where a curve replaces none that has more: this one, or the one for parts.

    That it is the latter is said on standard error.
    """
    try:
        there = read_cells(folder / CURVE, "factor")
    except InputError:
        return folder
    names = ["method", "variant", "category", "seed", "factor"]
    mine = set(curve[names].itertuples(index=False, name=None))
    if mine >= set(there[names].itertuples(index=False, name=None)):
        return folder
    part = folder.with_name(folder.name + PART)
    print(
        f"{folder}: holds a curve of more than this; it is left as it is, and this goes to {part}.",
        file=sys.stderr,
    )
    return part


def lost_numbers(folder: Path, results: Results) -> int:
    """Count the numbers in a folder that would be gone if these results took their place."""
    there = results_there(folder)
    if there is None:
        return 0
    mine = _said(results)
    return sum(
        value is not None and (cell not in mine or mine[cell].get(name) is None)
        for cell, values in _said(there).items()
        for name, value in values.items()
        if name in ALL_METRICS
    )


def keep_results(folder: Path, results: Results) -> Results:
    """Write results, or leave those that are there and say the same; return what is there then.

    Numbers that come out again stay with the commit, machine and date they first came from, so that
    nothing in a clone changes.

    Raises
    ------
    OSError
        If the folder cannot be written to.
    """
    there = results_there(folder)
    if there is not None and {*results.cells} <= {*there.cells} and _said(there) == _said(results):
        results = dataclasses.replace(
            results,
            cells=there.cells,
            provenance=there.provenance,
            settings=there.settings or results.settings,
        )
    write_results(folder, results)
    return results


def _said(results: Results) -> Mapping[Cell, Mapping[str, Any]]:
    """Return what is said of each cell, without where and when it was computed."""
    names = [*(name for name in ALL_METRICS if name in results.cells), "key", "images", "protocol"]
    # A number is not equal to itself where it is none.
    rows = results.cells[names].astype(object).where(results.cells[names].notna(), None)
    return {
        cell: {str(name): value for name, value in row.items()}
        for cell, row in zip(cells_of(results.cells), rows.to_dict("records"), strict=True)
    }


_REMEDY = (
    "give another name, of the experiment's file or with --method, another folder with --results "
    "DIR, or remove this one first"
)
