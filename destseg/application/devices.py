"""Where the arithmetic runs."""

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
        raise InputError(f"--device {name}: unknown device; use auto, cpu or cuda.") from None
    cards = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device.type not in ("cpu", "cuda") or (
        device.type == "cuda" and (device.index or 0) >= cards
    ):
        raise InputError(f"--device {name}: not available here; use auto or cpu.")
    return name
