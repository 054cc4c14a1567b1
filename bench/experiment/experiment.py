"""An experiment: methods, data, grid and protocol, as frozen values."""

import dataclasses
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from bench.experiment.tables import default_tables, tables_of
from bench.methods import FLOORS, PAPER, method
from bench.methods.interface import Backbone
from bench.metrics import Protocol
from destseg.config import Precision
from destseg.errors import InputError, suggestion


@dataclass(frozen=True)
class DatasetConfig:
    """Which images; the folders are options of the command line, since they differ by machine.

    Parameters
    ----------
    kind : str
        One of `bench.data.kinds`: ``miniature``, the embedded benchmark, or ``mvtec``, a folder
        in MVTec AD layout.
    size : int
        Side in pixels that images are resized to.
    rotation : {"paper", "none"}
        Whether training images are rotated by the paper's policy for their category.
    """

    kind: str = "miniature"
    size: int = 256
    rotation: Literal["paper", "none"] = "paper"

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError(f"size is {self.size}; it must be at least 1")


@dataclass(frozen=True)
class GridConfig:
    """What the grid spans.

    Parameters
    ----------
    variants : mapping of str to tuple of str
        Method -> its variants in the order of its tables; one of the empty name where it has none.
    categories : tuple of str
        None for all there are.
    seeds : tuple of int
        Each a complete repetition.
    """

    variants: Mapping[str, tuple[str, ...]]
    categories: tuple[str, ...] = ()
    seeds: tuple[int, ...] = (0, 1, 2)


@dataclass(frozen=True)
class Experiment:
    """A complete experiment: one TOML file, see `bench.experiment.reading`.

    Parameters
    ----------
    name : str
        The file's stem; names the folder of the results.
    grid : GridConfig
        Its methods, variants, categories and seeds.
    configs : mapping of str to dataclass
        The settings of each of its methods.
    title : str
        One line for the heads of tables.
    teacher : str
        ``distilled``, ``procedural``, ``untrained``, ``imagenet`` or the path of a weight file: the
        backbone of all methods that do not name another.
    tables : tuple of str
        Names of the tables to write; the first is printed.
    metrics : tuple of str
        Keys of metrics beyond the paper's six.
    include : tuple of str
        Other results, by the names of their folders, that tables and report show beside these.
    dataset : DatasetConfig
        Its images.
    protocol : Protocol
        How maps are scored.
    """

    name: str
    grid: GridConfig
    configs: Mapping[str, Any]
    title: str = ""
    teacher: str = "procedural"
    tables: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    dataset: DatasetConfig = DatasetConfig()
    protocol: Protocol = field(default_factory=Protocol)

    @property
    def has_paper_setting(self) -> bool:
        """Whether the paper's method is trained as in the paper, on images of its size.

        Of the teacher only that it is a pretrained one; textures are not looked at, since any
        folder may be DTD's.
        """
        pretrained = self.teacher not in ("distilled", "procedural", "untrained")
        images = (self.dataset.size, self.dataset.rotation) == (256, "paper")
        config = self.configs.get(PAPER)
        return bool(pretrained and images and config and method(PAPER).is_papers(config))

    @property
    def settings(self) -> dict[str, Any]:
        """All that is set but grid and words, as JSON has it; of a weight file its name alone."""
        found = dataclasses.asdict(self)
        for name in ("name", "title", "tables", "include", "grid"):
            del found[name]
        plain: dict[str, Any] = json.loads(json.dumps(found))
        return {**plain, "teacher": Path(self.teacher).stem}

    @property
    def precisions(self) -> dict[str, Precision]:
        """Methods that are trained in another precision than float32, with theirs."""
        found: dict[str, Precision] = {}
        for name, variants in self.grid.variants.items():
            known = method(name)
            if known.in_precision is not None:
                last = known.last(self.configs[name], known.variants[variants[0]])
                for step in last.lineage():
                    if "precision" in step.settings:
                        found[name] = step.settings["precision"]
        return found

    def in_precision(self, precision: Precision) -> "Experiment":
        """Return the experiment with those of its methods that can be trained in a precision.

        Raises
        ------
        InputError
            When none can.
        """
        configs = {
            name: change(config, precision) if (change := method(name).in_precision) else config
            for name, config in self.configs.items()
        }
        found = dataclasses.replace(self, configs=configs)
        if precision != "float32" and not found.precisions:
            raise InputError(
                f"--precision {precision}: of {', '.join(self.configs)} none is trained in another "
                "than float32; leave it out, or take a method that is."
            )
        return found

    def backbones(self, name: str) -> dict[str, Backbone]:
        """Return the backbones that a method of the experiment reads, their sources settled."""
        wanted = method(name).backbones(self.configs[name])
        return {
            key: dataclasses.replace(backbone, source=backbone.source or self.teacher)
            for key, backbone in wanted.items()
        }

    def narrowed(
        self,
        *,
        methods: Collection[str] = (),
        variants: Sequence[str] = (),
        categories: Sequence[str] = (),
        seeds: Sequence[int] = (),
    ) -> "Experiment":
        """Return a part of the experiment; what is empty is left as it is.

        Raises
        ------
        InputError
            When a method is not the experiment's, or a variant is none of its methods'.
        """
        chosen = {
            name: there
            for name, there in self.grid.variants.items()
            if not methods or name in methods
        }
        unknown = [name for name in methods if name not in chosen]
        if unknown:
            method(unknown[0], "--method")
            known = list(self.grid.variants)
            added = [name for name in known if name not in FLOORS] + unknown[:1]
            raise InputError(
                f"--method {unknown[0]}: {self.name} has {', '.join(known)}; write methods = "
                f"{json.dumps(added)} in the [grid] of an experiment's file."
            )
        if variants:
            chosen = _with_variants(chosen, variants)
        grid = GridConfig(
            chosen,
            tuple(dict.fromkeys(categories)) or self.grid.categories,
            tuple(dict.fromkeys(seeds)) or self.grid.seeds,
        )
        configs = {name: self.configs[name] for name in chosen}
        left = [table for table in self.tables if table in tables_of(configs)]
        tables = self.tables if configs == self.configs else tuple(left) or default_tables(configs)
        return dataclasses.replace(self, grid=grid, configs=configs, tables=tables)


