"""What a running step sees of the world: what it declares to read, and nothing else."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.data.cache import seal_digest
from bench.data.categories import CategoryData, CategoryRef, load_category
from bench.data.kinds import DatasetKind
from bench.data.teacher import TeacherRef, load_backbone
from bench.data.textures import TexturesRef, load_textures
from bench.methods.steps import Step, UndeclaredRead
from bench.planning.inputs import Inputs
from bench.planning.stages import Stage
from destseg.application.progress import heartbeat
from destseg.config import Rotation
from destseg.descent import UNKEPT, Keeper
from destseg.seeding import derive_seed


@dataclass(frozen=True)
class Images:
    """What methods see of a category: no masks, and no names that tell defects."""

    train: NDArray[np.uint8]  # (N, S, S, 3) RGB, the normal training images
    test: NDArray[np.uint8]  # (M, S, S, 3) RGB


class StageSite:
    """The `bench.methods.steps.Site` of a stage, whose parameters name what is read by digests.

    The kind's policy of rotations holds. By default nothing unfinished is kept.
    """

    def __init__(
        self,
        stage: Stage,
        inputs: Inputs,
        kind: DatasetKind,
        device: str,
        keeper: Callable[[], Keeper] = lambda: UNKEPT,
    ) -> None:
        assert stage.step is not None
        self._stage, self._step = stage, stage.step
        self._inputs, self._kind = inputs, kind
        self.category, self.device, self.keeper = stage.category, device, keeper
        self.read: dict[str, str] = {}
        """Digests of the files that were read so far, by the names they were read under."""

    def __getitem__(self, name: str) -> Any:
        """Return what the step declares to read under a name."""
        if name not in self._step.reads:
            raise UndeclaredRead(
                f"the step {self._step.kind!r} reads {name!r}, which is not among its reads, "
                f"{', '.join(self._step.reads) or 'none'}; add it there"
            )
        if name == "rotation":
            return self._rotation()
        if name == "textures":
            self.read[name], textures = _textures(self._inputs.textures)
            return textures
        if name in ("images", "masks"):
            self.read[name], data = _category(self._inputs.categories[self.category])
            return data.masks if name == "masks" else Images(data.train, data.test)
        self.read[name], trunk = self._backbone(name)
        return trunk

    def seed(self, stream: str, step: Step[Any] | None = None) -> int:
        """Derive the seed of a random stream."""
        owner = step or self._step
        if not (self._step.seeded and owner.seeded):
            raise UndeclaredRead(
                f"the step {self._step.kind!r} asks for a seed and is not seeded; set seeded = True"
            )
        assert self._stage.seed is not None
        category = {"category": self.category} if self.category else {}
        return derive_seed(**category, stage=owner.kind, stream=stream, seed=self._stage.seed)

    def beat(self, steps: int) -> Callable[[int, float], None]:
        """Return what tells of a long computation."""
        return heartbeat(str(self._stage), steps)

    def _rotation(self) -> Rotation:
        paper = self._stage.parameters["rotation"] == "paper"
        return self._kind.rotation(self.category) if paper else Rotation()

    def _backbone(self, name: str) -> tuple[str, Any]:
        digest = self._stage.parameters[name]
        ref = next(ref for ref in self._inputs.backbones.values() if ref.digest == digest)
        return _trunk(ref, self.device)


# A worker gets stage after stage of the same category: what they share is loaded once, and its
# files are checked then.


@functools.lru_cache(maxsize=2)
def _category(ref: CategoryRef) -> tuple[str, CategoryData]:
    data = load_category(ref)
    return seal_digest(ref.path), data


@functools.lru_cache(maxsize=2)
def _trunk(ref: TeacherRef, device: str) -> tuple[str, Any]:
    trunk = load_backbone(ref).to(device)
    return seal_digest(ref.path.parent), trunk


@functools.lru_cache(maxsize=1)
def _textures(ref: TexturesRef) -> tuple[str, NDArray[np.uint8]]:
    textures = load_textures(ref)
    return seal_digest(ref.path), textures
