"""CUDA kernels of our own, in Triton, which go fewer times through a map than torch's.

They take maps in bfloat16 that lie channels last: (N, C, H, W) are rows of C channels. They
compute in float32 and add in an order that the shapes alone decide: the same bits again on a card;
another model's roots and quotients may be others. The modules beside this one are to be imported
where they are used: torch brings Triton only where it brings CUDA.
"""

import functools
import importlib
import os
import shutil
import sysconfig
from pathlib import Path

import torch
from torch import Tensor

OPTIONS = {"enable_fp_fusion": True}
"""How kernels are compiled: a product and the sum it goes into are rounded once. To be given, since
Triton 3.9 warns that its default will be another one, and so other bits."""


def fusible(x: Tensor) -> bool:
    """Whether there are kernels for maps as this one."""
    return (
        x.is_cuda
        and x.dtype == torch.bfloat16
        and x.is_contiguous(memory_format=torch.channels_last)
        and has_triton()
    )


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
