import numpy as np
import pytest
import torch

import destseg
from destseg.application.calibration import measure_scale
from destseg.batches import Batch


class Known(torch.nn.Module):
    """A model whose map is the first channel of what it is shown."""

    size = 8

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))

    def forward(self, images):
        return destseg.Output(images[:, :1, ::2, ::2] * self.weight, None, None)


def test_the_scale_is_measured_on_normal_pixels_and_synthetic_anomalies():
    normal = np.zeros((5, 8, 8, 3), np.uint8)
    shown = torch.zeros(2, 3, 8, 8)
    shown[:, :, :4] = 3.0
    mask = torch.zeros(2, 1, 8, 8)
    mask[:, :, :4] = 1
    scale = measure_scale(Known(), iter([Batch(shown, shown, mask)]), normal)
    black = -0.485 / 0.229  # ImageNet-normalised
    assert scale.normal == pytest.approx(black)
    assert scale.anomalous == pytest.approx(3.0)
    assert scale.limit == pytest.approx(black)


def test_a_model_that_learned_nothing_has_a_scale_of_some_length():
    normal = np.full((2, 8, 8, 3), 200, np.uint8)
    empty = torch.zeros(2, 3, 8, 8)
    none = Batch(empty, empty, torch.zeros(2, 1, 8, 8))
    low = Batch(empty - 5, empty, torch.ones(2, 1, 8, 8))
    for batch in (none, low):
        scale = measure_scale(Known(), iter([batch]), normal)
        assert scale.anomalous > scale.normal


def test_progress_is_told_by_the_image():
    told = []
    empty = torch.zeros(2, 3, 8, 8)
    batches = [Batch(empty, empty, torch.ones(2, 1, 8, 8))]
    normal = np.zeros((11, 8, 8, 3), np.uint8)
    measure_scale(Known(), batches, normal, lambda *call: told.append(call))
    assert told == [("scale", 8, 11, ""), ("scale", 11, 11, "")]
