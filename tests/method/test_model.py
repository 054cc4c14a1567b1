import math

import numpy as np
import pytest
import torch
from small_networks import CONFIG, small_segmentation, small_student, small_teacher
from torch import nn

from destseg.model import (
    ASPP,
    DeSTSeg,
    ModelConfig,
    SegmentationNet,
    Student,
    Teacher,
    cosine_distances,
    fused_distance,
    normalised,
    similarity_maps,
)
from destseg.resnet import BasicBlock, ResNet18

STANDARD_ERRORS = 5


def convolutions(module):
    found = [child for child in module.modules() if isinstance(child, nn.Conv2d)]
    assert found
    return found


def norms(module):
    found = [child for child in module.modules() if isinstance(child, nn.BatchNorm2d)]
    assert found
    return found


def feature_levels(seed=0, sides=(8, 4, 2)):
    rng = np.random.default_rng(seed)
    channels = (3, 5, 7)
    return [
        np.maximum(rng.standard_normal((2, c, side, side + 2)), 0)
        for c, side in zip(channels, sides, strict=True)
    ]


def unit(features):
    return features / (np.sqrt((features**2).sum(axis=1, keepdims=True)) + 1e-12)


def tensors(arrays):
    return [torch.from_numpy(array) for array in arrays]


# Initialisation (section 1.3)


def assert_kaiming_fan_out(module):
    for convolution in convolutions(module):
        kernel, weight = convolution.kernel_size[0], convolution.weight.detach()
        standard = weight.flatten() / math.sqrt(2 / (kernel**2 * convolution.out_channels))
        count = standard.numel()
        assert abs(standard.mean()) < STANDARD_ERRORS / math.sqrt(count)
        assert abs(standard.std() - 1) < STANDARD_ERRORS / math.sqrt(2 * count)
        assert abs(standard).max() > 2.5  # a uniform distribution ends at 1.73


def test_initial_student():
    torch.manual_seed(0)
    student = Student(16)
    assert_kaiming_fan_out(student)
    last = {block.bn2 for block in student.encoder.modules() if isinstance(block, BasicBlock)}
    assert len(last) == 8
    for norm in norms(student):
        assert torch.all(norm.weight == (0 if norm in last else 1))
        assert torch.all(norm.bias == 0)


def test_initial_segmentation_net():
    torch.manual_seed(0)
    network = SegmentationNet(112, ModelConfig(width=16, segmentation_width=32))
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


def test_batch_norm_settings():
    model = DeSTSeg(ResNet18(8, 3), CONFIG)
    for norm in norms(model):
        assert (norm.eps, norm.momentum, norm.affine) == (1e-5, 0.1, True)


def test_encoder_is_the_same_with_and_without_decoder():
    plain, full = (small_student(ed=ed, seed=4).encoder.state_dict() for ed in (False, True))
    assert all(torch.equal(plain[key], full[key]) for key in full)
    other = small_student(ed=False, seed=5).encoder.state_dict()
    assert not torch.equal(plain["conv1.weight"], other["conv1.weight"])


# Networks


def test_teacher_never_trains():
    teacher = small_teacher()
    model = DeSTSeg(teacher.encoder, CONFIG)
    images = torch.randn(2, 3, 32, 32)
    before = teacher(images)
    assert model.train() is model
    assert model.student_net.training
    assert not any(module.training for module in model.teacher_net.modules())
    assert not any(parameter.requires_grad for parameter in model.teacher_net.parameters())
    after = model.teacher_net(images)
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert not any(feature.requires_grad for feature in after)


def test_teacher_is_evaluated_even_when_its_trunk_trained():
    trunk = ResNet18(8, 3).train()
    assert not any(module.training for module in Teacher(trunk).modules())


@pytest.mark.parametrize("ed", [True, False])
def test_shapes_off_square(ed):
    model = DeSTSeg(ResNet18(8, 3), CONFIG, ed=ed).eval()
    with torch.no_grad():
        images = torch.randn(2, 3, 64, 96)
        output = model(images)
        features = model.student_net(images)
    sizes = [(16, 24), (8, 12), (4, 6)]
    assert [tuple(f.shape[1:]) for f in features] == [
        (8 * 2**level, *size) for level, size in enumerate(sizes)
    ]
    assert [tuple(d.shape) for d in output.distances] == [(2, 1, *size) for size in sizes]
    assert output.segmentation.shape == output.distance.shape == (2, 1, 16, 24)
    assert output.segmentation.min() > 0
    assert output.segmentation.max() < 1
    assert all(feature.min() == 0 for feature in features)


