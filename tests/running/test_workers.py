import argparse
import dataclasses
import os
import signal
from collections import Counter

import pytest
import torch

from bench.commands import worker_options
from bench.commands.worker_options import BESIDE, add_worker_options, open_workers
from bench.experiment.grid import Cell, Grid
from bench.experiment.reading import load_experiment
from bench.planning.stages import plan
from bench.running.execution import run_job
from bench.running.isolation import Child
from bench.running.runner import run
from bench.running.workers import Children, InProcess
from bench.store.runs import RunStore
from destseg.feeding import AHEAD
from destseg.processors import usable_cores

CARD = "cpu:0"
"""What plays a card: torch takes it for the CPU, and nothing else does."""


def workers(text, device):
    parser = argparse.ArgumentParser()
    add_worker_options(parser)
    return open_workers(parser.parse_args(text.split()), device)


def devices(text, device):
    found = workers(text, device)
    assert isinstance(found, Children)
    found.close()
    return [child._device for child in found._children]


def test_every_core_has_a_process():
    assert devices("", "cpu") == ["cpu"] * usable_cores()
    assert devices("--jobs 3", "cpu") == ["cpu"] * 3


def test_every_gpu_has_its_processes(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert devices("", "cuda") == ["cuda:0", "cuda:1"]
    assert devices("--per-gpu 2", "cuda") == ["cuda:0", "cuda:1"] * 2
    assert devices("--jobs 3", "cuda") == ["cuda:0", "cuda:1", "cuda:0"]
    assert devices("--per-gpu 2", "cuda:1") == ["cuda:1", "cuda:1"]


@pytest.mark.parametrize(
    ("text", "device", "cores", "expected"),
    [
        ("", "cuda", 64, BESIDE),
        ("", "cuda", 2 * (1 + AHEAD) + 3, 3),
        ("--jobs 1", "cuda", 1 + AHEAD + 3, 3),
        ("", "cuda:1", 2, 1),
        ("", "cpu", 64, 0),
        ("--jobs 1", "cpu", 64, 0),
    ],
)
def test_beside_gpus_there_is_a_process_for_each_core_that_is_left(
    monkeypatch, text, device, cores, expected
):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(worker_options, "usable_cores", lambda: cores)
    with workers(text, device) as found:
        assert found.beside == expected
        assert [child._device for child in found._others] == ["cpu"] * expected


def test_one_process_is_enough_for_a_debugger():
    assert isinstance(workers("--in-process", "cpu"), InProcess)


def test_cores_are_those_this_process_may_use(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {1, 5, 7}, raising=False)
    assert usable_cores() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert usable_cores() == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("--shard 0/3", "'0/3' is no shard"),
        ("--shard 4/3", "1 <= I <= N"),
        ("--shard 3", "'3' is no shard"),
        ("--timeout 0", "'0' is not a positive number of seconds"),
        ("--timeout nan", "'nan' is not"),
        ("--timeout soon", "'soon' is not"),
        ("--per-gpu 0", "--per-gpu"),
    ],
)
def test_bad_options_are_named(capsys, text, said):
    with pytest.raises(SystemExit):
        workers(text, "cpu")
    assert said in capsys.readouterr().err


# Two kinds of workers


@pytest.fixture
def with_floors(write_tiny, tiny_inputs):
    """An experiment with a student, a segmentation net and the floors, and its plan."""
    experiment = load_experiment(write_tiny({"floors = false": "floors = true"}))
    variants = {**experiment.grid.variants, "DeSTSeg": ("none", "seg")}
    cells = Grid(("bottle",), variants, (0,)).cells()
    return experiment, plan(experiment, cells, tiny_inputs)


@pytest.fixture
def in_threads(monkeypatch):
    """Children compute in threads of this process, which is sooner there than another."""

    def run_here(child, job):
        torch.set_num_threads(1)
        return run_job(dataclasses.replace(job, device=child._device))

    monkeypatch.setattr(Child, "run", run_here)
    # What a job on a card sets is to be what it was.
    for name in ("deterministic", "benchmark"):
        monkeypatch.setattr(torch.backends.cudnn, name, getattr(torch.backends.cudnn, name))


def devices_by_kind(store):
    found = Counter((record.kind, record.provenance["device"]) for record in store.records())
    return dict(sorted(found.items()))


@pytest.mark.usefixtures("in_threads")
def test_floors_and_evaluations_leave_the_card_alone_and_are_the_same_bits(
    with_floors, tiny_inputs, store, tmp_path
):
    experiment, laid = with_floors
    by_one = RunStore(tmp_path / "one")
    with InProcess("cpu") as one:
        run(laid, experiment, tiny_inputs, by_one, one)
    with Children([CARD], beside=2) as two:
        summary = run(laid, experiment, tiny_inputs, store, two)
    assert (summary.done, summary.failures) == (4, ())
    assert devices_by_kind(store) == {
        ("evaluation", "cpu"): 4,
        ("maps", CARD): 2,
        ("mean-image.maps", "cpu"): 1,
        ("pixel-nn.maps", "cpu"): 1,
        ("segmentation", CARD): 1,
        ("student", CARD): 1,
    }
    results = [
        {record.key: (record.metrics, record.digest) for record in each.records()}
        for each in (by_one, store)
    ]
    assert results[0] == results[1]
    assert len(results[0]) == len(laid.stages)


class Mortal(RunStore):
    """Whose processes die of one of the floors."""

    def put(self, record, artifact=None):
        if record.kind == "pixel-nn.maps":
            os.kill(os.getpid(), signal.SIGKILL)
        return super().put(record, artifact)


@pytest.mark.slow
def test_a_process_beside_a_card_may_die_too(with_floors, tiny_inputs, store):
    experiment, laid = with_floors
    with Children([CARD], beside=1) as two:
        summary = run(laid, experiment, tiny_inputs, Mortal(store.root), two)
    assert (summary.done, summary.stopped) == (3, None)
    (failure,) = summary.failures
    assert failure.cell == Cell("pixel-nn", "", "bottle", 0)
    assert "SIGKILL" in failure.message
    assert devices_by_kind(store) == {
        ("evaluation", "cpu"): 3,
        ("maps", CARD): 2,
        ("mean-image.maps", "cpu"): 1,
        ("segmentation", CARD): 1,
        ("student", CARD): 1,
    }
