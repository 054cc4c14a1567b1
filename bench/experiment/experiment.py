"""Experiments: TOML files read strictly into frozen dataclasses."""

import dataclasses
import difflib
import math
import tomllib
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from bench.experiment.grid import ABLATION, VARIANTS, nearest_variants
from bench.metrics import PROTOCOLS, Protocol
from destseg.config import AnomalyConfig, ModelConfig, TrainingConfig
from destseg.errors import InputError

T = TypeVar("T")

DatasetKind = Literal["miniature", "mvtec"]


@dataclass(frozen=True)
class DatasetConfig:
    """Which images; the folders are options of the command line, since they differ by machine.

    Parameters
    ----------
    kind : {"miniature", "mvtec"}
        The embedded benchmark, or a folder in MVTec AD layout.
    size : int
        Side in pixels that images are resized to.
    rotation : {"paper", "none"}
        Whether training images are rotated by the paper's policy for their category.
    """

    kind: DatasetKind = "miniature"
    size: int = 256
    rotation: Literal["paper", "none"] = "paper"


@dataclass(frozen=True)
class GridConfig:
    """What the grid spans; an empty list of categories means all there are."""

    variants: tuple[str, ...] = tuple(ABLATION)
    categories: tuple[str, ...] = ()
    seeds: tuple[int, ...] = (0, 1, 2)


@dataclass(frozen=True)
class Experiment:
    """A complete experiment: one TOML file.

    Parameters
    ----------
    name : str
        The file's stem; names the folder of the results.
    title : str
        One line for the heads of tables.
    teacher : str
        ``procedural``, ``untrained``, ``imagenet`` or the path of a weight file.
    tables : tuple of str
        Names of the tables to write; the first is printed.
    """

    name: str
    title: str = ""
    teacher: str = "procedural"
    tables: tuple[str, ...] = (
        "ablation",
        "main",
        "image",
        "pixel",
        "instance",
        "categories",
        "intervals",
        "effects",
        "interactions",
        "verdicts",
        "claims",
    )
    dataset: DatasetConfig = DatasetConfig()
    grid: GridConfig = GridConfig()
    model: ModelConfig = ModelConfig()
    anomalies: AnomalyConfig = AnomalyConfig()
    training: TrainingConfig = TrainingConfig()
    protocol: Protocol = Protocol()

    @property
    def has_paper_setting(self) -> bool:
        """Whether networks, steps, optimiser, anomalies and image size are the paper's.

        In either reading where paper and released program differ by a switch. Of the teacher only
        that it is a pretrained one; textures are not looked at, since any folder may be DTD's.
        """
        training = dataclasses.replace(
            self.training,
            den_off_statistics=TrainingConfig.den_off_statistics,
            data_stream=TrainingConfig.data_stream,
        )
        anomalies = dataclasses.replace(
            self.anomalies, rotation_stream=AnomalyConfig.rotation_stream
        )
        paper = (ModelConfig(), AnomalyConfig(), TrainingConfig(), 256, "paper")
        own = (self.model, anomalies, training, self.dataset.size, self.dataset.rotation)
        return self.teacher not in ("procedural", "untrained") and own == paper