def test_decoder_has_no_skip_connections():
    """Only the deepest features matter to it; of the others it takes the size."""
    student = small_student().eval()
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        first, second, third, deepest = student.encoder(images)
        expected = student(images)

        def decoded(*features):
            hook = student.encoder.register_forward_hook(lambda *call: features)
            result = student(images)
            hook.remove()
            return result

        others = (torch.randn_like(level) for level in (first, second, third))
        same = decoded(*others, deepest)
        different = decoded(first, second, third, deepest + 1)
    assert all(torch.equal(a, b) for a, b in zip(same, expected, strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(different, expected, strict=True))


def test_upsampling_comes_before_each_decoder_stage():
    student = small_student().eval()
    sizes = {}
    for level in (1, 2, 3, 4):
        student.get_submodule(f"decoder_layer{level}").register_forward_pre_hook(
            lambda _module, inputs, level=level: sizes.update({level: tuple(inputs[0].shape[1:])})
        )
    with torch.no_grad():
        student(torch.randn(1, 3, 64, 64))
    assert sizes == {4: (64, 2, 2), 3: (64, 4, 4), 2: (32, 8, 8), 1: (16, 16, 16)}


def test_layer4_runs_without_decoder():
    student = small_student(ed=False)
    runs = []
    student.encoder.layer4.register_forward_hook(lambda *call: runs.append(call))
    assert len(student(torch.randn(2, 3, 32, 32))) == 3
    assert len(runs) == 1


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
    """Its pooled branch has one value an image, of which BatchNorm needs two (section 1.5)."""
    network = small_segmentation().train()
    similarity = torch.randn(2, 56, 8, 8)
    assert network(similarity).shape == (2, 1, 8, 8)
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        network(similarity[:1])


# Maps (section 1.4)


def test_normalised():
    levels = feature_levels()
    levels[0][0, :, 1, 2] = 0
    result = normalised(tensors(levels))
    for ours, level in zip(result, levels, strict=True):
        np.testing.assert_allclose(ours.numpy(), unit(level), rtol=1e-12, atol=0)
    assert torch.all(result[0][0, :, 1, 2] == 0)


def test_dead_positions_give_no_nan_gradient():
    raw = torch.randn(2, 3, 4, 4, requires_grad=True)
    with torch.no_grad():
        raw[0, :, 1, 1] = -1.0
    (features,) = normalised([raw.relu()])
    assert torch.all(features[0, :, 1, 1] == 0)
    (features * torch.randn(features.shape)).sum().backward()
    assert torch.isfinite(raw.grad).all()
    assert torch.all(raw.grad[0, :, 1, 1] == 0)
    assert raw.grad.abs().max() > 0


def test_cosine_distances():
    teacher, student = feature_levels(1), feature_levels(2)
    ours = cosine_distances(normalised(tensors(teacher)), normalised(tensors(student)))
    for distance, t, s in zip(ours, teacher, student, strict=True):
        expected = 1 - (unit(t) * unit(s)).sum(axis=1, keepdims=True)
        np.testing.assert_allclose(distance.numpy(), expected, rtol=1e-12, atol=1e-14)
    same = cosine_distances(normalised(tensors(teacher)), normalised(tensors(teacher)))
    alive = torch.from_numpy(teacher[0].any(axis=1, keepdims=True))
    assert torch.all(same[0][alive].abs() < 1e-9)


def bilinear(x, size):
    return nn.functional.interpolate(x, size=size, mode="bilinear", align_corners=False)


def test_fused_distance_is_a_product():
    generator = torch.Generator().manual_seed(0)
    levels = [torch.rand(2, 1, side, side + 2, generator=generator) for side in (8, 4, 2)]
    expected = math.prod([levels[0], *(bilinear(level, (8, 10)) for level in levels[1:])])
    torch.testing.assert_close(fused_distance(levels), expected)


def test_similarity_maps_are_negated_products_of_all_channels():
    teacher = normalised(tensors(feature_levels(1)))
    student = normalised(tensors(feature_levels(2)))
    similarity = similarity_maps(teacher, student)
    assert similarity.shape == (2, 3 + 5 + 7, 8, 10)
    start = 0
    for t, s in zip(teacher, student, strict=True):
        expected = bilinear(-(t * s), (8, 10))
        torch.testing.assert_close(similarity[:, start : start + t.shape[1]], expected)
        start += t.shape[1]
    assert similarity.max() <= 0
    assert similarity.min() < 0
