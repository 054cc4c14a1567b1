import errno
import json
import os
import signal
from collections import Counter

import pytest

from bench.methods.destseg.steps import TrainSegmentation, TrainStudent
from bench.planning.evaluation import Evaluate
from bench.planning.stages import step_types
from bench.running.runner import run
from bench.running.workers import InProcess
from bench.store.runs import RunStore
from tests.folders import flip
from tests.running.codebook import Codes

CELLS = ("tile DeSTSeg seg seed 0", "tile DeSTSeg seg seed 1")


@pytest.fixture
def go(lay, tiny_inputs, store):
    """Run 2 categories x 2 variants x 2 seeds in this process."""

    def go(
        variants=("none", "seg"),
        *,
        seeds=(0, 1),
        store=store,
        workers=None,
        changes=None,
        **options,
    ):
        experiment, laid = lay(
            variants, categories=("bottle", "tile"), seeds=seeds, **(changes or {})
        )
        with workers or InProcess("cpu") as chosen:
            return laid, run(laid, experiment, tiny_inputs, store, chosen, **options)

    return go


def fail(*_, **__):
    raise RuntimeError("out of luck")


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
    go(("none",), seeds=(0,))
    _, summary = go(("none",))
    assert (summary.done, summary.cached) == (2, 2)


def test_a_failure_leaves_all_other_cells_done(go, store, monkeypatch, capsys):
    compute = TrainSegmentation.run

    def fail_for_tile(step, site, *parents):
        return fail() if site.category == "tile" else compute(step, site, *parents)

    seeds = []
    with monkeypatch.context() as patch:
        patch.setattr(TrainSegmentation, "run", fail_for_tile)
        laid, summary = go(on_seed=seeds.append)
    assert (summary.done, summary.cached, summary.stopped) == (6, 0, None)
    assert [(str(failure.cell), failure.message) for failure in summary.failures] == [
        (cell, "RuntimeError: out of luck") for cell in CELLS
    ]
    assert seeds == [0, 1], "a seed ends with its failures"
    err = capsys.readouterr().err
    assert f"failed: {CELLS[0]}: RuntimeError: out of luck\n" in err
    assert "2 failed" in err
    lacking = {name for name, values in metrics(laid, store).items() if values is None}
    assert lacking == set(CELLS)
    notes = [json.loads(path.read_text()) for path in store.root.rglob("failure.json")]
    assert sorted((note["category"], note["kind"], note["seed"]) for note in notes) == [
        ("tile", "segmentation", 0),
        ("tile", "segmentation", 1),
    ]

    _, mended = go()
    assert (mended.done, mended.cached, mended.failures) == (2, 6, ())
    assert None not in metrics(laid, store).values()
    assert not list(store.root.rglob("failure.json"))


def test_the_command_line_is_in_every_record(go, store):
    laid, _ = go(seeds=(0,), command="python -m bench reproduce tiny.toml")
    told = {store.get(key).provenance["command"] for key in laid.stages}
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
    workers = Signalling(4, number)
    _, summary = go(seeds=(0,), workers=workers)
    assert (summary.stopped, summary.signal) == ("interrupted", number)
    assert (summary.done, summary.failures) == (1, ())
    assert len(workers.jobs) == 4
    assert store.get(workers.jobs[-1].stages[-1].key) is not None, "the running stage is stored"
    said = f"stopping after the running stage, {workers.jobs[-1].stages[0]}; interrupt again to "
    assert said in capsys.readouterr().err
    assert workers.closed == 1, "at the end, as always"
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == before
    _, rest = go(seeds=(0,))
    assert (rest.done, rest.cached, rest.stopped) == (3, 1, None)


def test_a_second_interrupt_stops_now(go):
    workers = Signalling(4, signal.SIGINT, signal.SIGTERM)
    _, summary = go(seeds=(0,), workers=workers)
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
    finished = [key for key in laid.stages if store.get(key)]
    assert len(finished) == 8
    assert not list(store.root.rglob("failure.json"))
    _, rest = go()
    assert (rest.done, rest.cached) == (6, 2)


