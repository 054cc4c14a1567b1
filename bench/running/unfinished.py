"""Where stages that are computed together are kept while they are not finished.

In one file, in the run store, in the folder of the first of them: it goes on only with the same
stages, code and machine, and is gone when that one's record is there.
"""

import sys
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from bench.common.provenance import device_name, provenance
from bench.planning.stages import Stage
from bench.store.runs import RunStore
from destseg.application.resuming import PartFile, identity_of
from destseg.errors import InputError
from destseg.fused import has_triton


class Unfinished:
    """Of stages that are computed together on a device; opened when one of them asks."""

    def __init__(self, stages: Sequence[Stage], store: RunStore, device: str) -> None:
        self._stages, self._store, self._device = stages, store, device

    @cached_property
    def part(self) -> "StagePart":
        """What keeps them, a `destseg.descent.Keeper`."""
        options = {
            "keys": [stage.key for stage in self._stages],
            "machine": [*provenance().items(), device_name(self._device)],
            "kernels": self._device.startswith("cuda") and has_triton(),
        }
        first = self._stages[0]
        label = str(first) if len(self._stages) == 1 else f"{first} and others"
        return StagePart(self._store.unfinished(first.key), identity_of(options), label)

    @property
    def seconds(self) -> float:
        """What they took before they were interrupted."""
        return self.part.seconds if self._asked else 0.0

    @property
    def done(self) -> int:
        """Updates after which they went on."""
        return self.part.done if self._asked else 0

    def remove(self) -> None:
        """Forget what was kept of stages that have come to their end."""
        if self._asked:
            self.part.remove()

    @property
    def _asked(self) -> bool:
        return "part" in vars(self)


class StagePart(PartFile):
    """A `PartFile` that is no reason to fail: what cannot be used or kept is told."""

    def __init__(self, path: Path, identity: str, label: str) -> None:
        try:
            super().__init__(path, identity)
        except InputError as error:
            _tell(f"{error} It is not used: {label} begins anew.")
            path.unlink(missing_ok=True)
            super().__init__(path, identity)
        if self.done:
            _tell(f"{label}: goes on after {self.done} updates")

    def keep(self, step: int, state: Callable[[], Any]) -> None:
        """Save, unless that was done a moment ago."""
        try:
            super().keep(step, state)
        except InputError as error:
            _tell(str(error))

    def remove(self) -> None:
        """Remove the file, which need not be there."""
        self._path.unlink(missing_ok=True)


def _tell(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)
