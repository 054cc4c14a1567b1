"""Long trainings that go on where they were interrupted, to the same weights."""

import hashlib
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn

from destseg.errors import InputError
from destseg.weights import read_file, write_file

FORMAT = "destseg-bench training 2"
STAGES = ("student", "segmentation")
EVERY = 120.0
"""Seconds between two savings."""


class PartFile:
    """A `destseg.descent.Keeper` of both stages, in a file beside the model's.

    The file need not exist. Its identity is from `identity_of`.

    Raises
    ------
    InputError
        When the file is damaged or is of another training.
    """

    def __init__(self, path: Path, identity: str, model: nn.Module) -> None:
        self._path = path
        self._model = model
        self._head = {"format": FORMAT, "identity": identity}
        self._stage = STAGES[0]
        self._last = time.monotonic()
        self._content: Mapping[str, Any] = {}
        if path.is_file():
            self._content = read_file(path)
            if any(self._content.get(name) != value for name, value in self._head.items()):
                raise InputError(
                    f"{path}: of a training with other images or options, or by another version; "
                    "give those again to continue it, or remove the file."
                )

    def is_past(self, stage: str) -> bool:
        """Whether a later stage was interrupted."""
        interrupted = self._content.get("stage", STAGES[0])
        return STAGES.index(interrupted) > STAGES.index(stage)

    def begin(self, stage: str) -> Self:
        """Turn to a stage."""
        self._stage = stage
        return self

    @property
    def done(self) -> int:
        """Updates of the stage that were done; 0 for one that had not begun."""
        return int(self._content["step"]) if self._content.get("stage") == self._stage else 0

    def restore(self, optimiser: torch.optim.Optimizer) -> None:
        """Put model and optimiser back to where they were."""
        if self.done:
            self._model.load_state_dict(self._content["model"])
            optimiser.load_state_dict(self._content["optimiser"])

    def keep(self, step: int, optimiser: torch.optim.Optimizer) -> None:
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
        state = {"model": self._model.state_dict(), "optimiser": optimiser.state_dict()}
        write_file(self._path, {**self._head, "stage": self._stage, "step": step, **state})


def identity_of(options: Mapping[str, Any], *data: Tensor) -> str:
    """Digest what a training depends on: options of plain JSON values, images and weights."""
    total = hashlib.sha256(json.dumps(options, sort_keys=True).encode())
    for tensor in data:
        total.update(f"{tuple(tensor.shape)}".encode())
        total.update(tensor.cpu().contiguous().numpy().tobytes())
    return total.hexdigest()
