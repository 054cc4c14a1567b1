"""Runs as users start them, as processes of their own, and what their stores hold at the end."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.data.cache import CACHE_VARIABLE
from bench.store.runs import RunStore

ROOT = Path(__file__).parents[2]
DEADLINE = 600
PART = ("--category", "bottle", "--variant", "none", "--variant", "seg", "--seed", "0")


def results(store: RunStore) -> dict[str, tuple[object, ...]]:
    """Everything a store holds that must be the same each time, its artifacts read and checked."""

    found: dict[str, tuple[object, ...]] = {}
    for key in list(store.keys()):
        if (store.folder(key) / "record.json").exists():
            record = store.read(key)
            assert record is not None
            if record.artifact is not None:
                store.artifact(record)
            identity = (record.kind, record.parents, str(record.parameters), record.code)
            found[key] = (*identity, record.category, record.seed, record.metrics, record.digest)
    return found


@pytest.fixture(scope="module")
def start(tiny_path, shared_cache):
    """Start a run in a session of its own."""

    def start(folder, *options):
        command = ["-m", "bench", "reproduce", str(tiny_path), "--results", str(folder)]
        return subprocess.Popen(
            [sys.executable, *command, *options],
            cwd=ROOT,
            env={**os.environ, CACHE_VARIABLE: str(shared_cache)},
            start_new_session=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    return start


@pytest.fixture(scope="module")
def undisturbed(start, tmp_path_factory):
    """The results of a part of the grid, and of the whole, that nothing has happened to."""

    def undisturbed(*part):
        folder = tmp_path_factory.mktemp("undisturbed")
        process = start(folder, "--in-process", *part)
        out, _ = process.communicate(timeout=DEADLINE)
        assert process.returncode == 0, out
        return results(RunStore(folder / "runs"))

    return undisturbed
