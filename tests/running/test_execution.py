import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.data.kinds import find_kind
from bench.experiment.experiment import Experiment
from bench.methods.destseg.steps import TrainStudent
from bench.methods.steps import Scores
from bench.metrics import METRICS
from bench.planning.inputs import Inputs
from bench.planning.stages import Plan
from bench.running import execution
from bench.running.execution import Job, result_of, run_job
from bench.store.runs import DamagedArtifact, RunStore
from destseg import inference, training
from destseg.descent import TrainingDiverged
from tests.folders import flip
from tests.running.codebook import Nearest


@dataclasses.dataclass(frozen=True)
class Family:
    """Some cells and all that they descend from."""

    laid: tuple[Experiment, Plan]
    inputs: Inputs
    store: RunStore

    @property
    def plan(self):
        return self.laid[1]

    def stages(self):
        """By kind; with the variants none and seg, those of seg under names of their own."""
        found = {}
        for stage in self.plan.stages.values():
            found[f"{stage.kind} with seg" if stage.kind in found else stage.kind] = stage
        return found

    def run(self):
        """Bring the stages about one after the other, without those whose parents are missing."""
        return [
            outcome
            for stage in self.plan.stages.values()
            if all(self.store.get(parent.key) for parent in stage.parents)
            for outcome in run_job(self.job(stage))
        ]

    def job(self, *stages):
        return Job(stages, self.inputs, find_kind("miniature"), self.store)

    def statuses(self):
        return [(self.plan.stages[done.key].kind, done.status) for done in self.run()]

    def failed(self):
        return [outcome for outcome in self.run() if outcome.status == "failed"]

    def results(self):
        """Everything stored that must be the same each time."""
        records = {name: self.store.get(stage.key) for name, stage in self.stages().items()}
        return {name: (dict(record.metrics), record.digest) for name, record in records.items()}

    def record(self, name):
        return self.store.get(self.stages()[name].key)

    def discard(self, *names):
        for name in names:
            self.store.discard(self.stages()[name].key)

    def damage(self, name):
        record = self.record(name)
        flip(self.store.folder(record.key) / record.artifact)


@pytest.fixture
def family(lay, tiny_inputs, store):
    """By default a student and what two variants make of it: six stages."""

    def family(variants=("none", "seg"), store=store, **options):
        return Family(lay(variants, **options), tiny_inputs, store)

    return family


@pytest.fixture
def job(family):
    return family()


@pytest.fixture
def scored(family, with_codebook):
    """A method with image scores of its own: three stages."""
    return family(("",), method="codebook", metrics=("image_f1max", "pixel_f1max"))


def test_each_stage_is_computed_once_after_its_parents(job):
    kinds = ("student", "segmentation", "maps", "maps", "evaluation", "evaluation")
    assert job.statuses() == [(kind, "done") for kind in kinds]


def test_each_stage_leaves_a_whole_record(job, tiny_inputs):
    outcomes = job.run()
    for name, stage in job.stages().items():
        record = job.record(name)
        assert (record.kind, record.parameters) == (stage.kind, stage.parameters)
        assert record.parents == tuple(parent.key for parent in stage.parents)
        assert record.seconds >= 0
        assert 2**20 < record.peak_memory < 2**36, "bytes"
        assert record.provenance["device"] == "cpu"
        assert record.provenance["threads"] == 1
        told = {"commit", "dirty", "changes", "torch", "numpy", "cpu", "started", "ended"}
        assert set(record.provenance) >= told | {"determinism", "command"}
        reads = set(stage.step.reads) - {"rotation"}
        assert set(record.provenance["read"]) == reads, "digests of the files themselves"
        assert (record.category, record.seed, record.code) == ("bottle", 0, stage.code)
        if name.startswith("evaluation"):
            assert list(record.metrics) == sorted(metric.key for metric in METRICS)
            assert all(0 <= value <= 1 for value in record.metrics.values())
            assert record.artifact is None
        else:
            assert job.store.artifact(record)
    assert sum(outcome.seconds for outcome in outcomes) > 0
    off, on = (result_of(job.store, job.stages()[name]) for name in ("maps", "maps with seg"))
    assert off.maps.shape == (tiny_inputs.categories["bottle"].test, 8, 8)
    assert off.maps.dtype == np.float32
    assert off.image_scores is None
    assert not np.array_equal(off.maps, on.maps)


