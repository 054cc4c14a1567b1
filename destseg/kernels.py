"""Where torch's kernels are known to give the same bits in larger operations as in smaller ones.

Tests hold it for each use: `tests/method/test_looking.py`, `tests/method/test_grouping.py`.
"""

import torch

from destseg.config import Precision

KNOWN_CHANNELS = 128
"""Of a teacher's last level; a student has twice as many. With 256 and 512 others are chosen."""


def are_known(device: torch.device, precision: Precision) -> bool:
    """Whether float32 is computed with oneDNN's kernels for AVX2 or AVX-512, on one thread."""
    return (
        (device.type, precision) == ("cpu", "float32")
        and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
        and torch.backends.cpu.get_cpu_capability() in ("AVX2", "AVX512")
        and torch.get_num_threads() == 1
    )
