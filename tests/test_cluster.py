import os
import signal
import threading
import time

import pytest

from bench.cluster import Cluster
from bench.grid import Grid
from bench.runner import run
from bench.stages import plan
from bench.store import RunStore
from bench.workers import InProcess
from dask_processes import DaskProcesses, wait_for
from destseg.errors import InputError

pytest.importorskip("distributed")

SECONDS = 120


@pytest.fixture(scope="module")
def pair(tmp_path_factory, shared_cache):
    """A cluster of two workers, for tests that leave it whole."""
    processes = DaskProcesses(tmp_path_factory.mktemp("dask"))
    for _ in range(2):
        processes.add_worker()
    yield processes
    processes.close()


@pytest.fixture
def own(tmp_path):
    """A cluster that a test may break."""
    processes = DaskProcesses(tmp_path)
    yield processes
    processes.close()


@pytest.fixture
def store(tmp_path):
    return RunStore(tmp_path / "runs")


@pytest.fixture
def go(tiny, tiny_inputs, store):
    """Run 2 categories x 2 variants, and return the metrics by cell and the summary."""

    def go(workers, *, store=store, seeds=(0,)):
        cells = Grid(("bottle", "tile"), ("none", "seg"), seeds).cells()
        laid = plan(tiny, cells, tiny_inputs)
        with workers:
            summary = run(laid, tiny, tiny_inputs, store, workers)
        found = {
            str(cell): getattr(store.get(stage.key), "metrics", None)
            for cell, stage in laid.evaluations.items()
        }
        return found, summary

    return go


@pytest.fixture
def expected(go, tmp_path):
    metrics, _ = go(InProcess("cpu"), store=RunStore(tmp_path / "expected"))
    return metrics


class Apart(Cluster):
    """Whose workers see nothing of the results."""

    def _write_token(self, root):
        return super()._write_token(root.with_name("elsewhere")).with_name("none")


def test_a_cluster_gives_the_numbers_of_this_process(go, pair, expected, store, capsys):
    metrics, summary = go(Cluster(pair.address))
    assert metrics == expected
    assert (summary.done, summary.failures, summary.stopped) == (4, (), None)
    assert summary.workers == 2
    said = capsys.readouterr().err
    assert f"{pair.address}: 2 workers with 2 threads share {store.root}\n" in said
    assert not list(store.root.glob(".cluster-*"))


def test_results_travel_where_the_folder_is_not_shared(go, pair, expected, store, capsys):
    metrics, summary = go(Apart(pair.address))
    assert metrics == expected
    assert (summary.done, summary.failures, summary.stopped) == (4, (), None)
    assert "do not share" in capsys.readouterr().err
    assert {record.kind for record in store.records()} == {
        "student", "segmentation", "maps", "evaluation"
    }  # fmt: skip
