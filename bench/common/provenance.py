"""Where numbers come from: commit, versions, machine; captured once in each process."""

import functools
import hashlib
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
    commit, dirty, changes = _commit()
    return {
        "commit": commit,
        "dirty": dirty,
        "changes": changes,
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in PACKAGES},
        "platform": f"{platform.system()} {platform.machine()}",
        "cpu": f"{_processor()}, {os.cpu_count()} cores",
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
    }


def record_provenance(device: str, started: datetime, command: str = "") -> dict[str, Any]:
    """Describe where, when and by which command line a record was made; the end is now."""
    return {
        **provenance(),
        "device": device_name(device),
        "threads": torch.get_num_threads(),
        "determinism": determinism(),
        "command": command,
        "started": started.isoformat(timespec="seconds"),
        "ended": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def determinism() -> str:
    """Name the switches that are on of those which decide whether two runs give the same bits."""
    switches = {
        "deterministic algorithms": torch.are_deterministic_algorithms_enabled(),
        "cudnn deterministic": torch.backends.cudnn.deterministic,
        "cudnn benchmark": torch.backends.cudnn.benchmark,
        "matmul TF32": torch.backends.cuda.matmul.allow_tf32,
        "cudnn TF32": torch.backends.cudnn.allow_tf32,
    }
    return ", ".join(name for name, on in switches.items() if on)


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


def _commit() -> tuple[str, str, str]:
    """Commit of the checkout, whether code differs from it, and a digest of how.

    The second is ``yes``, ``no`` or ``unknown``; the third the first 16 digits of the SHA-256 of
    the difference and of the files git does not know, empty where there is none.
    """
    here = Path(__file__).parents[1]

    def git(*arguments: str) -> bytes:
        command = ["git", "-C", str(here), *arguments]
        return subprocess.run(command, capture_output=True, check=True).stdout  # noqa: S603

    # Results are written below the checkout while it runs; only code can make it dirty.
    code = (str(here), str(here.parent / "destseg"))
    try:
        commit = git("rev-parse", "HEAD").decode().strip()
        total = hashlib.sha256(git("diff", "HEAD", "--", *code))
        listed = git("ls-files", "--others", "--exclude-standard", "--full-name", "-z", "--", *code)
        top = Path(git("rev-parse", "--show-toplevel").decode().strip())
        new = [name for name in listed.decode().split("\0") if name]
        for name in new:
            total.update(name.encode() + b"\0" + (top / name).read_bytes())
    except (OSError, subprocess.CalledProcessError):
        return "unknown", "unknown", ""
    if total.digest() == hashlib.sha256().digest():
        return commit, "no", ""
    return commit, "yes", total.hexdigest()[:16]


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown"
