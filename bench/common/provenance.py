"""Where numbers come from: commit, versions, machine; captured once in each process."""

import contextlib
import functools
import hashlib
import importlib.metadata
import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from bench import __version__
from destseg.fused import has_triton

try:
    import resource
except ImportError:  # as on Windows
    resource = None  # type: ignore[assignment]

PACKAGES = ("torch", "torchvision", "numpy", "scipy", "scikit-image", "scikit-learn", "pillow")
"""Packages that can change a number."""


@functools.cache
def provenance() -> Mapping[str, str]:
    """Describe code and environment in a few words each."""
    commit, dirty, changes = _code()
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
        "determinism": determinism(device),
        "command": command,
        "started": started.isoformat(timespec="seconds"),
        "ended": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def determinism(device: str) -> str:
    """Name the switches that are on of those which decide whether two runs give the same bits.

    Of a GPU also whether this project's kernels are there, which are for bfloat16.
    """
    switches = {
        "deterministic algorithms": torch.are_deterministic_algorithms_enabled(),
        "cudnn deterministic": torch.backends.cudnn.deterministic,
        "cudnn benchmark": torch.backends.cudnn.benchmark,
        "matmul TF32": torch.backends.cuda.matmul.allow_tf32,
        "cudnn TF32": torch.backends.cudnn.allow_tf32,
        "own kernels": device.startswith("cuda") and has_triton(),
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
    """Largest resident size of this process so far, in bytes; 0 where the system does not tell."""
    with contextlib.suppress(OSError):
        # What the system tells of a process it started from another begins at the other's size.
        status = Path("/proc/self/status").read_text(encoding="utf-8")
        for line in status.splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    if resource is None:
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _code() -> tuple[str, str, str]:
    """Which code this is, whether it was changed since, and a digest of how.

    In a checkout: its commit; ``yes`` or ``no``; a digest of the difference and of the files git
    does not know, empty where there is none. Elsewhere: the version with a digest of the source
    files, from which nothing can differ. Git is believed only where it tracks these very files: a
    repository around an installed package knows nothing of it.
    """
    here = Path(__file__).parents[1]
    # Results are written below the checkout while it runs; only code can make it dirty.
    code = (here, here.parent / "destseg")

    def git(*arguments: str | Path) -> bytes:
        command = ["git", "-C", str(here), *map(str, arguments)]
        return subprocess.run(command, capture_output=True, check=True).stdout  # noqa: S603

    try:
        git("ls-files", "--error-unmatch", "--", *(folder / "__init__.py" for folder in code))
        commit = git("rev-parse", "HEAD").decode().strip()
        difference = git("diff", "HEAD", "--", *code)
        others = git("ls-files", "--others", "--exclude-standard", "-z", "--", *code)
    except (OSError, subprocess.CalledProcessError):
        sources = sorted(path for folder in code for path in folder.rglob("*.py"))
        return f"destseg-bench {__version__}, sources {_digest(b'', sources)}", "no", ""
    new = [here / name for name in others.decode().split("\0") if name]
    return (commit, "yes", _digest(difference, new)) if difference or new else (commit, "no", "")


def _digest(start: bytes, files: Iterable[Path]) -> str:
    """Digest bytes and files, by their place in the package, in 16 hexadecimal digits."""
    total = hashlib.sha256(start)
    for file in files:
        name = os.path.relpath(file, Path(__file__).parents[2])
        total.update(name.encode() + b"\0" + file.read_bytes())
    return total.hexdigest()[:16]


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown"