def test_a_failure_that_cannot_be_noted_stops_the_run(go, store, monkeypatch):
    def full(*_):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(TrainStudent, "run", fail)
    monkeypatch.setattr(RunStore, "fail", full)
    _, summary = go()
    assert summary.stopped == f"{store.root}: Read-only file system"


@pytest.mark.parametrize("lost", ["artifact", "record", "folder"])
def test_what_a_stage_finds_damaged_is_computed_again(go, store, capsys, lost):
    laid, _ = go(seeds=(0,))
    before = metrics(laid, store)
    student, segmentation, *_ = laid.stages.values()
    assert (student.kind, segmentation.kind) == ("student", "segmentation")
    (last,) = (stage for stage in laid.stages.values() if segmentation in stage.parents)
    for stage in laid.stages.values():
        if last in (stage, *stage.parents):
            store.discard(stage.key)
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
        "its record is gone"
    }
    kinds = [note.kind for key in laid.stages if (note := store.failure(key))]
    assert sorted(kinds) == ["maps", "maps", "segmentation", "segmentation"]


# Workers beside those of accelerators


class Apart(InProcess):
    """Two kinds, in this process; notes which jobs were for which."""

    beside = 1

    def __init__(self):
        super().__init__("cpu")
        self.jobs = []

    def submit(self, job):
        self.jobs.append(job)
        return super().submit(job)

    def kinds(self, *, beside):
        return {job.stages[0].kind for job in self.jobs if job.beside is beside}


def test_what_needs_no_accelerator_is_for_those_beside_and_counted_apart(go, store):
    laid, _ = go(seeds=(0,), store=RunStore(store.root / "before"))
    workers = Apart()
    _, summary = go(seeds=(0,), workers=workers)
    assert workers.kinds(beside=True) == {"evaluation"}
    assert workers.kinds(beside=False) == {"student", "segmentation", "maps"}
    assert metrics(laid, store) == metrics(laid, RunStore(store.root / "before"))
    assert (summary.done, summary.workers, summary.beside) == (4, 1, 1)
    seconds = Counter()
    for record in store.records():
        seconds[record.kind == "evaluation"] += record.seconds
    assert 0 < summary.busy_beside <= summary.wall
    assert summary.busy_beside >= seconds[True], "and what it takes to store them"
    assert seconds[False] <= summary.busy <= summary.wall - summary.busy_beside


def test_what_fails_beside_leaves_all_other_cells_done(go, monkeypatch):
    compute = Evaluate.run

    def fail_for_tile(step, site, *parents):
        return fail() if site.category == "tile" else compute(step, site, *parents)

    monkeypatch.setattr(Evaluate, "run", fail_for_tile)
    _, summary = go(seeds=(0,), workers=Apart())
    assert (summary.done, summary.stopped) == (2, None)
    assert {failure.message for failure in summary.failures} == {"RuntimeError: out of luck"}


def test_what_is_found_damaged_beside_is_computed_again(go, store, capsys):
    laid, _ = go(seeds=(0,))
    before = metrics(laid, store)
    for stage in laid.evaluations.values():
        store.discard(stage.key)
    (maps, *_) = stage.parents
    flip(store.folder(maps.key) / store.get(maps.key).artifact)
    workers = Apart()
    _, summary = go(seeds=(0,), workers=workers)
    assert (summary.done, summary.failures) == (4, ())
    assert workers.kinds(beside=False) == {"maps"}
    assert (
        "its content is not what its record says; it is computed again" in capsys.readouterr().err
    )
    assert metrics(laid, store) == before


def test_an_interrupt_lets_stages_of_both_kinds_finish(go, store, capsys):
    class Interrupted(Apart):
        def submit(self, job):
            if job.beside:
                os.kill(os.getpid(), signal.SIGINT)
            return super().submit(job)

    workers = Interrupted()
    _, summary = go(seeds=(0,), workers=workers)
    assert (summary.stopped, summary.done) == ("interrupted", 1)
    assert [job.beside for job in workers.jobs[-2:]] == [False, True]
    assert "stopping after 2 running stages, " in capsys.readouterr().err
    assert all(store.get(stage.key) for job in workers.jobs for stage in job.stages)
    _, rest = go(seeds=(0,), workers=Apart())
    assert (rest.done, rest.cached) == (3, 1)


