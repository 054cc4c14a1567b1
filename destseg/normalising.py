"""BatchNorm, a residual and ReLU, of which every network here is made."""

import functools
import importlib
import os
import shutil
import sysconfig
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor, nn


def norm_relu(
    norm: nn.BatchNorm2d, x: Tensor, residual: Tensor | None = None, *, relu: bool = True
) -> Tensor:
    """Normalise a map, add a residual, and cut off below zero.

    Parameters
    ----------
    norm : nn.BatchNorm2d
        In training, its running statistics move.
    x : Tensor
        (B, C, H, W).
    residual : Tensor, optional
        Of the same shape.
    relu : bool
        Whether to cut off.

    Returns
    -------
    Tensor
        (B, C, H, W). Of bfloat16 on CUDA, channels last, by `destseg.fused`, which computes all in
        float32 and rounds once; of all else by torch.
    """
    if _fits(norm, x, residual):
        from destseg.fused.normalisation import NormReLU, frozen_norm_relu

        if not norm.training:
            return frozen_norm_relu(norm, x, residual, relu=relu)
        out: Tensor = NormReLU.apply(x, norm.weight, norm.bias, residual, norm, relu)
        return out
    out = norm(x)
    if residual is not None:
        out += residual
    return F.relu(out, inplace=True) if relu else out


def fusible(x: Tensor) -> bool:
    """Whether `destseg.fused` has kernels for maps as this one."""
    return (
        x.is_cuda
        and x.dtype == torch.bfloat16
        and x.is_contiguous(memory_format=torch.channels_last)
        and has_triton()
    )


def _fits(norm: nn.BatchNorm2d, x: Tensor, residual: Tensor | None) -> bool:
    maps = [x] if residual is None else [x, residual]
    learns = torch.is_grad_enabled() and any(
        each.requires_grad for each in (*maps, norm.weight, norm.bias)
    )
    # Of a single value torch's own says that it has no variance.
    usual = x.numel() > x.shape[1] if norm.training else not learns
    return usual and all(map(fusible, maps))


@functools.cache
def has_triton() -> bool:
    """Whether there is Triton, and with what it builds what launches a kernel.

    That is a C compiler, ``$CC`` and no other where that is set, and Python's headers, which many
    systems have in a package of its own.
    """
    chosen = os.environ.get("CC")
    compilers = ("gcc", "clang") if chosen is None else (chosen,)
    header = Path(sysconfig.get_path("include", "posix_prefix"), "Python.h")
    return any(map(shutil.which, compilers)) and header.is_file() and _imports("triton")


def _imports(name: str) -> bool:
    """Whether a module is there with all that it needs: an older Triton needs setuptools."""
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True
