"""Kinds of dataset, a module each: what ``[dataset] kind`` and ``--dataset`` can name.

A kind joins by being a module of this package with a `DatasetKind` called ``KIND``. Importing them
imports no torch, so that ``--help`` and tables of finished results stay quick.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Literal

from bench.data.categories import CategoryRef, prepare_category
from bench.data.layout import CategoryFiles, Extent, list_categories, tell_strangers
from destseg.config import Rotation
from destseg.errors import InputError, suggestion

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from bench.metrics import Protocol  # needs torch


@dataclass(frozen=True)
class Origin:
    """What images are, as far as their numbers and sizes tell."""

    name: str  # in the cells' column ``dataset``: the kind's name, or ``folder``
    title: str  # for people, such as ``MVTec AD`` or ``a resized copy of MVTec AD``
    # Whether the paper's numbers are of these very images and may stand beside measured ones, or
    # they are a resized copy, or others.
    standing: Literal["original", "resized", "own"] = "own"


OWN = Origin("folder", "a folder of own images")


@dataclass(frozen=True, eq=False)
class DatasetKind:
    """A kind of dataset."""

    name: str  # in experiments, on the command line and in cells
    title: str  # for people, as in "measured on ..."
    default_experiment: str  # name of the experiment that is run when only the kind is given
    categories: tuple[str, ...]  # known in advance; a folder of images may have others
    # How training images of a category are turned; those of others are not.
    rotations: Mapping[str, Rotation]
    # Categories as they were published, by which the original is told from copies and from own
    # images; empty for a dataset that is generated.
    published: Mapping[str, Extent] = field(default_factory=dict)
    in_paper: bool = False  # whether the paper's numbers are of it
    smallest: int = 1  # least side of its images, in pixels
    development: str = ""  # name of the kind whose images settings are chosen on, if there is one
    # Takes the cache, a category and a side, and returns the folder, in MVTec AD's layout, that now
    # has that category. None for a dataset that lies in a folder given with ``--data``.
    generate: Callable[[Path, str, int], Path] | None = None

    def __reduce__(self) -> tuple[Callable[[str], DatasetKind], tuple[str]]:
        return find_kind, (self.name,)

    @property
    def needs_data(self) -> bool:
        """Whether it lies in a folder that ``--data`` must name."""
        return self.generate is None

    def rotation(self, category: str) -> Rotation:
        """Return how a category's training images are turned."""
        return self.rotations.get(category, Rotation())

    def available(self, data: Path | None) -> tuple[str, ...]:
        """List the categories that are there.

        Raises
        ------
        InputError
            When the folder is needed and not given, missing or empty.
        """
        if not self.needs_data:
            return self.categories
        folder = self._given(data)
        found = list_categories(folder)
        tell_strangers(folder)
        return found

    def prepare(
        self, category: str, *, size: int, protocol: Protocol, data: Path | None, cache: Path
    ) -> CategoryRef:
        """Generate or read, validate and decode one of `available`, unless the cache has it.

        ``size`` is the side of the decoded images, ``data`` what ``--data`` names.

        Raises
        ------
        InputError
            With every fault of the category, or when the size is too small.
        """
        if size < self.smallest:
            raise InputError(
                f"dataset.size is {size}; {self.title} has {self.smallest} pixels at least."
            )
        root = self.generate(cache, category, size) if self.generate else self._given(data)
        return prepare_category(root, category, size, cache, protocol)

    def origin(self, categories: Mapping[str, CategoryRef | CategoryFiles]) -> Origin:
        """Tell what images are, by categories' names and numbers and native sizes of images."""
        original = Origin(self.name, self.title, "original" if self.in_paper else "own")
        found = {name: category.extent for name, category in categories.items()}
        if not self.needs_data or found == {name: self.published.get(name) for name in found}:
            return original
        if all(
            name in self.published and extent.counts == self.published[name].counts
            for name, extent in found.items()
        ):
            return Origin(OWN.name, f"a resized copy of {self.title}", "resized")
        return OWN

    def _given(self, data: Path | None) -> Path:
        if data is None:
            raise InputError(
                f"--data: the dataset {self.name!r} needs a folder in MVTec AD layout; "
                "add --data DIR."
            )
        return data


@cache
def all_kinds() -> Mapping[str, DatasetKind]:
    """Return every kind by its name."""
    names = (module.name for module in iter_modules(__path__, f"{__name__}."))
    kinds: list[DatasetKind] = [import_module(name).KIND for name in names]
    return {kind.name: kind for kind in kinds}


def find_kind(name: str) -> DatasetKind:
    """Return a kind by its name.

    Raises
    ------
    InputError
        When there is none of that name.
    """
    if name not in all_kinds():
        raise InputError(f"dataset.kind is {name!r}; {suggestion(name, all_kinds())}")
    return all_kinds()[name]


def folder_origin(categories: Mapping[str, CategoryRef | CategoryFiles]) -> Origin:
    """Tell what the images of a folder are, of whatever kind it may be."""
    origins = (kind.origin(categories) for kind in all_kinds().values() if kind.needs_data)
    return next((origin for origin in origins if origin is not OWN), OWN)
