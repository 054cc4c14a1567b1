"""Processes that are killed at any moment, and several that share one folder."""

import os
import random
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest

from bench.store.runs import RunStore
from tests.faults.conftest import DEADLINE, PART, results

pytestmark = pytest.mark.faults

ROUNDS = 50


@pytest.fixture(scope="module")
def reference(undisturbed):
    return undisturbed(*PART)


@pytest.fixture(scope="module")
def duration(start, tmp_path_factory):
    """Seconds that a run takes."""
    begun = time.monotonic()
    process = start(tmp_path_factory.mktemp("timed"), *PART)
    process.communicate(timeout=DEADLINE)
    return time.monotonic() - begun


def children(pid):
    with suppress(OSError):
        return [
            int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        ]
    return []


def kill(victim, process, chance):
    """Kill the parent, one of its workers or all; tell whether the parent may live on."""
    workers = children(process.pid)
    if victim == "worker" and workers:
        with suppress(ProcessLookupError):
            os.kill(chance.choice(workers), signal.SIGKILL)
        return True
    with suppress(ProcessLookupError):
        if victim == "all":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    return False


@pytest.mark.parametrize("number", range(ROUNDS))
def test_a_run_killed_at_any_moment_and_resumed_has_the_same_records(
    start, reference, duration, tmp_path, number
):
    chance = random.Random(number)
    victim = ("parent", "worker", "all")[number % 3]
    process = start(tmp_path, *PART, "--jobs", "2")
    time.sleep(chance.uniform(0.1, 1.0) * duration)
    lives = kill(victim, process, chance)
    out, _ = process.communicate(timeout=DEADLINE)
    if lives:
        assert process.returncode in (0, 3), out
    survived = results(RunStore(tmp_path / "runs"))
    assert survived.items() <= reference.items(), "a wrong result was stored"
    again = start(tmp_path, *PART, "--in-process")
    out, _ = again.communicate(timeout=DEADLINE)
    assert again.returncode == 0, out
    assert results(RunStore(tmp_path / "runs")) == reference
    assert not list((tmp_path / "runs").rglob("failure.json"))


def test_three_processes_on_one_folder_have_the_records_of_one(start, reference, tmp_path):
    processes = [start(tmp_path, *PART, "--jobs", "1") for _ in range(3)]
    for process in processes:
        out, _ = process.communicate(timeout=DEADLINE)
        assert process.returncode == 0, out
    assert results(RunStore(tmp_path / "runs")) == reference
