"""Long trainings that go on where they were interrupted, to the same weights."""

import hashlib
import io
import json
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

import torch
from torch import Tensor, nn

from destseg.atomic import write_atomically, writing
from destseg.errors import InputError, one_line, tell

FORMAT = "destseg-bench training 3"
STAGES = ("student", "segmentation")
ZIP = b"PK\x03\x04"
EVERY = 120.0
"""Seconds between two savings."""


class PartFile:
    """A `destseg.descent.Keeper` of one stage, or of several one after the other, in a file.

    The file, sealed by its digest, need not exist.

    Parameters
    ----------
    path : Path
        The file.
    identity : str
        Of the training, from `identity_of`.
    options : mapping, optional
        Those that the identity is of, for what is said of a file of another training.

    Raises
    ------
    InputError
        When the file is damaged or is of another training.
    """

    def __init__(
        self, path: Path, identity: str, options: Mapping[str, Any] = MappingProxyType({})
    ) -> None:
        self._path = path
        self._options = flat(options)
        self._head = {"format": FORMAT, "identity": identity}
        self._stage = STAGES[0]
        self._beside: nn.Module | None = None
        self._last = self._opened = time.monotonic()
        self._asked = False
        self._content: Mapping[str, Any] = {}
        if path.is_file():
            self._content = _read(path)
            if any(self._content.get(name) != value for name, value in self._head.items()):
                what = self._differing() or "other images or options, or by another version"
                raise InputError(
                    f"{path}: of a training with {what}; give the same again to continue it, or "
                    "remove the file."
                )
            tell(f"continues what {path} holds; remove that file to begin anew.")

    def _differing(self) -> str:
        """List the options of the file's training that are others now; empty where none is."""
        kept = self._content.get("options", {})
        others = {name: value for name, value in kept.items() if self._options.get(name) != value}
        return ", ".join(
            f"{name} {value}, not {self._options.get(name)}" for name, value in others.items()
        )

    def is_past(self, stage: str) -> bool:
        """Whether a later stage was interrupted."""
        interrupted = self._content.get("stage", STAGES[0])
        return STAGES.index(interrupted) > STAGES.index(stage)

    def begin(self, stage: str, beside: nn.Module) -> Self:
        """Turn to a stage, and put back what earlier ones have trained."""
        self._stage, self._beside = stage, beside
        if self.done:
            beside.load_state_dict(self._content["beside"])
        return self

    @property
    def done(self) -> int:
        """Updates of the stage that were done; 0 for one that had not begun."""
        return int(self._content["step"]) if self._content.get("stage") == self._stage else 0

    @property
    def state(self) -> Any:
        """What was kept of the stage; None of one that had not begun."""
        return self._content["state"] if self.done else None

    @property
    def seconds(self) -> float:
        """Seconds that the training took before it was interrupted."""
        return float(self._content.get("seconds", 0.0))

    def keep(self, step: int, state: Callable[[], Any]) -> None:
        """Save, unless that was done a moment ago.

        Raises
        ------
        InputError
            When the file cannot be written.
        KeyboardInterrupt
            After saving, when an interrupt was held back.
        """
        now = time.monotonic()
        if now - self._last < EVERY and not self._asked:
            return
        self._write(
            {
                **self._head,
                "options": self._options,
                "stage": self._stage,
                "step": step,
                "seconds": self.seconds + now - self._opened,
                "state": state(),
                "beside": {} if self._beside is None else self._beside.state_dict(),
            }
        )
        self._last = time.monotonic()
        self._end_if_asked()

    @contextmanager
    def saved_when_interrupted(self) -> Iterator[None]:
        """Hold an interrupt inside back until the update is made and saved; a second one is not."""
        if threading.current_thread() is not threading.main_thread():  # others get no signals
            yield
            return

        def ask(*_: object) -> None:
            self._asked = True
            signal.signal(signal.SIGINT, before)

        before = signal.signal(signal.SIGINT, ask)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)
        self._end_if_asked()

    def _end_if_asked(self) -> None:
        if self._asked:
            self._asked = False
            raise KeyboardInterrupt

    def _write(self, content: Mapping[str, Any]) -> None:
        buffer = io.BytesIO()
        torch.save(content, buffer)
        body = buffer.getvalue()
        with writing(self._path):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self._path, hashlib.sha256(body).digest() + body)


def _read(path: Path) -> Mapping[str, Any]:
    try:
        whole = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read ({one_line(error)}); make it readable, or remove it to begin "
            "anew."
        ) from None
    size = hashlib.sha256().digest_size
    if hashlib.sha256(whole[size:]).digest() != whole[:size]:
        raise InputError(
            f"{path}: not a whole file of an unfinished training, or an older version's; remove it "
            "to begin anew."
        )
    content: Mapping[str, Any]
    content = torch.load(io.BytesIO(whole[size:]), map_location="cpu", weights_only=True)
    return content


def is_part_file(path: Path) -> bool:
    """Whether a file begins as those of `PartFile`: with a digest, then a file of torch's."""
    size = hashlib.sha256().digest_size
    if not path.is_file():  # a pipe would be waited for
        return False
    try:
        with path.open("rb") as file:
            return file.read(size + len(ZIP))[size:] == ZIP
    except OSError:
        return False


def flat(options: Mapping[str, Any]) -> dict[str, str]:
    """Spell options out by name, those in a group of options too.

    Examples
    --------
    >>> flat({"config": {"batch_size": 8}, "seed": 0})
    {'batch_size': '8', 'seed': '0'}
    """
    found = {}
    for name, value in options.items():
        found.update(flat(value) if isinstance(value, Mapping) else {name: str(value)})
    return found


def identity_of(options: Mapping[str, Any], *data: Tensor) -> str:
    """Digest what a training depends on: options of plain JSON values, images and weights."""
    total = hashlib.sha256(json.dumps(options, sort_keys=True).encode())
    for tensor in data:
        total.update(f"{tuple(tensor.shape)}".encode())
        total.update(tensor.cpu().contiguous().numpy().tobytes())
    return total.hexdigest()
