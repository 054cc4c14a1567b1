import dataclasses
import errno
import json
import os
import signal

import pytest

from bench.experiment.grid import Grid
from bench.planning.stages import plan
from bench.running import execution
from bench.running.runner import run
from bench.running.workers import InProcess
from bench.store.runs import RunStore
from destseg import training

VARIANTS = ("none", "seg")


@pytest.fixture
def store(tmp_path):
    return RunStore(tmp_path / "runs")


@pytest.fixture
def go(tiny, tiny_inputs, store):
    """Run 2 categories x 2 variants x 2 seeds in this process."""

    def go(*, experiment=tiny, seeds=(0, 1), store=store, workers=None, **options):
        cells = Grid(("bottle", "tile"), VARIANTS, seeds).cells()
        laid = plan(experiment, cells, tiny_inputs)
        with workers or InProcess("cpu") as chosen:
            return laid, run(laid, experiment, tiny_inputs, store, chosen, **options)

    return go


def metrics(laid, store):
    return {
        str(cell): store.get(stage.key) and store.get(stage.key).metrics
        for cell, stage in laid.evaluations.items()
    }


def test_a_run_computes_all_and_a_second_none(go, store, capsys):
    seeds = []
    laid, summary = go(on_seed=seeds.append)
    assert (summary.done, summary.cached, summary.failures) == (8, 0, ())
    assert summary.stopped is None
    assert summary.workers == 1
    assert 0 < summary.busy <= summary.wall
    assert seeds == [0, 1]
    assert "8/8" in capsys.readouterr().err
    before = metrics(laid, store)
    assert None not in before.values()
    _, again = go(on_seed=seeds.append)
    assert (again.done, again.cached, again.busy) == (0, 8, 0.0)
    assert seeds == [0, 1], "nothing was finished, nothing is announced"
    assert metrics(laid, store) == before


def test_more_seeds_reuse_what_is_there(go):
    go(seeds=(0,))
    _, summary = go()
    assert (summary.done, summary.cached) == (4, 4)


def test_a_failure_leaves_all_other_cells_done(go, store, monkeypatch, capsys):
    train = training.train_segmentation
    broken = []

    def fail_for_tile(*arguments, **options):
        if broken[-1] == "tile":
            raise RuntimeError("out of luck")
        return train(*arguments, **options)

    load = execution._category

    def note(ref):
        broken.append(ref.category)
        return load(ref)

    seeds = []
    with monkeypatch.context() as patch:
        patch.setattr(execution, "_category", note)
        patch.setattr(execution, "train_segmentation", fail_for_tile)
        laid, summary = go(on_seed=seeds.append)
    assert (summary.done, summary.cached, summary.stopped) == (6, 0, None)
    assert [(str(failure.cell), failure.message) for failure in summary.failures] == [
        (f"tile seg seed {seed}", "RuntimeError: out of luck") for seed in (0, 1)
    ]
    assert seeds == [0, 1], "a seed ends with its failures"
    err = capsys.readouterr().err
    assert "failed: tile seg seed 0: RuntimeError: out of luck\n" in err
    assert "2 failed" in err
    lacking = {name for name, values in metrics(laid, store).items() if values is None}
    assert lacking == {"tile seg seed 0", "tile seg seed 1"}
    notes = [json.loads(path.read_text()) for path in store.root.rglob("failure.json")]
    assert sorted((note["category"], note["kind"], note["seed"]) for note in notes) == [
        ("tile", "segmentation", 0),
        ("tile", "segmentation", 1),
    ]

    _, mended = go()
    assert (mended.done, mended.cached, mended.failures) == (2, 6, ())
    assert None not in metrics(laid, store).values()
    assert not list(store.root.rglob("failure.json"))


def test_a_run_that_diverges_is_counted_with_the_failures(go, tiny):
    training = dataclasses.replace(tiny.training, student_lr=1e30)
    _, summary = go(experiment=dataclasses.replace(tiny, training=training), seeds=(0,))
    assert summary.done == 0
    assert len(summary.failures) == 4
    assert all(failure.message.startswith("TrainingDiverged") for failure in summary.failures)


def test_the_command_line_is_in_every_record(go, store):
    laid, _ = go(seeds=(0,), command="python -m bench reproduce tiny.toml")
    told = {store.get(key).provenance["command"] for key in laid.tasks}
    assert told == {"python -m bench reproduce tiny.toml"}


