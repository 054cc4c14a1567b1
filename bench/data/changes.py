"""When a file may be taken for the one whose content was read before."""

import os
import time
from collections.abc import Iterable

SMALL = 16 << 20
"""Bytes of a set of files that is read afresh each time, which takes a moment."""

TICK = 2_000_000_000
"""Nanoseconds within which two writes may bear one time: FAT counts in two seconds."""


def fingerprint(status: os.stat_result) -> str:
    """Say what a file's entry tells of its content.

    Tools restore sizes and modification times of what they replace, but neither the inode of the
    file nor the time of its last change, which only the system sets.
    """
    return f"{status.st_size}\0{status.st_mtime_ns}\0{status.st_ctime_ns}\0{status.st_ino}"


def is_settled(states: Iterable[os.stat_result]) -> bool:
    """Tell whether fingerprints will tell a change: not of files that were written just now."""
    states = list(states)
    newest = max((status.st_ctime_ns for status in states), default=0)
    is_small = sum(status.st_size for status in states) <= SMALL
    return not is_small and newest < time.time_ns() - TICK
