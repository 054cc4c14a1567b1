import dataclasses
import os
import signal
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from bench.cli import main
from bench.running import cluster, dask_client
from bench.running.cluster import Cluster
from bench.running.runner import run
from bench.running.workers import InProcess
from bench.store.runs import RunStore
from destseg.errors import InputError
from tests.running.dask_processes import (
    DaskProcesses,
    DeadlyStore,
    MurderousStore,
    SleepyStore,
    wait_for,
)

pytest.importorskip("distributed")

SECONDS = 300
"""After which a run that hangs is called one."""


@pytest.fixture(scope="module")
def single(tmp_path_factory, shared_cache):
    """A cluster of one worker, for tests that leave it whole."""
    with closing(DaskProcesses(tmp_path_factory.mktemp("dask"))) as processes:
        processes.add_worker()
        yield processes


@pytest.fixture(scope="module")
def pair(tmp_path_factory, shared_cache):
    """A cluster of two workers, for tests that leave it whole."""
    with closing(DaskProcesses(tmp_path_factory.mktemp("dask"))) as processes:
        for _ in range(2):
            processes.add_worker()
        yield processes


sizes = pytest.mark.parametrize(
    "cluster_of", ["single", pytest.param("pair", marks=pytest.mark.slow)]
)


@pytest.fixture
def own(tmp_path):
    """A cluster that a test may break."""
    processes = DaskProcesses(tmp_path)
    yield processes
    processes.close()


@pytest.fixture
def go(lay, tiny_inputs, store):
    """Run 2 categories x 2 variants, and return the metrics by cell and the summary."""

    def go(workers, *, store=store):
        tiny, laid = lay(("none", "seg"), categories=("bottle", "tile"))
        with workers:
            # In a thread, so that one that hangs fails; it is a daemon, and ends with the tests.
            done = []
            runs = threading.Thread(
                target=lambda: done.append(run(laid, tiny, tiny_inputs, store, workers)),
                daemon=True,
            )
            runs.start()
            runs.join(SECONDS)
            assert done, "the run hangs or has raised"
            (summary,) = done
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


@sizes
def test_a_cluster_gives_the_numbers_of_this_process(
    go, request, cluster_of, expected, store, capsys
):
    address = request.getfixturevalue(cluster_of).address
    metrics, summary = go(Cluster(address))
    assert metrics == expected
    assert (summary.done, summary.failures, summary.stopped) == (4, (), None)
    said = {"single": "1 worker, 1 thread", "pair": "2 workers, 2 threads"}[cluster_of]
    assert f"{address}: {said}; shared: {store.root}\n" in capsys.readouterr().err
    assert summary.workers == {"single": 1, "pair": 2}[cluster_of]
    assert not list(store.root.glob(".cluster-*"))


@pytest.mark.slow
def test_results_travel_where_the_folder_is_not_shared(go, pair, expected, store, capsys):
    metrics, summary = go(Apart(pair.address))
    assert metrics == expected
    assert (summary.done, summary.failures, summary.stopped) == (4, (), None)
    assert f"not shared: {store.root}, so the files of stages travel" in capsys.readouterr().err
    assert {record.kind for record in store.records()} == {
        "student", "segmentation", "maps", "evaluation"
    }  # fmt: skip


class Late(Cluster):
    """Whose workers see the results at first, as those that join later do not."""

    def _prepare(self, job):
        super()._prepare(job)
        self._needs.token.unlink()


@pytest.mark.slow
def test_a_worker_that_joins_later_need_not_share_the_folder(go, pair, expected, capsys):
    metrics, summary = go(Late(pair.address))
    assert metrics == expected
    assert summary.failures == ()
    said = capsys.readouterr().err
    assert "2 threads; shared: " in said
    assert said.count("a new worker does not share") == 1


@sizes
def test_what_a_worker_lacks_is_named(lay, tiny_inputs, request, cluster_of, store):
    address = request.getfixturevalue(cluster_of).address
    ((backbone, teacher),) = tiny_inputs.backbones.items()
    lost = dataclasses.replace(teacher, path=Path("/nowhere/trunk.pth"))
    inputs = dataclasses.replace(tiny_inputs, backbones={backbone: lost})
    tiny, laid = lay(("none",))
    with Cluster(address) as workers, pytest.raises(InputError) as caught:
        run(laid, tiny, inputs, store, workers)
    lines = str(caught.value).splitlines()
    assert len(lines) == {"single": 1, "pair": 2}[cluster_of]
    for line in lines:
        assert line.startswith("worker tcp://127.0.0.1:")
        assert ": /nowhere/trunk.pth is not there; set DESTSEG_BENCH_CACHE to a folder" in line
    with Cluster(address, "cuda:7") as workers, pytest.raises(InputError, match="cuda:7"):
        run(laid, tiny, tiny_inputs, store, workers)
    assert not list(store.root.glob(".cluster-*"))