class Signalling(InProcess):
    """Sends this process signals while a stage is running."""

    def __init__(self, at, *signals):
        super().__init__("cpu")
        self.at, self.signals, self.jobs, self.closed = at, signals, [], 0

    def submit(self, job):
        self.jobs.append(job)
        if len(self.jobs) == self.at:
            for number in self.signals:
                os.kill(os.getpid(), number)
        return super().submit(job)

    def close(self):
        self.closed += 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_lets_running_stages_finish(go, store, capsys, number):
    before = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    workers = Signalling(5, number)
    _, summary = go(workers=workers)
    assert (summary.stopped, summary.signal) == ("interrupted", number)
    assert (summary.done, summary.failures) == (1, ())
    assert len(workers.jobs) == 5
    assert store.get(workers.jobs[-1].task.stage.key) is not None, "the running stage is stored"
    assert "stopping after 1 running stage; interrupt again to stop now" in capsys.readouterr().err
    assert workers.closed == 1, "at the end, as always"
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == before
    _, rest = go()
    assert (rest.done, rest.cached, rest.stopped) == (7, 1, None)


def test_a_second_interrupt_stops_now(go):
    workers = Signalling(5, signal.SIGINT, signal.SIGTERM)
    _, summary = go(workers=workers)
    assert summary.signal == signal.SIGINT
    assert workers.closed == 2


class Full(RunStore):
    """Has no room for the maps of tile."""

    def put(self, record, artifact=None):
        if record.kind == "maps" and record.category == "tile":
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().put(record, artifact)


def test_a_full_disk_stops_the_run_and_loses_nothing(go, store):
    laid, summary = go(store=Full(store.root))
    assert summary.stopped == f"{store.root}: No space left on device"
    assert (summary.done, summary.failures, summary.signal) == (2, (), None)
    finished = [key for key in laid.tasks if store.get(key)]
    assert len(finished) == 7
    assert not list(store.root.rglob("failure.json"))
    _, rest = go()
    assert (rest.done, rest.cached) == (6, 2)


def test_a_failure_that_cannot_be_noted_stops_the_run(go, store, monkeypatch):
    def full(*_):
        raise OSError(errno.EROFS, "Read-only file system")

    def fail(*_, **__):
        raise RuntimeError("out of luck")

    monkeypatch.setattr(execution, "train_student", fail)
    monkeypatch.setattr(RunStore, "fail", full)
    _, summary = go()
    assert summary.stopped == f"{store.root}: Read-only file system"


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


@pytest.mark.parametrize("lost", ["artifact", "record", "folder"])
def test_what_a_stage_finds_damaged_is_computed_again(go, store, capsys, lost):
    laid, _ = go(seeds=(0,))
    before = metrics(laid, store)
    tasks = list(laid.tasks.values())
    student, segmentation = tasks[0].stage, tasks[3].stage
    assert (student.kind, segmentation.kind) == ("student", "segmentation")
    for task in tasks[4:6]:
        store.discard(task.stage.key)
    for stage in (student, segmentation):
        folder = store.folder(stage.key)
        if lost == "folder":
            store.remove(stage.key)
        else:
            flip(folder / {"artifact": "weights.pt", "record": "record.json"}[lost])
    _, summary = go(seeds=(0,))
    assert (summary.done, summary.failures, summary.stopped) == (1, (), None)
    assert metrics(laid, store) == before
    said = {
        "artifact": "its content is not what its record says; it is computed again",
        "record": "the record is not whole; it is computed again",
        "folder": "",
    }
    assert said[lost] in capsys.readouterr().err


def test_a_damaged_evaluation_is_computed_again_and_named(go, store, capsys):
    laid, _ = go(seeds=(0,))
    before = metrics(laid, store)
    key = next(iter(laid.evaluations.values())).key
    path = store.folder(key) / "record.json"
    flip(path)
    _, summary = go(seeds=(0,))
    assert (summary.done, summary.cached) == (1, 3)
    assert f"{path}: the record is not whole; it is computed again" in capsys.readouterr().err
    assert metrics(laid, store) == before


class Rotting(RunStore):
    """Whose disk returns every weight with a flipped bit."""

    def put(self, record, artifact=None):
        stored = super().put(record, artifact)
        if record.kind == "student":
            flip(self.folder(record.key) / record.artifact)
        return stored


def test_a_disk_that_damages_everything_is_a_failure(go, store):
    laid, summary = go(seeds=(0,), store=Rotting(store.root))
    assert summary.done == 0
    assert len(summary.failures) == 4
    messages = [failure.message for failure in summary.failures]
    assert sum("weights.pt: its content is not what its record says" in m for m in messages) == 2
    assert {m.rpartition(": ")[2] for m in messages if "weights.pt" not in m} == {
        "the student's record is gone"
    }
    kinds = [note.kind for key in laid.tasks if (note := store.failure(key))]
    assert sorted(kinds) == ["maps", "maps", "segmentation", "segmentation"]


def test_attempts_add_up_over_runs(go, store, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("out of luck")

    monkeypatch.setattr(execution, "train_student", fail)
    laid, _ = go(seeds=(0,))
    go(seeds=(0,))
    assert store.failure(next(iter(laid.tasks))).attempts == 2
