import os
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

from bench.common.processes import _watch, end_with

ROOT = Path(__file__).parents[2]

PREPARATION = """
import os, time
from joblib import Parallel, delayed
from bench.common.processes import end_with

def work(parent):
    end_with(parent)
    os.write(1, f"{os.getpid()}\\n".encode())
    time.sleep(60)

Parallel(n_jobs=2)(delayed(work)(os.getpid()) for _ in range(2))
"""


def is_alive(pid):
    # One that has ended and that nobody has asked for is there still, as a zombie.
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def test_workers_end_with_a_parent_that_is_killed():
    command = [sys.executable, "-c", PREPARATION]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as run:
        workers = [int(run.stdout.readline()) for _ in range(2)]
        assert all(map(is_alive, workers))
        run.kill()
    end = time.monotonic() + 5
    while any(map(is_alive, workers)) and time.monotonic() < end:
        time.sleep(0.1)
    assert not any(map(is_alive, workers))


def test_a_child_looks_for_its_parent(monkeypatch):
    ended = threading.Event()
    monkeypatch.setattr(os, "_exit", lambda code: ended.set())
    parents = iter([7, 7, 1])
    monkeypatch.setattr(os, "getppid", lambda: next(parents))
    waited = []
    _watch(7, wait=waited.append)
    assert ended.is_set()
    assert len(waited) == 2


def test_a_process_does_not_wait_for_its_own_end():
    before = threading.active_count()
    end_with(os.getpid())
    assert threading.active_count() == before