def test_what_is_stored_is_not_run_again(job, monkeypatch):
    job.run()
    monkeypatch.setattr(execution, "_computed", lambda _: pytest.fail("ran again"))
    assert {status for _, status in job.statuses()} == {"cached"}


def test_two_runs_give_the_same_bits(family, job, tmp_path):
    job.run()
    again = family(store=RunStore(tmp_path / "again"))
    again.run()
    assert again.results() == job.results()


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
    job.run()
    before = job.results()
    job.discard(*lost)
    ran = {outcome.key for outcome in job.run() if outcome.status == "done"}
    assert ran == {job.stages()[name].key for name in lost}
    assert job.results() == before


def test_a_student_is_the_same_with_and_without_a_sibling(family, job, tmp_path):
    """Sharing one student between the variants changes no number."""
    job.run()
    alone = family(("seg",), store=RunStore(tmp_path / "alone"))
    alone.run()
    assert alone.record("evaluation").metrics == job.record("evaluation with seg").metrics


def fail(*_, **__):
    raise RuntimeError("out of luck")


def test_an_exception_is_a_failure_with_its_last_lines(job, monkeypatch):
    monkeypatch.setattr(training, "train_segmentations", fail)
    (failed,) = job.failed()
    assert failed.message == "RuntimeError: out of luck"
    failure = failed.failure
    assert failure.key == failed.key == job.stages()["segmentation"].key
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

    monkeypatch.setattr(training, "train_students", want)
    (failed,) = job.failed()
    assert failed.failure.cause == "memory"
    assert failed.message.startswith("cpu has no memory left for batch_size 4, width 8, size 32 (")


def test_what_a_methods_exception_says_commands_no_terminal(job, monkeypatch):
    def shout(*_, **__):
        raise RuntimeError("out\n\x1b[2Jof luck")

    monkeypatch.setattr(training, "train_segmentations", shout)
    (failed,) = job.failed()
    assert failed.message == r"RuntimeError: out\n\x1b[2Jof luck"


def test_a_run_that_diverges_is_a_failure(family, tiny):
    config = tiny.configs["DeSTSeg"]
    wild = dataclasses.replace(config.training, student_lr=1e30, student_steps=3)
    (failed,) = family(config=dataclasses.replace(config, training=wild)).failed()
    assert failed.failure.cause == "diverged"
    assert failed.message.startswith("TrainingDiverged: the loss is")


def with_first(values, value):
    values = values.copy()
    values.flat[0] = value
    return values


def same(values):
    return values


MAPS = "ValueError: the anomaly maps have the shape"
IMAGE_SCORES = "ValueError: the image scores have the shape"
NOT_FINITE = "TrainingDiverged: the"


@pytest.mark.parametrize(
    ("maps", "image_scores", "cause", "said"),
    [
        (lambda m: m[1:], same, "raised", f"{MAPS} (39, 8, 8), for 40 test images"),
        (lambda m: m[0], same, "raised", f"{MAPS} (8, 8)"),
        (lambda m: m[..., None], same, "raised", f"{MAPS} (40, 8, 8, 1)"),
        (lambda m: m.sum(), same, "raised", f"{MAPS} ()"),
        (same, lambda s: s[1:], "raised", f"{IMAGE_SCORES} (39,), for 40 test images"),
        (same, lambda s: s[:, None], "raised", f"{IMAGE_SCORES} (40, 1)"),
        (lambda m: with_first(m, math.nan), same, "diverged", f"{NOT_FINITE} anomaly maps hold"),
        (same, lambda s: with_first(s, math.inf), "diverged", f"{NOT_FINITE} image scores hold"),
    ],
)
def test_scores_that_are_none_are_a_failure(scored, monkeypatch, maps, image_scores, cause, said):
    run = Nearest.run

    def wrong(step, site, *parents):
        scores = run(step, site, *parents)
        return Scores(maps(scores.maps), image_scores(scores.image_scores))

    monkeypatch.setattr(Nearest, "run", wrong)
    (failed,) = scored.failed()
    assert failed.message.startswith(said)
    assert (failed.failure.kind, failed.failure.cause) == ("codebook.maps", cause)
    assert scored.record("codebook.maps") is None


