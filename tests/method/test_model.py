import pytest
import torch

from destseg.config import FUSION_INPUTS, STUDENT_KINDS
from tests.method.initialisation import norms
from tests.method.small_networks import small_model


def test_batch_norm_settings():
    for norm in norms(small_model()):
        assert (norm.eps, norm.momentum, norm.affine) == (1e-5, 0.1, True)


@pytest.mark.parametrize("student", STUDENT_KINDS)
@pytest.mark.parametrize("fusion_input", FUSION_INPUTS)
def test_shapes_off_square(student, fusion_input):
    model = small_model(student=student, fusion_input=fusion_input)
    with torch.no_grad():
        images = torch.randn(2, 3, 64, 96)
        output = model(images)
    sizes = [(16, 24), (8, 12), (4, 6)]
    assert [tuple(d.shape) for d in output.distances] == [(2, 1, *size) for size in sizes]
    assert output.segmentation.shape == output.distance.shape == (2, 1, 16, 24)
    assert output.segmentation.min() > 0
    assert output.segmentation.max() < 1
