import numpy as np
import pytest

from destseg.anomalies import draw_angles
from destseg.config import AnomalyConfig, ModelConfig, TrainingConfig


@pytest.mark.parametrize(
    ("config", "values", "message"),
    [
        (ModelConfig, {"width": 0}, "width is 0; it must be at least 1"),
        (ModelConfig, {"segmentation_width": -1}, "segmentation_width is -1; it must be at least"),
        (ModelConfig, {"dilations": (2, 0)}, "dilations is 0; it must be at least 1"),
        (AnomalyConfig, {"lattice_exponents": 0}, "lattice_exponents is 0; it must be at least 1"),
        (TrainingConfig, {"batch_size": 1}, "batch_size is 1; BatchNorm needs at least 2"),
        (TrainingConfig, {"student_steps": 0}, "student_steps is 0; it must be at least 1"),
        (TrainingConfig, {"segmentation_steps": 0}, "segmentation_steps is 0; it must be at least"),
        (TrainingConfig, {"student_lr": 0.0}, "student_lr is 0.0; it must be positive"),
        (TrainingConfig, {"res_lr": -0.1}, "res_lr is -0.1; it must be positive"),
        (TrainingConfig, {"head_lr": 0.0}, "head_lr is 0.0; it must be positive"),
        (TrainingConfig, {"momentum": -0.5}, "momentum is -0.5; it must not be negative"),
        (TrainingConfig, {"weight_decay": -1.0}, "weight_decay is -1.0; it must not be negative"),
        (TrainingConfig, {"gamma": -2.0}, "gamma is -2.0; it must not be negative"),
    ],
)
def test_a_value_that_cannot_be_is_refused(config, values, message):
    with pytest.raises(ValueError, match=message.replace(".", r"\.")):
        config(**values)


def test_what_is_zero_and_may_be():
    zero = TrainingConfig(momentum=0.0, weight_decay=0.0, gamma=0.0)
    assert (zero.momentum, zero.weight_decay, zero.gamma) == (0, 0, 0)
    assert ModelConfig(dilations=()).dilations == ()


def test_anomalies_are_by_default_the_programs():
    """Few numbers show another range of angles: those of the networks trained on the masks."""
    assert AnomalyConfig() == AnomalyConfig(6, 0.5, 90.0, 0.8, "fresh")
    angles = draw_angles(np.random.default_rng(0), 1000, AnomalyConfig())
    assert -90 <= angles.min() < -89
    assert 89 < angles.max() <= 90
