import math

import pytest
import torch

from destseg.segmentation import ASPP, SegmentationNet
from tests.method.initialisation import STANDARD_ERRORS, assert_kaiming_fan_out, convolutions, norms
from tests.method.small_networks import small_segmentation


def test_initial_segmentation_net():
    torch.manual_seed(0)
    network = SegmentationNet((16, 32, 64), 32)
    assert_kaiming_fan_out(network.res)
    for norm in norms(network):
        assert torch.all(norm.weight == 1)
        assert torch.all(norm.bias == 0)
    *inner, last = convolutions(network.head)
    for convolution in (*inner, last):
        bound = 1 / math.sqrt(convolution.in_channels * convolution.kernel_size[0] ** 2)
        weight = convolution.weight.detach().abs() / bound
        assert weight.max() <= 1
        # The largest of n uniform values lies above 1 - 10/n but once in e**10 times.
        assert weight.max() > 1 - 10 / weight.numel()
        standard_error = 1 / math.sqrt(12 * weight.numel())
        assert abs(weight.mean() - 0.5) < STANDARD_ERRORS * standard_error
    assert all(convolution.bias is None for convolution in inner)
    assert last.bias is not None
    assert 0 < abs(last.bias.item()) <= 1 / math.sqrt(32)


def test_pyramid_branches():
    pyramid = ASPP(4, 6, (1, 2, 3))
    pooled, *dilated = pyramid.aspp_feature_extractors
    assert [branch.conv.dilation for branch in dilated] == [(1, 1), (2, 2), (3, 3)]
    assert [branch.conv.kernel_size for branch in dilated] == [(3, 3)] * 3
    assert pyramid.aspp_fusion_layer.conv.kernel_size == (3, 3)
    assert pyramid.aspp_fusion_layer.conv.in_channels == 4 * 6
    x = torch.randn(2, 4, 10, 12)
    assert all(branch(x).shape == (2, 6, 10, 12) for branch in dilated)
    seen = []
    pyramid.aspp_fusion_layer.register_forward_pre_hook(lambda _, inputs: seen.extend(inputs))
    with torch.no_grad():
        assert pyramid.eval()(x).shape == (2, 6, 10, 12)
        expected = torch.cat([pooled(x).expand(-1, -1, 10, 12), *(b(x) for b in dilated)], dim=1)
    torch.testing.assert_close(seen[0], expected)


def test_segmentation_net_cannot_train_on_one_image():
    """Its pooled branch has one value an image, of which BatchNorm needs two."""
    network = small_segmentation().train()
    similarity = torch.randn(2, 56, 8, 8)
    assert network(similarity).shape == (2, 1, 8, 8)
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        network(similarity[:1])


@pytest.mark.parametrize("kind", ["product", "features", "distances"])
def test_width_does_not_depend_on_what_is_fed(kind):
    network = small_segmentation(kind)
    state = {k: v.shape for k, v in network.state_dict().items() if k.startswith("head")}
    assert state == {
        k: v.shape for k, v in small_segmentation().state_dict().items() if k.startswith("head")
    }
    assert network.fusion_input == kind