def after(store, kind, act):
    """Do something once a run has stored a stage of some kind."""

    def watch():
        wait_for(lambda: any(record.kind == kind for record in store.records()), kind)
        act()

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


@pytest.mark.slow
def test_a_run_survives_the_end_of_a_machine(go, own, expected, store):
    own.add_worker()
    victim = own.add_worker()
    thread = after(store, "student", lambda: own.machine_dies(victim))
    metrics, summary = go(Cluster(own.address))
    thread.join(SECONDS)
    assert victim.poll() is not None
    assert metrics == expected
    assert (summary.done, summary.failures, summary.stopped) == (4, (), None)


@pytest.mark.slow
def test_a_stage_that_kills_its_process_fails_alone(go, own, expected, store):
    workers = [own.worker_of(own.add_worker()) for _ in range(2)]
    metrics, summary = go(Cluster(own.address), store=DeadlyStore(store.root))
    assert metrics == {**expected, "tile DeSTSeg seg seed 0": None}
    ((cell, message),) = ((str(f.cell), f.message) for f in summary.failures)
    assert cell == "tile DeSTSeg seg seed 0"
    assert "SIGKILL" in message
    assert summary.stopped is None
    assert all(worker.is_running() for worker in workers)


@pytest.mark.slow
def test_a_stage_that_kills_worker_after_worker_fails_alone(
    go, tmp_path, expected, store, monkeypatch
):
    monkeypatch.setenv("DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES", "1")
    with closing(DaskProcesses(tmp_path)) as own:
        own.add_worker()
        metrics, summary = go(Cluster(own.address), store=MurderousStore(store.root))
    assert metrics == {**expected, "tile DeSTSeg seg seed 0": None}
    (failure,) = summary.failures
    assert failure.message == "2 workers died while they computed it"
    (note,) = filter(None, map(store.failure, store.keys()))
    assert (note.cause, note.attempts, note.kind) == ("killed", 2, "segmentation")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "frozen"])
def test_a_run_ends_with_its_scheduler_and_can_be_resumed(
    go, own, expected, store, monkeypatch, number
):
    monkeypatch.setattr(cluster, "SILENCE", 8.0)
    own.add_worker()
    thread = after(store, "student", lambda: os.kill(own.scheduler.pid, number))
    metrics, summary = go(Cluster(own.address))
    thread.join(SECONDS)
    assert summary.stopped.startswith(f"the scheduler {own.address} is gone (")
    assert None in metrics.values()
    assert summary.failures == ()
    resumed, _ = go(InProcess("cpu"))
    assert resumed == expected


@pytest.mark.slow
def test_to_stop_at_once_ends_the_processes_too(go, own, store):
    worker = own.worker_of(own.add_worker())
    workers = Cluster(own.address)

    def stop():
        wait_for((store.root / "asleep").exists, "a stage at work")
        workers.close()

    thread = threading.Thread(target=stop)
    thread.start()
    metrics, summary = go(workers, store=SleepyStore(store.root))
    thread.join(SECONDS)
    assert set(metrics.values()) == {None}
    assert summary.failures == ()

    def loky():
        return [child for child in worker.children() if "popen_loky" in " ".join(child.cmdline())]

    wait_for(lambda: not loky(), "the end of the child")
    assert worker.is_running()


def test_a_wrong_address_is_named(monkeypatch, capsys):
    monkeypatch.setattr(dask_client, "CONNECT", 0.5)
    assert main(["reproduce", "--scheduler", "tcp://127.0.0.1:1"]) == 2
    assert "--scheduler tcp://127.0.0.1:1: no dask scheduler answers" in capsys.readouterr().err
    assert main(["reproduce", "--scheduler", "ftp://127.0.0.1:1"]) == 2
    assert "--scheduler ftp://127.0.0.1:1: no dask scheduler answers" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--backend", "dask"], "Add --scheduler"),
        (["--backend", "local", "--scheduler", "tcp://host:8786"], "leave one of the two out"),
        (["--in-process", "--scheduler", "tcp://host:8786"], "leave one of the two out"),
    ],
)
def test_options_that_contradict_each_other_are_refused(options, said, capsys):
    assert main(["reproduce", *options]) == 2
    assert said in capsys.readouterr().err


def test_without_dask_its_extra_is_named(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert main(["reproduce", "--scheduler", "tcp://host:8786"]) == 2
    assert 'pip install "destseg-bench[distributed]"' in capsys.readouterr().err
