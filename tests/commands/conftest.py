"""A part of the tiny experiment, run once; each test gets a copy to spoil."""

import shutil

import pytest

from bench.cli import main
from bench.experiment.reading import load_experiment
from bench.planning.experiment_plan import lay_out
from bench.planning.inputs import Sources
from bench.running.runner import run
from bench.running.workers import InProcess
from bench.store.runs import RunStore

EDITS = {
    'categories = ["tile", "bottle"]': 'variants = ["none", "den+ed+seg"]\ncategories = ["bottle"]',
    "seeds = [0, 1]": "seeds = [0]",
}
TWO = {"[grid]": '[grid]\nmethods = ["DeSTSeg", "mean-patch"]'}
"""Edits that set the example method beside; its means, maps and evaluation are missing."""
STAGES = {"student": 2, "segmentation": 1, "maps": 2, "evaluation": 2}


@pytest.fixture(scope="session")
def finished(tmp_path_factory, tiny_text, shared_cache, tiny_inputs):
    """The folder of results, and nothing else than the store in it."""
    folder = tmp_path_factory.mktemp("finished")
    text = tiny_text
    for old, new in EDITS.items():
        text = text.replace(old, new)
    path = folder / "small.toml"
    path.write_text(text, encoding="utf-8")
    experiment = load_experiment(path)
    laid = lay_out(experiment, Sources(None, None, shared_cache), jobs=1)
    results = folder / "results"
    with InProcess("cpu") as workers:
        summary = run(laid.plan, experiment, laid.inputs, RunStore(results / "runs"), workers)
    assert summary.done == 2
    return results


@pytest.fixture
def results(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "results")


@pytest.fixture
def small(write_tiny):
    """Write the experiment that was run, with further passages replaced."""
    return lambda edits=None: write_tiny({**EDITS, **(edits or {})}, name="small")


@pytest.fixture
def bench(results, small, capsys):
    """Run a command on these results; return its exit code and what it printed."""

    def bench(command, *options, edits=None):
        code = main([command, str(small(edits)), *options, "--results", str(results)])
        return code, capsys.readouterr().out

    return bench


@pytest.fixture
def rows():
    """Return the rows of the printed tables by their first words, cells split by two spaces."""

    def rows(text):
        lines = (line.split() for line in text.splitlines() if "  " in line)
        return {first: rest for first, *rest in lines}

    return rows


@pytest.fixture
def listing():
    """List every file and folder below some, with content and time."""

    def listing(*folders):
        return {
            path: (path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
            for folder in folders
            for path in (folder, *sorted(folder.rglob("*")))
            if path.exists()
        }

    return listing