# Together


def test_what_fails_together_is_computed_one_by_one(go, store, monkeypatch, capsys):
    laid, _ = go(("none", "den"), seeds=(0,), store=RunStore(store.root / "before"))
    monkeypatch.setattr(TrainStudent, "run_together", classmethod(together_never(TrainStudent)))
    _, summary = go(("none", "den"), seeds=(0,))
    assert (summary.done, summary.failures) == (4, ())
    said = "2 stages together: RuntimeError: out of luck; each is computed by itself\n"
    assert capsys.readouterr().err.count(said) == 2
    assert metrics(laid, store) == metrics(laid, RunStore(store.root / "before"))


def together_never(step):
    compute = step.run_together

    def run_together(cls, members):
        del cls
        return fail() if len(members) > 1 else compute(members)

    return run_together


def test_a_run_that_is_resumed_computes_what_a_group_lacks(go, store):
    laid, _ = go(("none", "den", "ed"), seeds=(0,))
    before = metrics(laid, store)
    of_bottle = [stage for stage in laid.stages.values() if stage.category == "bottle"]
    kept = next(stage for stage in of_bottle if stage.kind == "student")
    for stage in of_bottle:
        if stage != kept:
            store.discard(stage.key)
    _, summary = go(("none", "den", "ed"), seeds=(0,))
    assert (summary.done, summary.cached) == (3, 3)
    assert metrics(laid, store) == before
    students = [store.get(stage.key) for stage in of_bottle if stage.kind == "student"]
    assert sorted(record.provenance["together"] for record in students) == [2, 2, 3]


# Methods with less randomness than seeds, and steps of no category


@pytest.fixture
def without_randomness(go, with_example):
    """Its evaluation of a category serves both seeds."""
    return lambda **options: go(("",), changes={"method": "mean-patch"}, **options)


def test_seeds_share_what_is_not_random(without_randomness, store, capsys):
    finished = []
    laid, summary = without_randomness(on_seed=finished.append)
    assert (len(laid.evaluations), len(laid.stages)) == (4, 2 * 3)
    assert (summary.done, summary.cached, summary.failures) == (4, 0, ())
    assert sorted(finished) == [0, 1]
    assert "4/4" in capsys.readouterr().err
    assert len(list(store.records())) == 6
    assert {record.seed for record in store.records()} == {None}
    _, again = without_randomness()
    assert (again.done, again.cached) == (0, 4)
    assert capsys.readouterr().err == ""
    _, third = without_randomness(seeds=(0, 1, 2))
    assert (third.done, third.cached) == (0, 6)


def test_a_failure_of_what_seeds_share_is_one_of_each(
    without_randomness, store, monkeypatch, capsys
):
    monkeypatch.setattr(step_types()["mean-patch.means"], "run", fail)
    finished = []
    laid, summary = without_randomness(on_seed=finished.append)
    assert summary.done == 0
    assert {failure.cell for failure in summary.failures} == set(laid.evaluations)
    assert sorted(finished) == [0, 1]
    assert "4 failed" in capsys.readouterr().err
    assert len(list(store.root.rglob("failure.json"))) == 2, "one for each category"


def test_what_belongs_to_no_category_is_computed_once_for_all(go, with_codebook, store):
    laid, summary = go(("",), changes={"method": "codebook"})
    assert (summary.done, summary.failures) == (4, ())
    assert Counter(stage.kind for stage in laid.stages.values()) == {
        "codebook.codes": 2,
        "codebook.maps": 4,
        "evaluation": 4,
    }
    codes = [record for record in store.records() if record.kind == "codebook.codes"]
    assert sorted((record.category, record.seed) for record in codes) == [("", 0), ("", 1)]


def test_a_failure_of_what_categories_share_is_one_of_each(go, with_codebook, monkeypatch):
    monkeypatch.setattr(Codes, "run", fail)
    laid, summary = go(("",), changes={"method": "codebook"})
    assert {failure.cell for failure in summary.failures} == set(laid.evaluations)
