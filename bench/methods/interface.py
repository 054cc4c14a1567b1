"""What a method is, as the harness knows it: settings, variants, and the last of its steps.

A *method* is a module of `bench.methods` with a `Method` named ``METHOD``; `bench.methods.steps`
has what it is made of.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from bench.methods.steps import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from bench.methods.steps import Scores, Step
    from destseg.config import Precision

C = TypeVar("C")
V = TypeVar("V")


@dataclass(frozen=True)
class Backbone:
    """A pretrained ResNet-18 trunk, up to layer 3, that steps read.

    Parameters
    ----------
    width : int
        Channels of its first level.
    source : str or None
        As an experiment's ``teacher``; None for whatever that is. Or ``wide_resnet50_2`` for
        torchvision's, which is no ResNet-18 and has its own width.
    """

    width: int = 64
    source: str | None = None


@dataclass(frozen=True)
class Comparison(Generic[V]):
    """A table of variants of one method.

    Attributes
    ----------
    name, title
        Stem of its files, and its title before the dataset.
    table
        Number of the paper's table that prints these rows.
    parts
        Column in print -> the part of a variant shown there, a text or whether it is on.
    published
        Variant -> its row in ``bench/paper/published.csv``.
    """

    name: str
    title: str
    table: str
    parts: Mapping[str, Callable[[V], bool | str]]
    published: Mapping[str, str]


@dataclass(frozen=True)
class Claim:
    """One statement of a method's paper.

    It holds where the better of each of its pairs is better on each of its metrics.

    Attributes
    ----------
    name, statement
        For programs, and for people.
    table
        Number of the paper's table that supports it.
    metrics
        Keys of metrics.
    pairs
        The better and the worse: variants of the method, or names of methods.
    """

    name: str
    statement: str
    table: str
    metrics: tuple[str, ...]
    pairs: tuple[tuple[str, str], ...]


def _fields(config: Any) -> str:
    """Name the fields of a configuration with their values."""
    return ", ".join(f"{name} {value}" for name, value in plain(config).items())


@dataclass(frozen=True)
class Method(Generic[C, V]):
    """A method, as the harness knows it.

    Attributes
    ----------
    name
        In the TOML, on the command line, in cells and tables.
    reference, bibtex
        What to cite, in a line and as an entry; the second may be left out.
    config
        Frozen dataclass of its settings, read strictly from ``[methods.<name>]``; what it refuses
        it refuses with a `ValueError`.
    last
        (configuration, variant) -> the last step.
    variants
        Name -> variant, in the order of the paper's tables. One of the empty name where there is
        but one.
    default
        Names of the variants that an experiment has which names none; empty for all.
    full
        Name of the variant that stands for the method among others; by default the last.
    factors
        Switches whose effects are estimated: name -> whether it is on in a variant. The variants
        of `default` are the factorial design.
    parts
        Further columns of the cells: name -> part of a variant.
    comparisons, claims
        The paper's tables of variants, and its claims.
    backbones
        Configuration -> the backbones its steps read, by name.
    is_papers
        Whether a configuration is the paper's, in one of the defensible readings.
    summary
        Configuration -> a few words for the foot of tables; by default its fields.
    least_images
        Configuration -> training images that a category must have.
    scaled
        (configuration, factor) -> the same with so many times the updates, rounded, at least one
        of each training; None of a method that trains nothing. What it changes in the steps are
        lengths of training: fields named ``epochs`` in passes over the images, others in updates.
    in_precision
        (configuration, precision) -> the same trained in it, by a field ``precision`` of its steps
        that is None for float32; None of a method that computes in float32 alone.
    """

    name: str
    reference: str
    config: type[C]
    last: Callable[[C, V], Step[Scores]]
    variants: Mapping[str, V]
    default: tuple[str, ...] = ()
    full: str = ""
    bibtex: str = ""
    factors: Mapping[str, Callable[[V], bool]] = field(default_factory=dict)
    parts: Mapping[str, Callable[[V], bool | str]] = field(default_factory=dict)
    comparisons: tuple[Comparison[V], ...] = ()
    claims: tuple[Claim, ...] = ()
    backbones: Callable[[C], Mapping[str, Backbone]] = lambda _: {}
    is_papers: Callable[[C], bool] = lambda _: False
    summary: Callable[[C], str] = _fields
    least_images: Callable[[C], int] = lambda _: 1
    scaled: Callable[[C, float], C] | None = None
    in_precision: Callable[[C, Precision], C] | None = None

    def __post_init__(self) -> None:
        if not self.variants:
            raise ValueError(
                f'{self.name} has no variants; give it one of the empty name, {{"": None}}'
            )
        object.__setattr__(self, "full", self.full or self.design[-1])
        unknown = {*self.default, self.full} - {*self.variants}
        if unknown:
            raise ValueError(f"{self.name}: {unknown} are no variants of it")

    @property
    def design(self) -> tuple[str, ...]:
        """The variants of an experiment that names none."""
        return self.default or tuple(self.variants)

    def ordered(self, variants: Iterable[str]) -> tuple[str, ...]:
        """Sort names of variants as the rows of the paper's tables; others are left out."""
        wanted = set(variants)
        return tuple(name for name in self.variants if name in wanted)
