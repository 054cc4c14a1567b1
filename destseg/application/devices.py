"""Where the arithmetic runs."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from destseg.errors import InputError


def choose_device(name: str) -> str:
    """Turn ``auto`` into the accelerator, where there is one, and check any other name.

    Raises
    ------
    InputError
        When the device is unknown or not there.
    """
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise InputError(f"device {name}: unknown; use auto, cpu or cuda.") from None
    cards = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device.type not in ("cpu", "cuda") or (
        device.type == "cuda" and (device.index or 0) >= cards
    ):
        raise InputError(f"device {name}: not available here; use auto or cpu.")
    return name


def is_out_of_memory(error: Exception) -> bool:
    """Whether an error is raised for want of memory; on a CPU torch's is a plain RuntimeError."""
    kinds = MemoryError | torch.OutOfMemoryError
    return isinstance(error, kinds) or "can't allocate" in str(error)


@contextmanager
def memory_for(sizes: str, device: str) -> Iterator[None]:
    """Say what to do where memory runs out for some options.

    Raises
    ------
    InputError
        That names options and device.
    """
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        raise InputError(
            f"{sizes}: {device} has no memory left for that; give a smaller batch size, which is "
            "another recipe, a smaller size, or another --device."
        ) from None
