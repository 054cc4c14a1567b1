import os
import subprocess
from pathlib import Path

import pytest

from bench.regress.fresh_run import measure
from bench.regress.measured import NOTHING
from bench.regress.sources import ROOT
from destseg.errors import InputError
from tests.regress.small_baseline import cells_frame


@pytest.fixture
def runs(monkeypatch):
    """Stand in for the run: note the command, leave some cells."""
    seen = {}

    def run(command, *, env, stdout, **rest):
        seen.update(command=command, env=env, stdout=stdout, rest=rest)
        if seen.get("text"):
            folder = Path(command[command.index("--results") + 1]) / "smoke"
            folder.mkdir(parents=True)
            (folder / "cells.csv").write_text(seen["text"])
        return subprocess.CompletedProcess(command, seen.get("code", 0))

    monkeypatch.setattr(subprocess, "run", run)
    return seen


def test_results_and_cache_are_fresh_and_gone(runs, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    runs["text"] = cells_frame(categories=("tile",)).to_csv(index=False)
    run = measure(Path("smoke.toml"), ["--jobs", "2"])
    assert [cell.category for cell in run.cells] == ["tile"]
    cache = Path(runs["env"]["DESTSEG_BENCH_CACHE"])
    assert cache != Path(os.environ["DESTSEG_BENCH_CACHE"])
    assert not cache.parent.exists()
    assert runs["command"][-2:] == ["--jobs", "2"]
    assert runs["stdout"] == subprocess.DEVNULL, "tables, and the name of a folder that is gone"
    assert "stderr" not in runs["rest"], "progress and failures are told"
    assert runs["env"]["PYTHONPATH"] == f"{ROOT}{os.pathsep}elsewhere"


def test_a_run_that_broke_measured_nothing(runs):
    runs["code"] = 1
    assert measure(Path("smoke.toml")) == NOTHING


def test_bad_input_is_not_a_verdict(runs):
    runs["code"] = 2
    with pytest.raises(InputError, match="refused its input"):
        measure(Path("smoke.toml"))
