"""Steps: what a method is a chain of.

A *step* is a frozen dataclass. Its fields are its key, its fields of step type are its parents, and
`Step.run` computes it from these and from what it declares to read: nothing else is in reach, so
that no setting can be used without being in the key. The last step of a method gives `Scores`; the
harness evaluates them. Steps of one `Step.stream` may be computed together, to the same bits.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NamedTuple, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from destseg.descent import Keeper

T = TypeVar("T")


class Scores(NamedTuple):
    """What the last step of a method gives of a category's test images, in their order."""

    maps: NDArray[np.float32]
    """(N, h, w) float32, larger is more anomalous; they cover the whole image at any resolution."""
    image_scores: NDArray[np.float64] | None = None
    """(N,), larger is more anomalous; None where the image score is the protocol's, of the map."""


class Codec(Protocol):
    """How a step's result becomes the file beside its record, and back."""

    def encode(self, result: Any) -> tuple[str, bytes]:
        """Return the file's name and its content."""

    def decode(self, content: bytes) -> Any:
        """Return what was encoded."""


class UndeclaredRead(LookupError):
    """A step asked for something that it does not declare to read."""


class Site(Protocol):
    """What a running step sees of the world.

    Attributes
    ----------
    category : str
        Whose images are read; empty for a step that belongs to none.
    device : str
        Torch device.
    """

    category: str
    device: str

    def __getitem__(self, name: str) -> Any:
        """Return what the step reads under a name of `Step.reads`.

        - ``images``: the category's images, ``.train`` (N, S, S, 3) and ``.test`` (M, S, S, 3),
          uint8 RGB, the first all normal; no masks and no names.
        - ``rotation``: the dataset's `destseg.config.Rotation` of the category.
        - ``textures``: (K, S, S, 3) uint8 RGB, sources of synthetic anomalies.
        - a name of `Method.backbones`: its `destseg.resnet.ResNet18` trunk, frozen, on the device,
          or a `bench.data.wide_resnet.WideResNet50`.

        Raises
        ------
        UndeclaredRead
            For any other name.
        """

    def seed(self, stream: str, step: Step[Any] | None = None) -> int:
        """Derive the seed of a random stream from category, kind, stream and the run's seed.

        Parameters
        ----------
        stream : str
            Such as ``weights`` or ``data``.
        step : Step, optional
            An ancestor whose stream is meant; by default the running step.

        Raises
        ------
        UndeclaredRead
            When the step is not `Step.seeded`.
        """

    def beat(self, steps: int) -> Callable[[int, float], None]:
        """Return what is called with (steps done, loss) now and then, and tells of long ones."""

    def keeper(self) -> Keeper:
        """Return what keeps an unfinished training every few minutes.

        One for all that are computed together. The training begins after `Keeper.done` updates,
        from `Keeper.state`, and gives the bits that it would have given uninterrupted;
        `destseg.descent.descend` sees to all but the batches.
        """


@dataclass(frozen=True)
class Step(Generic[T]):
    """One step of a method; subclasses are frozen dataclasses in the method's module.

    Their fields are JSON values, tuples, dataclasses of these, or steps. One that is None does not
    enter the key: so a field may be added later without moving the keys of those without it.

    Attributes
    ----------
    kind : str
        Names the step in records, random streams and on screen; no other step has it.
    version : int
        Raised when the code computes something else from the same fields.
    seeded : bool
        Whether it draws random numbers. Steps that neither are nor descend from such are computed
        once for all seeds.
    reads : tuple of str
        What `Site` shall give. Without ``images`` the step is computed once for all categories.
    traits : tuple of str
        Fields by which variants of the method differ; all others are settings.
    on_device : bool
        Whether it computes on `Site.device`. Steps that do not are computed beside those that keep
        an accelerator busy, by processes of the CPU; no key knows of it.
    codec : Codec
        Of its result.
    """

    kind: ClassVar[str]
    version: ClassVar[int] = 1
    seeded: ClassVar[bool] = True
    reads: ClassVar[tuple[str, ...]] = ()
    traits: ClassVar[tuple[str, ...]] = ()
    on_device: ClassVar[bool] = True
    codec: ClassVar[Codec]

    def run(self, site: Site, *parents: Any) -> T:
        """Compute the result.

        Parameters
        ----------
        site : Site
            What it reads, its seeds, its device.
        *parents
            Results of the parents, in the order of `parents`.
        """
        raise NotImplementedError

    @property
    def stream(self) -> Hashable | None:
        """What steps have in common that `run_together` computes at once; None to be alone.

        Such as the settings of the data that all of them go through. Only steps of one kind,
        category and seed are compared, and they read the same.
        """
        return None

    @classmethod
    def run_together(cls, members: Sequence[Member]) -> Sequence[T | Exception]:
        """Compute several steps of one stream, to the bits that each would get alone.

        Which are computed together differs from run to run: with the number of workers, and with
        what is stored already.

        Parameters
        ----------
        members : sequence of Member
            Two or more.

        Returns
        -------
        sequence
            For each its result, or the exception that ended it alone. When the call itself raises,
            dies or takes too long, each is computed by `run`.
        """
        raise NotImplementedError

    @classmethod
    def work(cls, settings: Mapping[str, Any]) -> float:
        """Return what the duration is about proportional to.

        Parameters
        ----------
        settings : mapping
            As `settings`, with ``size``, the side of the images, where they are read.
        """
        return float(settings.get("size", 1) ** 2)

    @property
    def parents(self) -> tuple[Step[Any], ...]:
        """The steps it is computed from."""
        values = (getattr(self, field.name) for field in dataclasses.fields(self))
        return tuple(value for value in values if isinstance(value, Step))

    def lineage(self) -> Iterator[Step[Any]]:
        """List its ancestors and itself, parents first."""
        for parent in self.parents:
            yield from parent.lineage()
        yield self

    @property
    def settings(self) -> dict[str, Any]:
        """The other fields as plain JSON values, those that are None left out."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {
            name: plain(value)
            for name, value in values.items()
            if value is not None and not isinstance(value, Step)
        }


class Member(NamedTuple):
    """One of the steps that `Step.run_together` computes."""

    step: Any
    """Of the class that is asked."""
    site: Site
    """Its own."""
    parents: tuple[Any, ...]
    """Results of its parents."""


def plain(value: Any) -> Any:
    """Turn dataclasses and tuples into plain JSON values."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)
        }
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    return value
