"""In what precision networks compute while they are trained.

Weights, the optimiser's state, normalised features, distances and losses are float32 always, and so
is all that computes anomaly maps.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from destseg.config import Precision
from destseg.errors import InputError

BLOCK = 64
"""Channels that are laid last in memory, or multiples of them."""

TENSOR_CORES = (8, 0)
"""Compute capability from which cards have TF32 and bfloat16."""


def require_precision(precision: Precision, device: torch.device | str) -> None:
    """Refuse a precision that a device has not, rather than compute in another one.

    Raises
    ------
    InputError
        For TF32 on a CPU, and for TF32 or bfloat16 on a card without.
    """
    place = torch.device(device)
    if precision == "tf32" and place.type == "cpu":
        raise InputError(
            "precision tf32: only GPUs have it; use float32 or bf16 on a CPU, or --device cuda."
        )
    if precision != "float32" and place.type == "cuda":
        capability = torch.cuda.get_device_capability(place)
        if capability < TENSOR_CORES:
            has = ".".join(map(str, capability))
            raise InputError(
                f"precision {precision}: {place}, of compute capability {has}, has none before "
                "8.0; use float32 there."
            )


@contextmanager
def arithmetic(precision: Precision, device: torch.device | str) -> Iterator[None]:
    """Compute with float32 tensors in TF32 inside, or in float32 proper, to the same bits again.

    On a GPU torch's own choice for convolutions is TF32, whose products have 10 bits, by kernels
    some of which add as threads come.

    Raises
    ------
    InputError
        When the device has not the precision.
    """
    require_precision(precision, device)
    if torch.device(device).type != "cuda":
        yield
        return
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    tf32 = precision == "tf32"
    # By the older of torch's two names for it, which may not be mixed: all versions have that one.
    wanted: tuple[tuple[Any, str, bool], ...] = (
        (cudnn, "allow_tf32", tf32),
        (matmul, "allow_tf32", tf32),
        (cudnn, "deterministic", True),
        (cudnn, "benchmark", False),
    )
    before = [getattr(kind, name) for kind, name, _ in wanted]
    try:
        for kind, name, value in wanted:
            setattr(kind, name, value)
        yield
    finally:
        for (kind, name, _), value in zip(wanted, before, strict=True):
            setattr(kind, name, value)


def autocast(precision: Precision, device: torch.device | str) -> torch.autocast:
    """Compute convolutions in bfloat16 inside, where that is the precision."""
    return torch.autocast(torch.device(device).type, torch.bfloat16, enabled=precision == "bf16")


def layout(width: int, precision: Precision) -> torch.memory_format:
    """Return the layout in memory in which networks of a width are trained.

    Units that multiply matrices, of GPUs and of CPUs, take channels last, in whole blocks: at other
    widths the gradient of oneDNN (torch 2.15) was seen to corrupt the heap in that layout.
    Float32 does not: on a CPU torch's BatchNorm is less exact in it, and the first gradient of a
    student ten times as far from the exact one (docs/scale.md, "On a CPU").
    """
    matrices = precision != "float32" and width % BLOCK == 0
    return torch.channels_last if matrices else torch.contiguous_format
