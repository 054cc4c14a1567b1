"""Stages that are killed on the way go on where they were, to the same bits."""

import errno

import pytest
import torch

from bench.data.kinds import find_kind
from bench.methods.destseg.steps import TrainStudent
from bench.running.execution import Job, run_job
from bench.store.runs import UNFINISHED, RunStore
from destseg.application import resuming
from destseg.application.resuming import PartFile
from tests.folders import flip

VARIANTS = ("seg", "den+seg")
"""Two students and their segmentation nets."""


class Killed(BaseException):
    """No error that anything may catch."""


@pytest.fixture
def stages(lay):
    """The stages of a kind, which are computed together."""
    _, laid = lay(VARIANTS)
    return lambda kind: tuple(stage for stage in laid.stages.values() if stage.kind == kind)


@pytest.fixture
def compute(tiny_inputs):
    """Compute stages together; return each one's artifact's digest."""

    def compute(store, stages):
        outcomes = run_job(Job(stages, tiny_inputs, find_kind("miniature"), store))
        assert {outcome.status for outcome in outcomes} == {"done"}
        return [store.get(stage.key).digest for stage in stages]

    return compute


@pytest.fixture
def whole(compute, stages, tmp_path):
    """What both kinds are without an interruption, and the store of it."""
    store = RunStore(tmp_path / "whole")
    return {kind: compute(store, stages(kind)) for kind in ("student", "segmentation")}, store


@pytest.fixture
def killed(monkeypatch, compute, stages, tmp_path, whole):
    """Kill the stages of a kind when an update has been kept; return their store."""

    def killed(kind, step):
        store = RunStore(tmp_path / "killed")
        if kind == "segmentation":
            compute(store, stages("student"))
        keep = PartFile.keep

        def kill(self, done, state):
            keep(self, done, state)
            if done == step:
                raise Killed

        with monkeypatch.context() as patch:
            patch.setattr(resuming, "EVERY", -1.0)
            patch.setattr(PartFile, "keep", kill)
            with pytest.raises(Killed):
                compute(store, stages(kind))
        return store

    return killed


def unfinished(store):
    return sorted(path.parent.name for path in store.root.rglob(UNFINISHED))


@pytest.mark.parametrize(
    ("kind", "step"),
    [("student", 1), ("student", 2), ("segmentation", 1), ("segmentation", 2), ("segmentation", 3)],
)
def test_killed_stages_go_on_to_the_same_bits(
    killed, compute, stages, whole, capsys, monkeypatch, kind, step
):
    store = killed(kind, step)
    together = stages(kind)
    assert unfinished(store) == [together[0].key]
    updates = []
    optimise = torch.optim.SGD.step

    def counted(self):
        updates.append(self)
        optimise(self)

    monkeypatch.setattr(torch.optim.SGD, "step", counted)
    assert compute(store, together) == whole[0][kind]
    assert len(updates) == len(together) * (together[0].step.steps - step)
    assert f"{together[0]} and others: goes on after {step} updates" in capsys.readouterr().err
    assert unfinished(store) == []
    records = [store.get(stage.key) for stage in together]
    assert {record.provenance["resumed_after"] for record in records} == {step}


@pytest.mark.parametrize("members", [slice(1), slice(None, None, -1)], ids=["fewer", "otherwise"])
def test_with_other_members_they_begin_anew(killed, compute, stages, whole, capsys, members):
    store = killed("student", 2)
    assert compute(store, stages("student")[members]) == whole[0]["student"][members]
    assert "goes on" not in capsys.readouterr().err
    assert unfinished(store) == []


def test_by_other_code_they_begin_anew(killed, compute, stages, whole, capsys, monkeypatch):
    store = killed("student", 2)
    monkeypatch.setattr("bench.running.unfinished.provenance", lambda: {"commit": "another"})
    assert compute(store, stages("student")) == whole[0]["student"]
    said = capsys.readouterr().err
    assert "of a training with other images or options, or by another version" in said
    assert "begins anew" in said


def test_a_damaged_file_is_named_and_not_used(killed, compute, stages, whole, capsys):
    store = killed("student", 1)
    file = store.unfinished(stages("student")[0].key)
    flip(file)
    assert compute(store, stages("student")) == whole[0]["student"]
    said = capsys.readouterr().err
    assert f"{file}: not a whole file" in said
    assert "begins anew" in said
    assert unfinished(store) == []


def test_seconds_before_the_interruption_count(killed, compute, stages, monkeypatch):
    store = killed("student", 1)
    monkeypatch.setattr(PartFile, "seconds", 1000.0)
    compute(store, stages("student"))
    assert all(500 <= store.get(stage.key).seconds < 600 for stage in stages("student"))


def test_what_cannot_be_kept_does_not_end_a_stage(compute, stages, store, monkeypatch, capsys):
    def full(path, content):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(resuming, "EVERY", -1.0)
    monkeypatch.setattr(resuming, "write_atomically", full)
    compute(store, stages("student"))
    assert "cannot be written (No space left on device)" in capsys.readouterr().err


def test_of_a_failed_group_nothing_is_left(compute, stages, store, monkeypatch, tiny_inputs):
    monkeypatch.setattr(resuming, "EVERY", -1.0)
    monkeypatch.setattr(TrainStudent, "run_together", classmethod(_diverge_after_keeping))
    job = Job(stages("student"), tiny_inputs, find_kind("miniature"), store)
    assert {outcome.status for outcome in run_job(job)} == {"failed"}
    assert unfinished(store) == []


def _diverge_after_keeping(cls, members):
    members[0].site.keeper().keep(1, list)
    return [ArithmeticError("diverged") for _ in members]


def test_short_stages_write_nothing(whole):
    assert unfinished(whole[1]) == []
