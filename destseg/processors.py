"""How many processors there are to use."""

import os


def usable_cores() -> int:
    """Count the cores that this process may use, which a queue may have limited."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
