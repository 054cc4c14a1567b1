"""The connection to a dask scheduler, and what goes wrong with it in sentences."""

import logging
from concurrent.futures import CancelledError
from typing import Any

from bench.running.execution import Job, Outcome
from destseg.errors import InputError

CONNECT = 10.0
"""Seconds to reach the scheduler; a wrong address is told within them."""


def connect(address: str) -> Any:
    """Return a client of the scheduler.

    Raises
    ------
    InputError
        When dask is not installed or no scheduler answers.
    """
    try:
        from distributed import Client
    except ImportError:
        raise InputError(
            '--backend dask: dask is not installed; pip install "destseg-bench[distributed]".'
        ) from None
    # The end of a scheduler is told in a sentence of our own.
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
    try:
        return Client(address, timeout=CONNECT, set_as_default=False)
    except (OSError, ValueError) as error:
        raise unreachable(address, error) from None


def unreachable(address: str, error: Exception) -> InputError:
    """Say that no scheduler is there."""
    return InputError(
        f"--scheduler {address}: no dask scheduler answers there ({reason(error)}); "
        "give the address it prints when it starts, such as tcp://host:8786."
    )


def failed(job: Job, error: Exception) -> tuple[Outcome, ...]:
    """Make the outcomes of a task that dask gave up, or of a worker that is not up to it."""
    from distributed import KilledWorker

    if isinstance(error, KilledWorker):
        count = error.allowed_failures + 1
        return job.failed("killed", f"{count} workers died while they computed it", attempts=count)
    return job.failed("raised", f"on a worker: {reason(error)}")


def misfit(error: Exception) -> str:
    """Say why a worker could not even look."""
    return f"{reason(error)}; install the same version of destseg-bench there"


def reason(error: Exception) -> str:
    """Describe an error in one line."""
    if isinstance(error, CancelledError):
        # Dask's own, which knows why; its text is long and names a task.
        return str(getattr(error, "reason", None) or "its tasks were cancelled")
    text = str(error).strip()
    return f"{type(error).__name__}: {text.splitlines()[0]}" if text else type(error).__name__