def test_image_scores_and_further_metrics_are_measured(scored, family):
    kinds = ("codebook.codes", "codebook.maps", "evaluation")
    assert scored.statuses() == [(kind, "done") for kind in kinds]
    record = scored.record("codebook.maps")
    assert record.artifact == "scores.npz"
    scores = result_of(scored.store, scored.stages()["codebook.maps"])
    np.testing.assert_array_equal(scores.image_scores, scores.maps.max(axis=(1, 2)))
    metrics = scored.record("evaluation").metrics
    assert set(metrics) == {*(m.key for m in METRICS), "image_f1max", "pixel_f1max"}
    plain = family(("",), method="codebook")
    plain.run()
    assert plain.record("evaluation").metrics.items() < metrics.items()


def test_image_scores_move_the_metrics_of_images_alone(scored, monkeypatch):
    scored.run()
    before = scored.record("evaluation").metrics
    run = Nearest.run

    def reversed_(step, site, *parents):
        scores = run(step, site, *parents)
        return Scores(scores.maps, -scores.image_scores)

    monkeypatch.setattr(Nearest, "run", reversed_)
    scored.discard("codebook.maps", "evaluation")
    scored.run()
    after = scored.record("evaluation").metrics
    assert after["image_auroc"] == pytest.approx(1 - before["image_auroc"])
    for key in before:
        assert key.startswith("image") or after[key] == before[key]


def test_an_undefined_metric_is_stored_as_missing(job, monkeypatch):
    def half(*_, **__):
        return {metric.key: math.nan if metric.key == "pro" else 0.5 for metric in METRICS}

    monkeypatch.setattr("bench.planning.evaluation.evaluate", half)
    assert {outcome.status for outcome in job.run()} == {"done"}
    metrics = job.record("evaluation").metrics
    assert metrics["pro"] is None
    assert metrics["iap"] == 0.5


@pytest.mark.parametrize(
    ("of", "damaged", "lost"),
    [
        ("job", "student", ("maps", "evaluation")),
        ("job", "segmentation", ("maps with seg", "evaluation with seg")),
        ("job", "maps", ("evaluation",)),
        ("scored", "codebook.maps", ("evaluation",)),
    ],
)
def test_a_damaged_artifact_is_named_and_forgotten(request, of, damaged, lost):
    family = request.getfixturevalue(of)
    family.run()
    before = family.results()
    family.damage(damaged)
    family.discard(*lost)
    found = [outcome for outcome in family.run() if outcome.status == "damaged"]
    assert [outcome.key for outcome in found] == [family.stages()[lost[0]].key]
    assert found[0].damaged == family.stages()[damaged].key
    assert "not what its record says" in found[0].message
    assert {outcome.status for outcome in family.run()} <= {"done", "cached"}
    assert family.results() == before


