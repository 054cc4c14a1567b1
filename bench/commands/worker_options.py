"""The options by which a command chooses who computes, and how long a stage may take."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING

from destseg.application.options import positive
from destseg.errors import InputError
from destseg.processors import usable_cores

if TYPE_CHECKING:
    from bench.running.workers import Workers


BESIDE = 4
"""Processes of the CPU beside those of GPUs, at most: floors and metrics are no more work."""


def add_worker_options(command: argparse.ArgumentParser) -> None:
    """Add the options."""
    group = command.add_argument_group("workers")
    group.add_argument(
        "--jobs",
        type=positive,
        metavar="N",
        help="worker processes; default: all cores, or GPUs, beside which a few more compute "
        "what needs none",
    )
    group.add_argument(
        "--per-gpu", type=positive, default=1, metavar="N", help="processes on each GPU; default: 1"
    )
    group.add_argument(
        "--timeout", type=_seconds, metavar="S", help="seconds a stage may take; default: no limit"
    )
    group.add_argument(
        "--shard",
        type=_shard,
        metavar="I/N",
        help="compute only the I-th of N parts of the grid, for a batch queue; writes no tables",
    )
    group.add_argument(
        "--in-process",
        action="store_true",
        help="run stages in this process, one by one, for a debugger: one that dies ends the run",
    )
    group.add_argument(
        "--backend",
        choices=("local", "dask"),
        help="who computes: this machine, or a dask cluster; default: local, or dask where "
        "--scheduler is given",
    )
    group.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="of the dask cluster, such as tcp://host:8786; its threads are the workers, and "
        "--jobs counts only the processes that prepare the inputs here",
    )


def on_cluster(options: argparse.Namespace) -> bool:
    """Tell whether a dask cluster computes; refuse options that contradict each other."""
    given = options.scheduler is not None
    if options.backend == "dask" and not given:
        raise InputError("--backend dask: which cluster? Add --scheduler tcp://HOST:8786.")
    if options.backend == "local" and given:
        raise InputError("--scheduler: --backend local has none; leave one of the two out.")
    if given and options.in_process:
        raise InputError("--in-process: not with --scheduler; leave one of the two out.")
    return given


def open_workers(options: argparse.Namespace, device: str) -> Workers:
    """Provide the workers the options ask for; processes start with their first stage."""
    from bench.running.cluster import Cluster
    from bench.running.workers import Children, InProcess

    if on_cluster(options):
        return Cluster(options.scheduler, options.device, options.timeout)
    if options.in_process:
        return InProcess(device)
    devices = _devices(options, device)
    return Children(devices, options.timeout, beside=beside(device, len(devices)))


def places(device: str) -> list[str]:
    """Name the devices that have a worker each: every core, or all GPUs unless one is chosen."""
    if device == "cpu":
        return ["cpu"] * usable_cores()
    if device == "cuda":
        import torch

        return [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    return [device]


def beside(device: str, workers: int) -> int:
    """Count the processes beside workers on a device that take what needs no accelerator.

    As many as these and their threads that draw batches leave cores for, at least one; none where
    the workers are on the CPU themselves.
    """
    from destseg.feeding import AHEAD

    return 0 if device == "cpu" else max(1, min(BESIDE, usable_cores() - workers * (1 + AHEAD)))


def _devices(options: argparse.Namespace, device: str) -> list[str]:
    """Name the device of each worker."""
    found = places(device)
    count = options.jobs or len(found) * (1 if device == "cpu" else options.per_gpu)
    return [found[index % len(found)] for index in range(count)]


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number of seconds")
    return value


def _shard(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d+)/(\d+)", text)
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        raise argparse.ArgumentTypeError(f"{text!r} is no shard; give I/N such as 2/8, 1 <= I <= N")
    return int(found[1]), int(found[2])
