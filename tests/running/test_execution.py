import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from bench.store.artifacts import stored_maps

from bench.experiment.experiment import Experiment
from bench.experiment.grid import ABLATION, VARIANTS, Cell
from bench.metrics import METRICS
from bench.planning.inputs import Inputs
from bench.planning.stages import plan
from bench.running import execution
from bench.running.execution import Job, run_stage
from bench.store.runs import DamagedArtifact, RunStore
from destseg import training
from destseg.inference import distance_mapper

CELLS = tuple(Cell("bottle", ABLATION[name], 0) for name in ("none", "seg"))


@pytest.fixture
def store(tmp_path):
    return RunStore(tmp_path / "runs")


@dataclasses.dataclass(frozen=True)
class Family:
    """A student and all that descends from it: with `CELLS` six stages."""

    experiment: Experiment
    inputs: Inputs
    store: RunStore
    cells: tuple = CELLS

    @property
    def plan(self):
        return plan(self.experiment, self.cells, self.inputs)

    def job(self, task):
        return Job(task, self.experiment, self.inputs, self.store)


@pytest.fixture
def job(tiny, tiny_inputs, store):
    return Family(tiny, tiny_inputs, store)


def run_job(job):
    """Bring the stages about one after the other, without those whose parents are missing."""
    return [
        run_stage(job.job(task))
        for task in job.plan.tasks.values()
        if all(job.store.get(parent.key) for parent in task.stage.parents)
    ]


def statuses(job, outcomes):
    tasks = job.plan.tasks
    return [(tasks[outcome.key].stage.kind, outcome.status) for outcome in outcomes]


def stages(job):
    """The family's stages by kind, those of the variant with seg under a name of their own."""
    off, on = job.plan.evaluations.values()
    return {
        "student": off.parents[0].parents[0],
        "maps": off.parents[0],
        "evaluation": off,
        "segmentation": on.parents[0].parents[1],
        "maps with seg": on.parents[0],
        "evaluation with seg": on,
    }


def results(job):
    """Everything a family has stored that must be the same each time."""
    found = {}
    for name, stage in stages(job).items():
        record = job.store.get(stage.key)
        found[name] = (dict(record.metrics), record.digest)
    return found


def test_each_stage_is_computed_once_after_its_parents(job):
    assert statuses(job, run_job(job)) == [
        ("student", "done"),
        ("maps", "done"),
        ("evaluation", "done"),
        ("segmentation", "done"),
        ("maps", "done"),
        ("evaluation", "done"),
    ]


def test_each_stage_leaves_a_whole_record(job, tiny_inputs):
    outcomes = run_job(job)
    for name, stage in stages(job).items():
        record = job.store.get(stage.key)
        assert (record.kind, record.parameters) == (stage.kind, stage.parameters)
        assert record.parents == tuple(parent.key for parent in stage.parents)
        assert record.seconds >= 0
        assert 2**20 < record.peak_memory < 2**36, "bytes"
        assert record.provenance["device"] == "cpu"
        assert record.provenance["threads"] == 1
        told = {"commit", "dirty", "changes", "torch", "numpy", "cpu", "started", "ended"}
        assert set(record.provenance) >= told | {"determinism", "command"}
        assert (record.category, record.seed, record.code) == ("bottle", 0, stage.code)
        if name.startswith("evaluation"):
            assert list(record.metrics) == sorted(metric.key for metric in METRICS)
            assert all(0 <= value <= 1 for value in record.metrics.values())
            assert record.artifact is None
        else:
            assert job.store.artifact(record)
    assert sum(outcome.seconds for outcome in outcomes) > 0
    maps = stored_maps(job.store, stages(job)["maps"])
    assert maps.shape == (tiny_inputs.categories["bottle"].test, 8, 8)
    assert maps.dtype == np.float32
    assert not np.array_equal(maps, stored_maps(job.store, stages(job)["maps with seg"]))


def test_what_is_stored_is_not_run_again(job, monkeypatch):
    run_job(job)
    monkeypatch.setattr(execution._Work, "record", lambda *_: pytest.fail("ran again"))
    assert {status for _, status in statuses(job, run_job(job))} == {"cached"}


def test_two_runs_give_the_same_bits(job, tmp_path):
    run_job(job)
    again = dataclasses.replace(job, store=RunStore(tmp_path / "again"))
    run_job(again)
    assert results(again) == results(job)


@pytest.mark.parametrize(
    "lost",
    [
        ("evaluation",),
        ("maps", "evaluation"),
        ("maps with seg", "evaluation with seg"),
        ("segmentation", "maps with seg", "evaluation with seg"),
        ("student", "maps", "evaluation"),
    ],
    ids=" ".join,
)
def test_a_run_goes_on_from_what_is_stored_to_the_same_bits(job, lost):
    """The networks now come from files instead of memory."""
    run_job(job)
    before = results(job)
    for name in lost:
        job.store.discard(stages(job)[name].key)
    ran = {outcome.key for outcome in run_job(job) if outcome.status == "done"}
    assert ran == {stages(job)[name].key for name in lost}
    assert results(job) == before


