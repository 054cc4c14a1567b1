"""What initial weights should look like ("Networks" in docs/method.md)."""

import math

from torch import nn

STANDARD_ERRORS = 5


def convolutions(module):
    found = [child for child in module.modules() if isinstance(child, nn.Conv2d)]
    assert found
    return found


def norms(module):
    found = [child for child in module.modules() if isinstance(child, nn.BatchNorm2d)]
    assert found
    return found


def assert_kaiming_fan_out(module):
    for convolution in convolutions(module):
        kernel, weight = convolution.kernel_size[0], convolution.weight.detach()
        standard = weight.flatten() / math.sqrt(2 / (kernel**2 * convolution.out_channels))
        count = standard.numel()
        assert abs(standard.mean()) < STANDARD_ERRORS / math.sqrt(count)
        assert abs(standard.std() - 1) < STANDARD_ERRORS / math.sqrt(2 * count)
        assert abs(standard).max() > 2.5  # a uniform distribution ends at 1.73
