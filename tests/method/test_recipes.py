import time

import pytest

from destseg.application.calibration import CALIBRATION_BATCHES
from destseg.application.recipes import (
    PAPER,
    SCALE_COST,
    SHORT,
    Recipe,
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


RECIPE = Recipe(64, TrainingConfig(batch_size=4, student_steps=20, segmentation_steps=40))
AFTER = CALIBRATION_BATCHES + SCALE_COST * 12 / 4
"""Updates of the segmentation net in whose time 12 images and the anomalies are measured."""


def forecasts(clock, updates):
    """Tell of updates, ``(stage, done, steps)`` and the seconds each took; return what is said."""
    passed, said = [], []
    tell = forecasting(lambda *call: passed.append(call), RECIPE, 12, said.append)
    for stage, done, steps, seconds in updates:
        clock[0] += seconds
        tell(stage, done, steps, "")
    assert passed == [(*update, "") for *update, _ in updates]
    return said


@pytest.mark.parametrize("first", [0, 10])
def test_before_the_second_stage_the_shortest_and_the_longest_time_are_told(clock, first):
    """By updates but the first one, which is no measure, and with what follows the training."""
    stage = [("student", first, 20, 0), ("student", first + 1, 20, 1000)]
    stage += [("student", step, 20, 600) for step in range(first + 2, 21)]
    hours = [(20 - first - 6 + cost * (40 + AFTER)) * 600 / 3600 for cost in (1, 4)]
    (said,) = forecasts(clock, stage)
    assert said == (
        f"this will take about {hours[0]:.1f} to {hours[1]:.1f} hours more on this machine; "
        "the second stage will tell more closely."
    )


def test_the_second_stage_tells_by_its_own_updates(clock):
    student = [("student", step, 20, 600) for step in range(21)]
    second = [("segmentation", 0, 40, 0), ("segmentation", 1, 40, 9000)]
    second += [("segmentation", step, 40, 360) for step in range(2, 41)]
    _, said = forecasts(clock, student + second)
    hours = (40 - 6 + AFTER) * 360 / 3600
    assert said == f"this will take about {hours:.1f} hours more on this machine."


def test_updates_that_are_told_by_fifties_are_a_measure_too(clock):
    """As on a GPU, which is not asked for the loss of each."""
    updates = [("segmentation", step, 200, step) for step in (0, 50, 100, 150, 200)]
    (said,) = forecasts(clock, updates)
    seconds = (200 - 100 + AFTER) * 100 / 50
    assert said == f"this will take about {seconds / 60:.0f} minutes more on this machine."


def test_a_training_of_a_few_updates_is_not_forecast(clock):
    stages = ("student", "segmentation", "scale", "synthetic anomalies")
    assert not forecasts(clock, [(stage, step, 5, 1) for stage in stages for step in range(6)])