def test_a_student_is_the_same_with_and_without_a_sibling(job, tiny, tiny_inputs, tmp_path):
    """Sharing one student between the variants changes no number."""
    run_job(job)
    alone = dataclasses.replace(job, cells=CELLS[1:], store=RunStore(tmp_path / "alone"))
    run_job(alone)
    (evaluation,) = alone.plan.evaluations.values()
    key = evaluation.key
    assert alone.store.get(key).metrics == job.store.get(key).metrics


def fail(*_, **__):
    raise RuntimeError("out of luck")


def test_an_exception_is_a_failure_with_its_last_lines(job, monkeypatch):
    monkeypatch.setattr(execution, "train_segmentation", fail)
    outcomes = run_job(job)
    (failed,) = (outcome for outcome in outcomes if outcome.status == "failed")
    assert failed.message == "RuntimeError: out of luck"
    failure = failed.failure
    assert failure.key == failed.key == stages(job)["segmentation"].key
    assert (failure.kind, failure.category, failure.seed) == ("segmentation", "bottle", 0)
    assert (failure.cause, failure.attempts) == ("raised", 1)
    assert failure.trace[-1] == "RuntimeError: out of luck"
    assert len(failure.trace) <= execution.TRACE_LINES


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes"),
    ],
)
def test_want_of_memory_is_told_apart(job, monkeypatch, error):
    def want(*_, **__):
        raise error

    monkeypatch.setattr(execution, "train_student", want)
    (failed,) = run_job(job)
    assert failed.failure.cause == "memory"


def test_a_run_that_diverges_is_a_failure(job, tiny):
    training = dataclasses.replace(tiny.training, student_lr=1e30, student_steps=3)
    wild = dataclasses.replace(job, experiment=dataclasses.replace(tiny, training=training))
    (failed,) = run_job(wild)
    assert (failed.status, failed.failure.cause) == ("failed", "diverged")
    assert failed.message.startswith("TrainingDiverged: the loss is")


def test_maps_that_are_not_finite_are_a_failure(job, monkeypatch):
    def broken(mapper, images, **_):
        return np.full((len(images), 8, 8), math.nan, np.float32)

    monkeypatch.setattr(execution, "anomaly_maps", broken)
    outcomes = run_job(job)
    failed = [outcome for outcome in outcomes if outcome.status == "failed"]
    assert [outcome.failure.kind for outcome in failed] == ["maps", "maps"]
    assert failed[0].failure.cause == "diverged"
    assert "not finite" in failed[0].message
    assert job.store.get(stages(job)["maps"].key) is None


def test_an_undefined_metric_is_stored_as_missing(job, monkeypatch):
    def half(*_, **__):
        return {metric.key: math.nan if metric.key == "pro" else 0.5 for metric in METRICS}

    monkeypatch.setattr(execution, "evaluate", half)
    assert {outcome.status for outcome in run_job(job)} == {"done"}
    metrics = job.store.get(stages(job)["evaluation"].key).metrics
    assert metrics["pro"] is None
    assert metrics["iap"] == 0.5


def damage(job, name):
    record = job.store.get(stages(job)[name].key)
    path = job.store.folder(record.key) / record.artifact
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


@pytest.mark.parametrize(
    ("damaged", "lost"),
    [
        ("student", ("maps", "evaluation")),
        ("segmentation", ("maps with seg", "evaluation with seg")),
        ("maps", ("evaluation",)),
    ],
)
def test_a_damaged_artifact_is_named_and_forgotten(job, damaged, lost):
    run_job(job)
    before = results(job)
    damage(job, damaged)
    for name in lost:
        job.store.discard(stages(job)[name].key)
    found = [outcome for outcome in run_job(job) if outcome.status == "damaged"]
    assert [outcome.key for outcome in found] == [stages(job)[lost[0]].key]
    assert found[0].damaged == stages(job)[damaged].key
    assert "not what its record says" in found[0].message
    assert {outcome.status for outcome in run_job(job)} <= {"done", "cached"}
    assert results(job) == before


