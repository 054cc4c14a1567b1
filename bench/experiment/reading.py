"""TOML files, read strictly into experiments."""

import dataclasses
import math
import tomllib
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

from bench.common.plain_files import read_text
from bench.data.kinds import all_kinds
from bench.experiment.experiment import (
    DatasetConfig,
    Experiment,
    GridConfig,
    variant_suggestion,
)
from bench.experiment.library import find_experiment
from bench.experiment.ranges import require_range
from bench.experiment.tables import default_tables
from bench.methods import FLOORS, PAPER, method
from bench.metrics import ALL_METRICS, Protocol
from destseg.errors import InputError, one_line, printable, suggestion

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class _Grid:
    """The table ``[grid]``."""

    methods: tuple[str, ...] = (PAPER,)
    floors: bool = True
    variants: Any = ()
    categories: tuple[str, ...] = ()
    seeds: tuple[int, ...] = (0, 1, 2)


@dataclasses.dataclass(frozen=True)
class _File:
    """What a file may say besides the methods' settings."""

    title: str = ""
    teacher: str = "procedural"
    tables: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    dataset: DatasetConfig = DatasetConfig()
    grid: _Grid = _Grid()
    protocol: Protocol = Protocol()


def load_experiment(path: Path, kind: str | None = None) -> Experiment:
    """Read an experiment file.

    A file may name others, beside it or of those that come with the project, ``base =
    ["ablation", "mvtec"]``, and so take from the first of them, or from the one for the dataset
    asked for, all it does not say itself.
    Settings of a method stand in ``[methods.<name>]``; those of the paper's method may stand
    without that prefix, ``[training]`` for instance. After its methods every experiment has
    `bench.methods.FLOORS`, unless it says ``floors = false`` in ``[grid]``.

    Parameters
    ----------
    path : Path
        The file.
    kind : str, optional
        The kind of dataset asked for.

    Raises
    ------
    InputError
        When the file is missing or no TOML, or a key, type or value in it is wrong; the
        message names the nearest known key.
    """
    table = _read(path)
    bases = table.pop("base", [])
    if not isinstance(bases, list) or not all(isinstance(base, str) for base in bases):
        raise InputError(f"{path}: base is {bases!r}; it must be an array of file names.")
    if bases:
        table = _merged(_base(path, bases, kind), table)
    return _experiment(table, path)


def _read(path: Path) -> dict[str, Any]:
    try:
        table = tomllib.loads(read_text(path))
    except FileNotFoundError:
        raise InputError(
            f"{path}: no such experiment file; the ones at hand are in experiments/."
        ) from None
    except (OSError, UnicodeError) as error:
        raise InputError(f"{path}: cannot be read ({one_line(error)}); give a TOML file.") from None
    except ValueError as error:
        # Not only tomllib's own: a number of thousands of digits is one of Python's.
        raise InputError(f"{path}: not valid TOML: {error}; mend that line.") from None
    except RecursionError:
        raise InputError(f"{path}: nested too deeply; give a TOML file of an experiment.") from None
    if "name" in table:
        raise InputError(f"{path}: remove the key 'name'; the name is the file's, {path.stem!r}.")
    return _with_prefixes(table, path)


def _with_prefixes(table: dict[str, Any], path: Path) -> dict[str, Any]:
    """Put the tables of the paper's method where those of all methods are."""
    settings = table.setdefault("methods", {})
    if not isinstance(settings, dict):
        raise InputError(f"{path}: methods is {settings!r}; it must be tables [methods.<name>].")
    own = settings.setdefault(PAPER, {})
    if not isinstance(own, dict):
        raise InputError(f"{path}: methods.{PAPER} is {own!r}; it must be a table.")
    for name in _own_tables():
        if name in table:
            if name in own:
                raise InputError(
                    f"{path}: [{name}] and [methods.{PAPER}.{name}] are the same; keep one."
                )
            own[name] = table.pop(name)
    return table


def _own_tables() -> tuple[str, ...]:
    """Name the tables of the paper's method, which need no prefix."""
    return tuple(field.name for field in dataclasses.fields(method(PAPER).config))


def _base(path: Path, names: list[str], kind: str | None) -> dict[str, Any]:
    """Read the base for a kind of dataset, or the first one."""
    for name in names:
        beside = path.parent / name
        file = beside if beside.is_file() else find_experiment(Path(name))
        table = _read(file)
        if "base" in table:
            raise InputError(f"{path}: its base {name} has a base itself; name that one.")
        found = _experiment(table, file)
        if kind in (None, found.dataset.kind):
            return table
    raise InputError(f"{path}: none of its bases, {', '.join(names)}, is for the dataset {kind!r}.")


def _merged(base: Mapping[str, Any], table: Mapping[str, Any]) -> dict[str, Any]:
    """Lay a table over another, tables inside them likewise."""
    merged = {**base, **table}
    for key, value in table.items():
        below = base.get(key)
        if isinstance(value, dict) and isinstance(below, dict):
            merged[key] = _merged(below, value)
    return merged


def _experiment(table: Mapping[str, Any], path: Path) -> Experiment:
    said = {key: value for key, value in table.items() if key != "methods"}
    file = _build(_File, said, str(path))
    grid = _grid(file.grid, path)
    settings = {name: {} for name in grid.variants} | table["methods"]
    configs = {
        name: _build(method(name, f"{path}: methods").config, given, f"{path}: methods.{name}")
        for name, given in settings.items()
    }
    _check(file, path)
    if file.tables == () and "tables" in table:
        raise InputError(f"{path}: tables is empty; list at least one.")
    return Experiment(
        name=path.stem,
        grid=grid,
        configs={name: configs[name] for name in grid.variants},
        title=file.title,
        teacher=file.teacher,
        tables=file.tables or default_tables(tuple(grid.variants)),
        metrics=tuple(sorted(file.metrics)),
        include=file.include,
        dataset=file.dataset,
        protocol=file.protocol,
    )


