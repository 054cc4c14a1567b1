"""NumPy's sort on processors whose AVX-512 is slow at it: five times slower than AVX2 on Zen 4.

Instructions that AMD's family 25 has in microcode, which NumPy's AVX-512 sort is made of. Intel's
processors and AMD's later ones sort faster with AVX-512 than without. Not for what trains and makes
maps: without AVX-512 NumPy's exponential, which SciPy's Gaussians come from, has other last bits.
"""

import os
from collections.abc import MutableMapping
from importlib.metadata import version
from pathlib import Path

VARIABLE = "NPY_DISABLE_CPU_FEATURES"
"""Names what NumPy, when it is imported, is to do without."""


def choose_sort(
    environment: MutableMapping[str, str] = os.environ, cpuinfo: Path = Path("/proc/cpuinfo")
) -> None:
    """Let this process's NumPy sort without AVX-512 where that is slow; call it before the import.

    What the user has set stays.
    """
    try:
        described = cpuinfo.read_text()
    except OSError:  # not Linux
        return
    if sorts_slowly(described):
        environment.setdefault(VARIABLE, feature(version("numpy")))


def sorts_slowly(cpuinfo: str) -> bool:
    """Tell whether Linux describes a processor of AMD's family 25 (19h) that has AVX-512: Zen 4."""
    first = cpuinfo.split("\n\n", 1)[0]
    pairs = (line.partition(":") for line in first.splitlines())
    entries = {name.strip(): value.strip() for name, _, value in pairs}
    named = entries.get("vendor_id"), entries.get("cpu family")
    return named == ("AuthenticAMD", "25") and "avx512f" in entries.get("flags", "").split()


def feature(numpy: str) -> str:
    """Name the feature that a version of NumPy sorts with: called otherwise since 2.4."""
    major, minor = map(int, numpy.split(".")[:2])
    return "X86_V4" if (major, minor) >= (2, 4) else "AVX512_SKX"