def test_a_full_disk_is_told_apart_from_a_failure(job, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("bench.store.runs.write_atomically", full)
    (outcome,) = run_job(job)
    assert (outcome.status, outcome.failure) == ("unwritable", None)
    assert outcome.message == f"{job.store.root}: No space left on device"


def test_an_interrupt_is_no_failure(job, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(execution, "train_student", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run_job(job)
    assert not list(Path(job.store.root).rglob("failure.json"))


def test_stored_maps_without_a_record_are_missing(job):
    with pytest.raises(DamagedArtifact, match="its record is gone"):
        stored_maps(job.store, stages(job)["maps"])


def test_networks_are_read_as_they_were_trained(job, monkeypatch):
    """A student from the store is frozen, in evaluation mode, and equal to the trained one."""
    seen = []
    train = training.train_student

    def keep(*arguments, **options):
        seen.append(train(*arguments, **options))
        return seen[-1]

    def note(teacher, student):
        seen.append(student)
        return distance_mapper(teacher, student)

    monkeypatch.setattr(execution, "train_student", keep)
    monkeypatch.setattr(execution, "distance_mapper", note)
    run_job(job)
    trained, read = seen
    assert trained is not read
    assert not read.training
    assert not any(parameter.requires_grad for parameter in read.parameters())
    for key, value in trained.state_dict().items():
        assert torch.equal(value, read.state_dict()[key]), key


@pytest.mark.parametrize("rotation", ["paper", "none"])
def test_rotation_is_the_papers_or_none(job, tiny, monkeypatch, rotation):
    seen = []

    def note(data, **_):
        seen.append(data.rotation)
        raise RuntimeError("enough")

    monkeypatch.setattr(execution, "training_batches", note)
    dataset = dataclasses.replace(tiny.dataset, rotation=rotation)
    run_job(dataclasses.replace(job, experiment=dataclasses.replace(tiny, dataset=dataset)))
    assert (seen[0].quarter_turns, seen[0].degrees) == (
        (True, 5.0) if rotation == "paper" else (False, 0.0)
    )


def test_random_streams_belong_to_category_seed_and_stage_only(job, tiny, tiny_inputs, monkeypatch):
    """Variants share data order, anomalies and weights; stages, categories and seeds do not."""
    seen = {}

    def note(images, *, seed, **_):
        seen.setdefault((current[0], "data"), []).append(seed)
        raise RuntimeError("enough")

    monkeypatch.setattr(execution, "training_batches", note)
    current = [None]
    for category, seed in (("bottle", 0), ("tile", 0), ("bottle", 1)):
        current[0] = (category, seed)
        cells = tuple(Cell(category, variant, seed) for variant in ABLATION.values())
        run_job(dataclasses.replace(job, cells=cells))
    assert all(len(seeds) == 4 and len(set(seeds)) == 1 for seeds in seen.values())
    assert len({seeds[0] for seeds in seen.values()}) == 3


# Beyond the ablation


@pytest.mark.parametrize(
    "name",
    [
        "den+decoder+seg",
        "decoder",
        "den+ed+seg+no-l1",
        "den+ed+seg+features",
        "seg+no-l1+distances",
    ],
)
def test_every_part_is_trained_stored_and_read_again(tiny, tiny_inputs, store, name):
    """A second process has the first one's numbers, from its files."""
    cell = Cell("bottle", VARIANTS[name], 0)
    job = Family(tiny, tiny_inputs, store, (cell,))
    evaluation = job.plan.evaluations[cell]
    assert {outcome.status for outcome in run_job(job)} == {"done"}
    metrics = store.get(evaluation.key).metrics
    for stage in (evaluation, *evaluation.parents):
        store.discard(stage.key)
    assert statuses(job, run_job(job))[-2:] == [("maps", "done"), ("evaluation", "done")]
    assert store.get(evaluation.key).metrics == metrics


def test_loss_and_input_are_those_of_the_variant(tiny, tiny_inputs, store, monkeypatch):
    seen = []

    def note(teacher, student, segmentation, *_, l1, **__):
        seen.append((student.kind, segmentation.fusion_input, l1))
        raise RuntimeError("enough")

    monkeypatch.setattr(execution, "train_segmentation", note)
    names = ("den+decoder+seg", "den+ed+seg+no-l1", "seg+features")
    cells = tuple(Cell("bottle", VARIANTS[name], 0) for name in names)
    run_job(Family(tiny, tiny_inputs, store, cells))
    assert seen == [
        ("decoder", "product", True),
        ("encoder-decoder", "product", False),
        ("encoder", "features", True),
    ]


def test_a_whole_stream_goes_on_where_the_student_stopped(tiny, tiny_inputs, store, monkeypatch):
    seen = []

    def note(images, *, steps, seed, first, **_):
        seen.append((seed, first, steps))
        return iter(())

    monkeypatch.setattr(execution, "training_batches", note)
    for stream in ("stage", "whole"):
        training = dataclasses.replace(tiny.training, data_stream=stream)
        experiment = dataclasses.replace(tiny, training=training)
        job = Family(experiment, tiny_inputs, store, CELLS[1:])
        store.discard(next(iter(job.plan.tasks)))
        run_job(job)
    (first, own), (again, continued) = seen[:2], seen[2:]
    assert first == again == (first[0], 0, 2)
    assert own == (own[0], 0, 3)
    assert own[0] != first[0]
    assert continued == (first[0], 2, 3)
