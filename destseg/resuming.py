"""Long trainings that go on where they were interrupted, to the same weights."""

import hashlib
import io
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from destseg.atomic import write_atomically
from destseg.errors import InputError
from destseg.weights import read_file

FORMAT = "destseg-bench training"
EVERY = 120.0
"""Seconds between two savings."""


class PartFile:
    """What an unfinished training has come to, in a file beside the model's.

    Parameters
    ----------
    path : Path
        The file; it need not exist.
    identity : str
        Of the training, from `identity_of`.

    Raises
    ------
    InputError
        When the file is damaged or is of another training.
    """

    def __init__(self, path: Path, identity: str) -> None:
        self._path = path
        self._identity = identity
        self._last = time.monotonic()
        self._content: Mapping[str, Any] = {}
        if path.is_file():
            self._content = read_file(path)
            found = self._content.get("format"), self._content.get("identity")
            if found != (FORMAT, identity):
                raise InputError(
                    f"{path}: of a training with other images or options; give those again to "
                    "continue it, or remove the file."
                )

    def is_past(self, stage: str) -> bool:
        """Whether a stage before the one that was interrupted."""
        return bool(self._content) and self._content["stage"] != stage

    def stage(self, name: str, model: nn.Module) -> "StageKeeper":
        """Return what keeps one stage of training a model."""
        return StageKeeper(self, name, model)

    def saved_step(self, stage: str) -> int:
        """Return the updates that were done in a stage; 0 for one that had not begun."""
        return int(self._content["step"]) if self._content.get("stage") == stage else 0

    def restore(self, model: nn.Module, optimiser: torch.optim.Optimizer | None = None) -> None:
        """Put what was saved back into the model, and into the optimiser of its stage."""
        model.load_state_dict(self._content["model"])
        if optimiser is not None:
            optimiser.load_state_dict(self._content["optimiser"])

    def save(
        self, stage: str, step: int, model: nn.Module, optimiser: torch.optim.Optimizer
    ) -> None:
        """Save, unless that was done a moment ago.

        Raises
        ------
        InputError
            When the file cannot be written.
        """
        now = time.monotonic()
        if now - self._last < EVERY:
            return
        self._last = now
        content = {"format": FORMAT, "identity": self._identity, "stage": stage, "step": step}
        buffer = io.BytesIO()
        state = {"model": model.state_dict(), "optimiser": optimiser.state_dict()}
        torch.save({**content, **state}, buffer)
        try:
            write_atomically(self._path, buffer.getvalue())
        except OSError as error:
            raise InputError(f"{self._path}: cannot be written ({error.strerror}).") from None


@dataclass(frozen=True)
class StageKeeper:
    """Keeps one stage of a training in its `PartFile`; a `destseg.training.Keeper`."""

    file: PartFile
    stage: str
    model: nn.Module

    @property
    def done(self) -> int:
        """Updates that were done."""
        return self.file.saved_step(self.stage)

    def restore(self, optimiser: torch.optim.Optimizer) -> None:
        """Put model and optimiser back to where they were."""
        if self.done:
            self.file.restore(self.model, optimiser)

    def keep(self, step: int, optimiser: torch.optim.Optimizer) -> None:
        """Save now and then."""
        self.file.save(self.stage, step, self.model, optimiser)


def identity_of(options: Mapping[str, Any], *data: Tensor) -> str:
    """Digest what a training depends on: options of plain JSON values, images and weights."""
    total = hashlib.sha256(json.dumps(options, sort_keys=True).encode())
    for tensor in data:
        total.update(f"{tuple(tensor.shape)}".encode())
        total.update(tensor.cpu().contiguous().numpy().tobytes())
    return total.hexdigest()