def _with_variants(
    chosen: Mapping[str, tuple[str, ...]], wanted: Sequence[str]
) -> dict[str, tuple[str, ...]]:
    """Choose variants of the methods that have some; those without are left."""
    known = {name: tuple(method(name).variants) for name in chosen}
    named = [variant for variants in known.values() for variant in variants if variant]
    for variant in wanted:
        if not named:
            without = [name for name in chosen if name not in FLOORS] or list(chosen)
            raise InputError(f"--variant {variant}: {', '.join(without)} has none; leave it out.")
        if variant not in named:
            hint = variant_suggestion(variant, named)
            raise InputError(f"--variant: unknown variant {variant!r}; {hint}")
    found = {
        name: variants if variants == ("",) else method(name).ordered({*wanted} & {*known[name]})
        for name, variants in chosen.items()
    }
    return {name: variants for name, variants in found.items() if variants}


def variant_suggestion(name: str, known: Sequence[str]) -> str:
    """Ask for the variant that somebody may have meant: of the same parts, else the nearest."""
    words = {"no_l1": "no-l1", "encoder-decoder": "ed", "": "none"}
    parts = [words.get(word, word) for word in name.lower().replace(" ", "").split("+")]
    same = [other for other in known if sorted(other.split("+")) == sorted(parts)]
    return suggestion(same[0] if same else name, known)


def flat_settings(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Lay nested tables of settings out flat, ``{"a": {"b": 1}}`` as ``{"a.b": 1}``."""
    found: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            found |= flat_settings(value, f"{prefix}{name}.")
        else:
            found[prefix + name] = list(value) if isinstance(value, tuple) else value
    return found
