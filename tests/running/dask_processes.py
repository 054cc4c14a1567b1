"""A dask scheduler and its workers as processes of this machine, for tests."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

from bench.store.runs import RunStore

ROOT = Path(__file__).parents[2]
DEADLINE = 120.0


def wait_for(condition, what, seconds=DEADLINE):
    """Return the first true value of a condition."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError(f"{what}: not within {seconds:g} s")


class DeadlyStore(RunStore):
    """Kills the process that stores a segmentation net, as the kernel does for want of memory."""

    victim = staticmethod(os.getpid)

    def put(self, record, artifact=None):
        if record.kind == "segmentation" and record.category == "tile":
            os.kill(self.victim(), signal.SIGKILL)
            time.sleep(1000)
        return super().put(record, artifact)


class MurderousStore(DeadlyStore):
    """Kills the dask worker above; the process itself ends with it."""

    victim = staticmethod(os.getppid)


class SleepyStore(RunStore):
    """Never comes to an end."""

    def put(self, record, artifact=None):
        (self.root / "asleep").touch()
        time.sleep(1000)


class DaskProcesses:
    """Started from the command line, as users do; ended, with their children, by `close`."""

    def __init__(self, folder):
        self._folder = folder
        self._started = []
        self._logs = {}
        self.scheduler = self._start(
            "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard"
        )
        self.address = self._logged(self.scheduler, r"Scheduler at:\s+(tcp://\S+)")

    def add_worker(self, *options):
        where = ("--host", "127.0.0.1", "--local-directory", str(self._folder))
        worker = self._start(
            "worker", self.address, *where, "--nthreads", "1", "--no-dashboard", *options
        )
        self._logged(worker, r"(Registered to:)")
        return worker

    def worker_of(self, nanny):
        """Return the process in which a nanny's worker runs its tasks."""

        import psutil  # comes with dask

        def find():
            for child in psutil.Process(nanny.pid).children():
                if "spawn_main" in " ".join(child.cmdline()):
                    return child
            return None

        return wait_for(find, "a nanny's worker")

    def machine_dies(self, process):
        """End a process and all that it has started, without a word."""
        os.killpg(process.pid, signal.SIGKILL)

    def close(self):
        for process in reversed(self._started):
            with contextlib.suppress(ProcessLookupError):
                # Each has a session of its own: its children end with it.
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(DEADLINE)

    def _start(self, kind, *options):
        log = self._folder / f"{kind}-{len(self._started)}.log"
        command = [sys.executable, "-m", "dask", kind, *options]
        with log.open("wb") as stream:
            process = subprocess.Popen(
                command,
                stdout=stream,
                stderr=subprocess.STDOUT,
                cwd=self._folder,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                start_new_session=True,
            )
        self._started.append(process)
        self._logs[process.pid] = log
        return process

    def _logged(self, process, pattern):
        log = self._logs[process.pid]

        def find():
            assert process.poll() is None, log.read_text()
            return re.search(pattern, log.read_text())

        return wait_for(find, f"{pattern} in {log}")[1]
