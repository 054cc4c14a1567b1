import dataclasses
import json
import os
import signal

import pytest

from bench import execution, runner
from bench.grid import Grid
from bench.runner import run
from bench.stages import plan
from bench.store import RunStore

VARIANTS = ("none", "seg")


@pytest.fixture
def store(tmp_path):
    return RunStore(tmp_path / "runs")


@pytest.fixture
def go(tiny, tiny_inputs, store):
    """Run 2 categories x 2 variants x 2 seeds in this process."""

    def go(*, experiment=tiny, on_seed=lambda seed: None, seeds=(0, 1), jobs=1, store=store):
        cells = Grid(("bottle", "tile"), VARIANTS, seeds).cells()
        laid = plan(experiment, cells, tiny_inputs)
        summary = run(
            laid, experiment, tiny_inputs, store, jobs=jobs, device="cpu", on_seed=on_seed
        )
        return laid, summary

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
    assert summary.jobs == 1
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
    train = execution.train_segmentation
    broken = []

    def fail_for_tile(*arguments, **options):
        if broken[-1] == "tile":
            raise RuntimeError("out of luck")
        return train(*arguments, **options)

    load = execution.load_category

    def note(ref):
        broken.append(ref.category)
        return load(ref)

    seeds = []
    with monkeypatch.context() as patch:
        patch.setattr(execution, "load_category", note)
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


def test_an_interrupt_ends_the_run_and_keeps_what_is_done(go, store, monkeypatch):
    calls = []

    def interrupt(job):
        calls.append(job)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return execution.run_job(job)

    monkeypatch.setattr(runner, "run_job", interrupt)
    laid, summary = go()
    assert summary.stopped == "interrupted"
    assert (summary.done, summary.failures) == (4, ())
    assert sum(values is not None for values in metrics(laid, store).values()) == 4
    monkeypatch.undo()
    _, rest = go()
    assert (rest.done, rest.cached, rest.stopped) == (4, 4, None)


class DeadlyStore(RunStore):
    """Kills the worker that stores a segmentation net, as the kernel does for want of memory."""

    def put(self, record, artifact=None):
        if record.kind == "segmentation" and record.parameters["category"] == "tile":
            os.kill(os.getpid(), signal.SIGKILL)
        return super().put(record, artifact)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:A worker stopped while some jobs:UserWarning")
def test_a_killed_worker_ends_the_run_and_keeps_what_is_done(go, store):
    laid, summary = go(jobs=2, store=DeadlyStore(store.root))
    assert summary.stopped == "a worker process was killed, perhaps for want of memory"
    before = metrics(laid, store)
    assert any(values is None for values in before.values())
    _, rest = go()
    assert rest.stopped is None
    assert rest.cached == sum(values is not None for values in before.values())
    after = metrics(laid, store)
    assert None not in after.values()
    assert all(after[name] == values for name, values in before.items() if values)