def load_experiment(path: Path, kind: DatasetKind | None = None) -> Experiment:
    """Read an experiment file.

    A file may name others beside it, ``base = ["ablation.toml", "mvtec.toml"]``, and so take
    from the first of them, or from the one for the dataset asked for, all it does not say itself.

    Parameters
    ----------
    path : Path
        The file.
    kind : {"miniature", "mvtec"}, optional
        The dataset asked for.

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
    experiment = _build(Experiment, {**table, "name": path.stem}, str(path))
    _check(experiment, path)
    return experiment


def load_protocol(name: str) -> Protocol:
    """Return a protocol by its name, or that of an experiment by the path of its file.

    Raises
    ------
    InputError
        When there is none of that name, or the file is at fault.
    """
    if name.endswith(".toml"):
        return load_experiment(Path(name)).protocol
    if name not in PROTOCOLS:
        raise InputError(
            f"--protocol {name}: unknown; use one of {', '.join(PROTOCOLS)}, or the path of an "
            "experiment's TOML file."
        )
    return PROTOCOLS[name]


def _read(path: Path) -> dict[str, Any]:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(
            f"{path}: no such experiment file; the ones at hand are in experiments/."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({error}); give a TOML file.") from None
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path}: not valid TOML: {error}; mend that line.") from None
    if "name" in table:
        raise InputError(f"{path}: remove the key 'name'; the name is the file's, {path.stem!r}.")
    return table


def _base(path: Path, names: list[str], kind: DatasetKind | None) -> dict[str, Any]:
    """Read the base for a kind of dataset, or the first one."""
    tables = {name: _read(path.parent / name) for name in names}
    for name, table in tables.items():
        if "base" in table:
            raise InputError(f"{path}: its base {name} has a base itself; name that one.")
        found = _build(Experiment, {**table, "name": name}, str(path.parent / name))
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


def _check(experiment: Experiment, path: Path) -> None:
    grid, training = experiment.grid, experiment.training
    for variant in grid.variants:
        known_variant(variant, f"{path}: grid.variants")
    if not experiment.tables:
        raise InputError(f"{path}: tables is empty; list at least one.")
    for name in ("variants", "categories", "seeds"):
        values = getattr(grid, name)
        if len(set(values)) != len(values):
            raise InputError(f"{path}: grid.{name} repeats a value; list each once.")
        if not values and name != "categories":
            raise InputError(f"{path}: grid.{name} is empty; list at least one.")
    positive = {
        "dataset.size": experiment.dataset.size,
        "model.width": experiment.model.width,
        "model.segmentation_width": experiment.model.segmentation_width,
        "training.student_steps": training.student_steps,
        "training.segmentation_steps": training.segmentation_steps,
        "anomalies.lattice_exponents": experiment.anomalies.lattice_exponents,
        "model.dilations": min(experiment.model.dilations, default=1),
    }
    for name, value in positive.items():
        if value < 1:
            raise InputError(f"{path}: {name} is {value}; it must be at least 1.")
    for name in ("student_lr", "res_lr", "head_lr", "momentum", "weight_decay", "gamma"):
        number = getattr(training, name)
        if number < 0 or (number == 0 and name.endswith("lr")):
            raise InputError(f"{path}: training.{name} is {number}; it must be positive.")
    if training.batch_size < 2:
        raise InputError(
            f"{path}: training.batch_size is {training.batch_size}; BatchNorm needs at least 2."
        )


def known_variant(name: str, where: str) -> str:
    """Return the name of a variant, or refuse an unknown one."""
    if name not in VARIANTS:
        near = " or ".join(nearest_variants(name))
        raise InputError(f"{where}: unknown variant {name!r}; use {near}.")
    return name


def _build(cls: type[T], table: Mapping[str, Any], where: str) -> T:
    """Make a dataclass from a TOML table; nothing unknown, nothing of another type."""
    hints = typing.get_type_hints(cls)
    values = {}
    for key, value in table.items():
        if key not in hints:
            near = difflib.get_close_matches(key, hints, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(hints)}."
            raise InputError(f"{where}: unknown key {key!r}; {hint}")
        place = f"{where}: {key}" if ": " not in where else f"{where}.{key}"
        values[key] = _convert(value, hints[key], place)
    try:
        return cls(**values)
    except ValueError as error:
        joint = "." if ": " in where else ": "
        raise InputError(f"{where}{joint}{error}.") from None


def _convert(value: Any, wanted: Any, where: str) -> Any:
    """Check a TOML value against an annotation, recursing into tables and arrays."""
    if dataclasses.is_dataclass(wanted) and isinstance(wanted, type):
        if not isinstance(value, dict):
            raise InputError(f"{where} is {value!r}; it must be a table [{where.split(': ')[-1]}].")
        return _build(wanted, value, where)
    origin, arguments = typing.get_origin(wanted), typing.get_args(wanted)
    if origin is Literal:
        if value not in arguments:
            raise InputError(f"{where} is {value!r}; use one of {', '.join(map(repr, arguments))}.")
        return value
    if origin is tuple:
        if not isinstance(value, list):
            raise InputError(f"{where} is {value!r}; it must be an array, such as [..., ...].")
        return tuple(_convert(item, arguments[0], where) for item in value)
    if origin in (types.UnionType, typing.Union):
        wanted = next(kind for kind in arguments if kind is not types.NoneType)
    if wanted is float and type(value) is int:
        return float(value)
    if wanted is float and type(value) is float and not math.isfinite(value):
        raise InputError(f"{where} is {value}; it must be a finite number.")
    if type(value) is not wanted:
        raise InputError(f"{where} is {value!r}; it must be of type {wanted.__name__}.")
    return value
