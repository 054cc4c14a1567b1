import time

import pytest

from destseg.application.recipes import (
    PAPER,
    SEGMENTATION_COST,
    SHORT,
    announcement,
    forecasting,
    recipe_for,
)
from destseg.config import TrainingConfig


def test_what_is_not_given_fits_the_device_and_the_number_of_parts():
    assert recipe_for("cpu", 30) == SHORT
    assert recipe_for("cuda", 100) == recipe_for("cuda:1", 32) == PAPER
    few = recipe_for("cuda", 30)
    assert (few.config.batch_size, few.config.student_steps, few.size) == (30, 1000, 256)
    assert recipe_for("cpu", 5).config.batch_size == 5
    assert recipe_for("cpu", 1).config.batch_size == 2, "which the training refuses"


def test_what_is_given_holds():
    size, config = recipe_for("cpu", 30, size=64, batch_size=31, steps=[2, 3], precision="bf16")
    expected = TrainingConfig(31, student_steps=2, segmentation_steps=3, precision="bf16")
    assert (size, config) == (64, expected)


def test_a_recipe_is_announced_with_its_distance_from_the_papers():
    assert announcement(PAPER, "cuda", 100) == (
        "training on cuda: 100 images of 256 px, 1000 + 4000 updates of 32 images, as the paper."
    )
    said = announcement(recipe_for("cpu", 1), "cpu", 1)
    assert said.startswith("training on cpu: 1 image of 128 px, 150 + 400 updates of 2 images; ")
    assert said.endswith("is --size 256 --batch-size 32 --steps 1000 4000.")
    assert "as the paper" not in announcement(recipe_for("cuda", 31), "cuda", 31)


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


@pytest.mark.parametrize(
    ("stage", "first", "left"),
    [
        ("student", 0, 20 - 6 + 40 * SEGMENTATION_COST),
        ("student", 10, 20 - 16 + 40 * SEGMENTATION_COST),
        ("segmentation", 0, 40 - 6),
    ],
)
def test_the_time_is_told_once_by_the_first_updates_but_one(clock, stage, first, left):
    config = TrainingConfig(student_steps=20, segmentation_steps=40)
    steps = {"student": 20, "segmentation": 40}[stage]
    passed, told = [], []
    tell = forecasting(lambda *call: passed.append(call), config, told.append)
    for step in range(first, steps + 1):
        tell(stage, step, steps, "")
        clock[0] += 500 if step == first else 600  # the first one is no measure
    assert told == [f"this will take about {left * 600 / 3600:.1f} hours more on this machine."]
    assert len(passed) == steps - first + 1


def test_a_training_of_a_few_updates_is_not_forecast(clock):
    told = []
    tell = forecasting(lambda *_: None, TrainingConfig(), told.append)
    for stage in ("student", "segmentation", "scale", "synthetic anomalies"):
        for step in range(6):
            tell(stage, step, 5, "")
    assert not told
