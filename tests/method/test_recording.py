from typing import Any, NamedTuple

import pytest
import torch

from destseg import descent, recording, training
from destseg.config import TrainingConfig
from destseg.courses import SegmentationTraining, StudentTraining
from destseg.recording import BEFORE, Recorded
from destseg.training import (
    build_segmentation,
    train_segmentations,
    train_students,
)
from tests.method.small_networks import (
    CONFIG,
    random_batch,
    small_student,
    small_teacher,
    snapshot,
)


class Pair(NamedTuple):
    images: Any
    maps: Any


def pair(value, size=2):
    return Pair(torch.full((size,), float(value)), [torch.full((1,), float(value))])


@pytest.fixture
def recorded(monkeypatch):
    """There is no CUDA here: what is recorded is kept, and computed anew at each replay."""
    count = []

    def record(work, _):
        count.append(work)
        return work

    monkeypatch.setattr(recording, "_record", record)
    monkeypatch.setattr(recording, "_aside", lambda work, _: work())
    monkeypatch.setattr(torch.Tensor, "is_cuda", True)
    return count


def test_what_was_recorded_sees_each_batch(recorded):
    seen = []
    work = Recorded(lambda batch: seen.append((float(batch.images.sum()), float(batch.maps[0]))))
    given = [pair(value) for value in range(BEFORE + 4)]
    for batch in given:
        work(batch)
    assert seen == [(2.0 * value, float(value)) for value in range(BEFORE + 4)]
    assert len(recorded) == 1
    assert [float(batch.images[0]) for batch in given] == list(range(BEFORE + 4))


def test_every_shape_has_a_recording_and_results_of_its_own(recorded):
    """As with the smaller batch at the end of an epoch."""
    work = Recorded(lambda batch: float(batch.images.sum()))
    sizes = (2, 2, 3) * (BEFORE + 2)
    found = [work(pair(value, size)) for value, size in enumerate(sizes)]
    assert found == [float(value * size) for value, size in enumerate(sizes)]
    assert len(recorded) == 2


def test_nothing_is_recorded_on_a_cpu(monkeypatch):
    monkeypatch.setattr(recording, "_record", None)
    monkeypatch.setattr(recording, "_aside", None)
    seen = []
    work = Recorded(lambda batch: seen.append(batch))
    given = [pair(value) for value in range(BEFORE + 2)]
    for batch in given:
        work(batch)
    assert all(one is other for one, other in zip(seen, given, strict=True))


# In a training

BATCHES = [random_batch(seed=seed) for seed in range(BEFORE + 3)]
RECIPE = TrainingConfig(batch_size=4, student_lr=0.1, res_lr=0.1, head_lr=0.05)


def trained(batches, *, spoiled=None):
    teacher = small_teacher()
    students = [small_student(kind=kind) for kind in ("encoder", "encoder-decoder")]
    found = train_students(
        teacher,
        [
            StudentTraining(each, RECIPE, den)
            for each, den in zip(students, (False, True), strict=True)
        ],
        batches,
    )
    nets = [build_segmentation(teacher.encoder.channels, CONFIG, seed=1) for _ in students]
    if spoiled is not None:
        with torch.no_grad():
            nets[spoiled].head[-1].bias.fill_(float("nan"))
    found += train_segmentations(
        teacher,
        [
            SegmentationTraining(student, net, RECIPE)
            for student, net in zip(students, nets, strict=True)
        ],
        batches,
    )
    weights = [value for each in (*students, *nets) for value in snapshot(each).values()]
    return found, weights


@pytest.mark.parametrize("spoiled", [None, 0])
def test_stages_are_trained_to_the_same_bits(monkeypatch, recorded, spoiled):
    monkeypatch.setattr(descent, "CHECK_EVERY", 1)
    # What computes anew here, where a graph would, must not take a batch's memory for the batch.
    monkeypatch.setattr(training, "remembering", lambda network: network)
    found = trained(BATCHES, spoiled=spoiled)
    # What diverged is left out of what is recorded then.
    assert len(recorded) == 2
    monkeypatch.undo()
    expected = trained(BATCHES, spoiled=spoiled)
    assert [fault is None for fault in found[0]] == [fault is None for fault in expected[0]]
    for one, other in zip(found[1], expected[1], strict=True):
        assert torch.equal(one.nan_to_num(), other.nan_to_num())
