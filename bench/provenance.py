"""Where numbers come from: commit, versions, machine; captured once in each process."""

import functools
import importlib.metadata
import os
import platform
import resource
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

PACKAGES = ("torch", "torchvision", "numpy", "scipy", "scikit-image", "scikit-learn", "pillow")
"""Packages that can change a number."""


@functools.cache
def provenance() -> Mapping[str, str]:
    """Describe code and environment in a few words each."""
    commit, dirty = _commit()
    return {
        "commit": commit,
        "dirty": dirty,
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in PACKAGES},
        "platform": f"{platform.system()} {platform.machine()}",
        "cpu": f"{_processor()}, {os.cpu_count()} cores",
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
    }


def record_provenance(device: str, started: datetime) -> dict[str, Any]:
    """Describe where and when a record was made."""
    return {
        **provenance(),
        "device": device_name(device),
        "threads": torch.get_num_threads(),
        "started": started.isoformat(timespec="seconds"),
    }


def foot(command: str, device: str, *setting: str) -> tuple[str, ...]:
    """Write the lines for the foot of a table: command, commit, machine, setting, date."""
    where = provenance()
    changed = " with uncommitted changes" if where["dirty"] == "yes" else ""
    machine = f"{where['cpu']}, {device_name(device)}"
    return (
        f"Command: {command}",
        f"Commit: {where['commit']}{changed}",
        f"Machine: {machine}; Python {where['python']}, torch {where['torch']}",
        *setting,
        f"Date: {datetime.now(UTC):%Y-%m-%d}",
    )


def device_name(device: str) -> str:
    """Name a torch device for people: ``cpu`` or the model of the accelerator."""
    return torch.cuda.get_device_name(device) if device.startswith("cuda") else device


def peak_memory() -> int:
    """Largest resident size of this process so far, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _commit() -> tuple[str, str]:
    """Commit of the checkout, and ``yes``, ``no`` or ``unknown`` for uncommitted changes."""
    here = Path(__file__).parent

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(here), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603

    try:
        commit = git("rev-parse", "HEAD")
        # Results are written below the checkout while it runs; only code can make it dirty.
        changed = git("status", "--porcelain", "--", str(here), str(here.parent / "destseg"))
    except (OSError, subprocess.CalledProcessError):
        return "unknown", "unknown"
    return commit, "yes" if changed else "no"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown"
