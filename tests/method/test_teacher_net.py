import torch

from destseg.model import DeSTSeg
from destseg.resnet import ResNet18
from destseg.teacher import Teacher
from tests.method.small_networks import CONFIG, small_teacher


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
