import pytest
import torch

from destseg.config import STUDENT_KINDS
from destseg.resnet import BasicBlock
from destseg.student import Student, paired_features, student_input
from tests.method.initialisation import assert_kaiming_fan_out, norms
from tests.method.small_networks import small_student, small_teacher


def test_initial_student():
    torch.manual_seed(0)
    student = Student(16)
    assert_kaiming_fan_out(student)
    last = {block.bn2 for block in student.encoder.modules() if isinstance(block, BasicBlock)}
    assert len(last) == 8
    for norm in norms(student):
        assert torch.all(norm.weight == (0 if norm in last else 1))
        assert torch.all(norm.bias == 0)


def test_encoder_is_the_same_with_and_without_decoder():
    plain, full = (
        small_student(kind, seed=4).encoder.state_dict() for kind in ("encoder", "encoder-decoder")
    )
    assert all(torch.equal(plain[key], full[key]) for key in full)
    other = small_student("encoder", seed=5).encoder.state_dict()
    assert not torch.equal(plain["conv1.weight"], other["conv1.weight"])


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
    student = small_student("encoder")
    runs = []
    student.encoder.layer4.register_forward_hook(lambda *call: runs.append(call))
    assert len(student(torch.randn(2, 3, 32, 32))) == 3
    assert len(runs) == 1


@pytest.mark.parametrize("kind", STUDENT_KINDS)
@pytest.mark.parametrize("size", [(64, 96), (56, 72)])
def test_outputs_are_shaped_as_the_teachers(kind, size):
    teacher, student = small_teacher(), small_student(kind).eval()
    images = torch.randn(2, 3, *size)
    with torch.no_grad():
        ours = student(student_input(teacher, student, images))
    assert [f.shape for f in ours] == [f.shape for f in teacher(images)]
    assert all(feature.min() == 0 for feature in ours)


# The decoder student (reverse distillation)


def test_decoder_student_is_fed_the_teachers_features():
    teacher, student = small_teacher(), small_student("decoder").eval()
    images = torch.randn(2, 3, 64, 64)
    seen = student_input(teacher, student, images)
    assert all(torch.equal(a, b) for a, b in zip(seen, teacher(images), strict=True))
    assert student_input(teacher, small_student(), images) is images


def test_every_level_reaches_the_decoder_through_the_bottleneck_alone():
    teacher, student = small_teacher(), small_student("decoder").eval()
    seen = teacher(torch.randn(2, 3, 64, 64))
    with torch.no_grad():
        bottle = student.bottleneck(seen)
        assert bottle.shape == (2, 64, 2, 2)
        for level in range(3):
            other = [f + (k == level) * torch.rand_like(f) for k, f in enumerate(seen)]
            assert not torch.equal(student.bottleneck(other), bottle)
        hook = student.bottleneck.register_forward_hook(lambda *call: bottle)
        expected, same = student(seen), student([torch.rand_like(f) for f in seen])
        hook.remove()
    assert all(torch.equal(a, b) for a, b in zip(same, expected, strict=True))


def test_decoders_are_alike():
    """The decoder student differs from the paper's in what feeds the decoder, not in it."""

    def shapes(kind):
        state = small_student(kind).state_dict()
        return {k: v.shape for k, v in state.items() if k.startswith("decoder_layer")}

    assert shapes("decoder") == shapes("encoder-decoder")
    assert not any(key.startswith("encoder") for key in small_student("decoder").state_dict())


@pytest.mark.parametrize("kind", STUDENT_KINDS)
def test_paired_features_are_of_the_same_images(kind):
    teacher, student = small_teacher(), small_student(kind).eval()
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        theirs, ours = paired_features(teacher, student, images)
        raw = student(student_input(teacher, student, images))
    for features, unscaled in ((theirs, teacher(images)), (ours, raw)):
        for feature, original in zip(features, unscaled, strict=True):
            alive = original.any(dim=1)
            torch.testing.assert_close(
                feature.norm(dim=1)[alive], torch.ones(int(alive.sum())), rtol=1e-5, atol=0
            )


def test_unit_width_is_the_papers():
    assert Student().decoder_layer1[0].conv1.in_channels == 128


def test_a_plain_student_runs_its_last_layer_in_training_alone():
    student = small_student("encoder")
    calls = []
    student.encoder.layer4.register_forward_hook(lambda *call: calls.append(call))
    images = torch.randn(2, 3, 32, 32)
    student.train()(images)
    assert len(calls) == 1, "its BatchNorm statistics are part of the weights"
    student.eval()(images)
    assert len(calls) == 1