def test_a_full_disk_is_told_apart_from_a_failure(job, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("bench.store.runs.write_atomically", full)
    (outcome,) = job.run()
    assert (outcome.status, outcome.failure) == ("unwritable", None)
    assert outcome.message == f"{job.store.root}: No space left on device"


def test_an_interrupt_is_no_failure(job, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "train_students", interrupt)
    with pytest.raises(KeyboardInterrupt):
        job.run()
    assert not list(Path(job.store.root).rglob("failure.json"))


def test_a_result_without_a_record_is_missing(job):
    with pytest.raises(DamagedArtifact, match="its record is gone"):
        result_of(job.store, job.stages()["maps"])


def test_networks_are_read_as_they_were_trained(family, monkeypatch):
    """A student from the store is frozen, in evaluation mode, and equal to the trained one."""
    seen = []
    train, mapper = training.train_students, inference.distance_mapper

    def keep(teacher, trainings, *arguments, **options):
        seen.extend(each.student for each in trainings)
        return train(teacher, trainings, *arguments, **options)

    def note(teacher, student):
        seen.append(student)
        return mapper(teacher, student)

    monkeypatch.setattr(training, "train_students", keep)
    monkeypatch.setattr(inference, "distance_mapper", note)
    family(("none",)).run()
    trained, read = seen
    assert trained is not read
    assert not read.training
    assert not any(parameter.requires_grad for parameter in read.parameters())
    for key, value in trained.state_dict().items():
        assert torch.equal(value, read.state_dict()[key]), key


# Together


FOUR = ("none", "den", "ed", "den+ed")


@pytest.fixture
def four(family):
    """Four students, their maps and evaluations."""
    return family(FOUR)


def of_kind(family, kind):
    return [stage for stage in family.plan.stages.values() if stage.kind == kind]


def test_together_each_has_the_record_that_it_has_alone(four, family, tmp_path):
    alone = family(FOUR, store=RunStore(tmp_path / "alone"))
    alone.run()
    for kind in ("student", "maps"):
        stages = of_kind(four, kind)
        outcomes = run_job(four.job(*stages))
        assert [(each.key, each.status) for each in outcomes] == [(s.key, "done") for s in stages]
        records = [four.store.get(stage.key) for stage in stages]
        assert [each.digest for each in records] == [
            alone.store.get(stage.key).digest for stage in stages
        ]
        assert {each.provenance["together"] for each in records} == {4}
        seconds = [each.seconds for each in records]
        assert max(seconds) < 2 * min(seconds), "shares of the time of all"
    assert alone.record("student").provenance["together"] == 1


def test_of_a_group_what_is_stored_is_not_computed_again(four):
    first, *others = of_kind(four, "student")
    run_job(four.job(first))
    outcomes = run_job(four.job(first, *others))
    assert [each.status for each in outcomes] == ["cached", "done", "done", "done"]
    assert four.store.get(others[0].key).provenance["together"] == 3


def test_one_that_ends_in_an_error_is_a_failure_of_its_own(four, monkeypatch):
    compute = TrainStudent.run_together

    def diverge(members):
        return [TrainingDiverged("the loss is nan"), *compute(members)[1:]]

    monkeypatch.setattr(TrainStudent, "run_together", diverge)
    failed, *others = run_job(four.job(*of_kind(four, "student")))
    assert (failed.status, failed.message) == ("failed", "TrainingDiverged: the loss is nan")
    assert failed.failure.cause == "diverged"
    assert {each.status for each in others} == {"done"}


def test_what_fails_as_a_whole_is_to_be_tried_one_by_one(four, monkeypatch):
    monkeypatch.setattr(training, "train_students", fail)
    stages = of_kind(four, "student")
    outcomes = run_job(four.job(*stages))
    assert [each.key for each in outcomes] == [stage.key for stage in stages]
    assert {(each.status, each.message, each.failure) for each in outcomes} == {
        ("parted", "RuntimeError: out of luck", None)
    }


def test_of_a_group_one_whose_parent_is_damaged_waits_alone(four):
    run_job(four.job(*of_kind(four, "student")))
    damaged, *_ = of_kind(four, "student")
    flip(four.store.folder(damaged.key) / "weights.pt")
    first, *others = run_job(four.job(*of_kind(four, "maps")))
    assert (first.status, first.damaged) == ("damaged", damaged.key)
    assert {each.status for each in others} == {"done"}


# DeSTSeg beyond the ablation


PARTS = ("den+decoder+seg", "decoder", "den+ed+seg+no-l1", "den+ed+seg+features")


@pytest.mark.parametrize("name", [*PARTS, "seg+no-l1+distances"])
def test_every_part_is_trained_stored_and_read_again(family, name):
    """A second process has the first one's numbers, from its files."""
    job = family((name,))
    assert {status for _, status in job.statuses()} == {"done"}
    before = job.results()
    job.discard("maps", "evaluation")
    assert job.statuses()[-2:] == [("maps", "done"), ("evaluation", "done")]
    assert job.results() == before


def test_loss_and_input_are_those_of_the_variant(family, monkeypatch):
    seen = []

    def note(teacher, trainings, *_, **__):
        (each,) = trainings
        seen.append((each.student.kind, each.segmentation.fusion_input, each.l1))
        raise RuntimeError("enough")

    monkeypatch.setattr(training, "train_segmentations", note)
    family(("den+decoder+seg", "den+ed+seg+no-l1", "seg+features")).run()
    assert seen == [
        ("decoder", "product", True),
        ("encoder-decoder", "product", False),
        ("encoder", "features", True),
    ]


def test_a_whole_stream_goes_on_where_the_student_stopped(family, tiny, monkeypatch):
    seen = []

    def note(images, *, steps, seed, first, **_):
        seen.append((seed, first, steps))
        return iter(())

    monkeypatch.setattr("destseg.batches.training_batches", note)
    config = tiny.configs["DeSTSeg"]
    for stream in ("stage", "whole"):
        training_ = dataclasses.replace(config.training, data_stream=stream)
        job = family(("seg",), config=dataclasses.replace(config, training=training_))
        job.discard("student")
        job.run()
    (first, own), (again, continued) = seen[:2], seen[2:]
    assert first == again == (first[0], 0, 2)
    assert own == (own[0], 0, 3)
    assert own[0] != first[0]
    assert continued == (first[0], 2, 3)
