"""The rivals' trainings are timed, and trained again from where they began."""

import pytest
import torch

from benchmarks import rivals
from benchmarks.figures import Figure, Setting

SMOKE = Setting(rounds=1, smoke=True)


@pytest.fixture(scope="module")
def trainings():
    return rivals.trainings(rivals.scale(SMOKE), "cpu")


def test_each_training_is_timed_in_each_precision(trainings, monkeypatch):
    monkeypatch.setattr(rivals, "trainings", lambda *_: trainings)
    found = {figure.name: figure for figure in rivals.measure(SMOKE)}
    assert len(found) == 2 * 2 * len(trainings)
    assert min(figure.value for figure in found.values()) > 0
    assert found["DSR's latent model, batch 2 of 56 px, bf16"].unit == "ms"
    assert found["DRAEM, batch 2 of 64 px, float32, rate"].unit == "images/s"


def test_two_trainings_end_in_the_same_bits(trainings):
    training = trainings["DSR's latent model"]
    before = [value.clone() for value in training.networks.state_dict().values()]
    (figure,) = rivals.same_bits("x", training, "float32")
    assert figure == Figure("x, the same bits recorded or not", 1.0)
    assert all(map(torch.equal, before, training.networks.state_dict().values()))


def test_other_bits_are_told(trainings):
    first = trainings["STFPM"]
    rates = iter((0.1, 0.2, 0.2))

    def drifting(student, *_):
        with torch.no_grad():
            student.conv1.weight.fill_(next(rates))

    found = rivals.same_bits("x", rivals.Training(first.networks, first.batch, drifting), "float32")
    assert [figure.value for figure in found] == [0.0, 1.0]