def _check(file: _File, path: Path) -> None:
    """Refuse names that nothing has."""
    if file.dataset.kind not in all_kinds():
        raise InputError(
            f"{path}: dataset.kind is {file.dataset.kind!r}; "
            f"{suggestion(file.dataset.kind, all_kinds())}"
        )
    extra = [key for key, metric in ALL_METRICS.items() if metric.extra]
    if len(set(file.metrics)) != len(file.metrics):
        raise InputError(f"{path}: metrics repeats a value; list each once.")
    for key in file.metrics:
        if key not in extra:
            raise InputError(
                f"{path}: metrics names {key!r}, and lists those beyond the paper's six; "
                f"{suggestion(key, extra)}"
            )


def _grid(grid: _Grid, path: Path) -> GridConfig:
    for name in ("methods", "categories", "seeds"):
        values = getattr(grid, name)
        if len(set(values)) != len(values):
            raise InputError(f"{path}: grid.{name} repeats a value; list each once.")
        if not values and name != "categories":
            raise InputError(f"{path}: grid.{name} is empty; list at least one.")
    for name in grid.methods:
        method(name, f"{path}: grid.methods")
    variants = _variants(grid, path)
    floors = {name: method(name).design for name in FLOORS if grid.floors}
    return GridConfig(variants | floors, grid.categories, grid.seeds)


def _variants(grid: _Grid, path: Path) -> dict[str, tuple[str, ...]]:
    """Read ``grid.variants``: an array for the only method with variants, or a table by method."""
    given = grid.variants
    if isinstance(given, list):
        several = [name for name in grid.methods if len(method(name).variants) > 1]
        if len(several) != 1:
            raise InputError(
                f"{path}: grid.variants is an array, but {len(several)} of the methods have "
                "variants; make it a table, [grid.variants], with an array for each method."
            )
        given = {several[0]: given}
    table = convert(dict(given or {}), dict[str, tuple[str, ...]], f"{path}: grid.variants")
    for name, variants in table.items():
        where = f"{path}: grid.variants"
        if name not in grid.methods:
            raise InputError(f"{where} names {name!r}, which is not in grid.methods; add it there.")
        if not variants:
            raise InputError(f"{where} is empty; list at least one.")
        if len(set(variants)) != len(variants):
            raise InputError(f"{where} repeats a value; list each once.")
        for variant in variants:
            if variant not in method(name).variants:
                hint = variant_suggestion(variant, list(method(name).variants))
                raise InputError(f"{where}: unknown variant {variant!r}; {hint}")
    return {
        name: method(name).ordered(table.get(name, method(name).design)) for name in grid.methods
    }


def _build(cls: type[T], table: Any, where: str) -> T:
    """Make a dataclass from a TOML table; nothing unknown, nothing of another type."""
    if not isinstance(table, dict):
        raise InputError(f"{where} is {table!r}; it must be a table [{where.split(': ')[-1]}].")
    hints = typing.get_type_hints(cls)
    values = {}
    for key, value in table.items():
        if key not in hints:
            known = [*hints, *(("methods", *_own_tables()) if cls is _File else ())]
            raise InputError(f"{where}: unknown key {key!r}; {suggestion(key, known)}")
        place = f"{where}: {key}" if ": " not in where else f"{where}.{key}"
        values[key] = convert(value, hints[key], place)
    try:
        return cls(**values)
    except (ValueError, TypeError) as error:
        raise InputError(f"{where}.{error}.") from None


def convert(value: Any, wanted: Any, where: str) -> Any:  # noqa: C901 - a case for each type
    """Check a TOML value against an annotation, recursing into tables and arrays."""
    if wanted is Any:
        return value
    if dataclasses.is_dataclass(wanted) and isinstance(wanted, type):
        return _build(wanted, value, where)
    origin, arguments = typing.get_origin(wanted), typing.get_args(wanted)
    if origin is Literal:
        if value not in arguments:
            raise InputError(f"{where} is {value!r}; use one of {', '.join(map(repr, arguments))}.")
        return value
    if origin is dict:
        if not isinstance(value, dict):
            raise InputError(f"{where} is {value!r}; it must be a table.")
        return {key: convert(item, arguments[1], where) for key, item in value.items()}
    if origin is tuple:
        if not isinstance(value, list):
            raise InputError(f"{where} is {value!r}; it must be an array, such as [..., ...].")
        return tuple(convert(item, arguments[0], where) for item in value)
    if origin in (types.UnionType, typing.Union):
        kinds = [kind for kind in arguments if kind is not types.NoneType]
        fits = (kind for kind in kinds if value in typing.get_args(kind))  # a literal's values
        return convert(value, next(fits, kinds[0]), where)
    if wanted is float and type(value) is float and not math.isfinite(value):
        raise InputError(f"{where} is {value}; it must be a finite number.")
    if type(value) is not wanted and not (wanted is float and type(value) is int):
        raise InputError(f"{where} is {value!r}; it must be of type {wanted.__name__}.")
    if wanted is str and value != printable(value):
        raise InputError(f"{where} is {value!r}, which cannot be printed; write it otherwise.")
    if wanted in (int, float):
        require_range(value, where)
    return float(value) if wanted is float else value
