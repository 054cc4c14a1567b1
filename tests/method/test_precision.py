"""Trainings in TF32 and in bfloat16: what is asked for is computed, or refused."""

import dataclasses
from contextlib import suppress

import pytest
import torch

from bench.common.provenance import determinism
from destseg import courses, features
from destseg.config import TrainingConfig
from destseg.courses import SegmentationTraining, StudentTraining
from destseg.errors import InputError
from destseg.precision import arithmetic, layout, require_precision
from destseg.resnet import ResNet18
from destseg.teacher import Teacher
from destseg.training import (
    build_segmentation,
    build_student,
    train_segmentation,
    train_segmentations,
    train_student,
    train_students,
)
from tests.method.small_networks import (
    CONFIG,
    changed,
    random_batch,
    small_segmentation,
    small_student,
    small_teacher,
    snapshot,
)

FLOAT32 = TrainingConfig(batch_size=4, student_lr=0.02, res_lr=0.1, head_lr=0.05)
BF16 = dataclasses.replace(FLOAT32, precision="bf16")
BATCHES = [random_batch(seed=seed) for seed in range(6)]


@pytest.fixture
def card(monkeypatch):
    """Say of which compute capability the GPU is."""

    def there(*capability):
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)

    return there


def test_what_a_device_has_not_is_refused(card):
    with pytest.raises(InputError, match="precision tf32: only GPUs have it; use float32 or bf16"):
        require_precision("tf32", "cpu")
    card(7, 5)
    require_precision("float32", "cuda")
    for precision in ("tf32", "bf16"):
        with pytest.raises(InputError, match=f"precision {precision}: cuda, of .*7.5, has none"):
            require_precision(precision, "cuda")
    with pytest.raises(InputError, match="precision tf32"):
        train_student(
            small_teacher(),
            small_student(),
            BATCHES,
            dataclasses.replace(FLOAT32, precision="tf32"),
            den=True,
        )


def fp32_settings():
    kinds = (torch.backends.cudnn, torch.backends.cuda.matmul)
    return {"tf32" if kind.allow_tf32 else "ieee" for kind in kinds}


def test_on_a_gpu_float32_is_float32_and_tf32_is_tf32_inside_only(card):
    card(8, 0)
    before = fp32_settings()
    with arithmetic("float32", "cuda"):
        assert fp32_settings() == {"ieee"}
        with suppress(KeyError), arithmetic("tf32", "cuda"):
            assert fp32_settings() == {"tf32"}
            raise KeyError
        assert fp32_settings() == {"ieee"}
        with arithmetic("bf16", "cuda"):
            assert "TF32" not in determinism("cpu")
    assert fp32_settings() == before


def test_wide_networks_are_laid_channels_last_but_in_float32():
    last = {width for width in (16, 32, 64, 96, 256) if layout(width, "bf16") != layout(1, "bf16")}
    assert last == {64, 256}
    assert layout(64, "float32") == torch.contiguous_format


def curves(config, *, width=CONFIG.width, batches=BATCHES):
    """The losses of both stages, and what was trained."""
    sizes = dataclasses.replace(CONFIG, width=width, segmentation_width=width)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        teacher = Teacher(ResNet18(width, 3))
    student = build_student(sizes, "encoder-decoder", seed=2)
    net = build_segmentation(teacher.encoder.channels, sizes, seed=3)
    losses = []
    report = {"on_step": lambda _, loss: losses.append(loss)}
    train_student(teacher, student, batches, config, den=True, **report)
    train_segmentation(teacher, student, net, batches, config, **report)
    return torch.tensor(losses), (student, net)


def test_in_bfloat16_the_losses_fall_as_in_float32_and_weights_stay_float32():
    exact, _ = curves(FLOAT32)
    rounded, networks = curves(BF16)
    assert not torch.equal(exact, rounded)
    torch.testing.assert_close(rounded, exact, rtol=0.1, atol=0)
    torch.testing.assert_close(rounded[0], exact[0], rtol=0.002, atol=0)  # before any update
    for network in networks:
        assert {t.dtype for t in network.state_dict().values()} == {torch.float32, torch.int64}
        assert all(t.is_contiguous() for t in network.state_dict().values())


def test_a_look_without_gradients_leaves_nothing_that_has_none():
    """Older versions of torch kept the rounded weights of the first look for the second."""
    config = dataclasses.replace(BF16, den_off_statistics="both")
    student = small_student()
    before = snapshot(student)
    train_student(small_teacher(), student, BATCHES[:2], config, den=False)
    convolutions = {name for name, weight in student.named_parameters() if weight.ndim == 4}
    assert convolutions - {"encoder.fc.weight"} <= changed(student, before)


def test_losses_and_distances_are_float32(monkeypatch):
    seen = []

    def spied(module, name):
        whole = getattr(module, name)

        def spy(*arguments):
            autocast = torch.is_autocast_enabled("cpu")
            seen.extend(
                (name, tensor.dtype, autocast)
                for argument in arguments
                for tensor in (argument if isinstance(argument, tuple) else (argument,))
                if isinstance(tensor, torch.Tensor)
            )
            return whole(*arguments)

        monkeypatch.setattr(module, name, spy)

    spied(features, "cosine_distances")
    losses = ("cosine_loss", "focal_loss", "l1_loss")
    for name in losses:
        spied(courses, name)
    curves(BF16)
    assert set(seen) == {(name, torch.float32, False) for name in ("cosine_distances", *losses)}


def test_in_lockstep_the_bits_that_each_gets_alone():
    kinds = ("encoder-decoder", "encoder", "decoder")
    students = [[small_student(kind) for kind in kinds] for _ in range(2)]
    nets = [[small_segmentation(seed=seed) for seed in range(2)] for _ in range(2)]
    train_students(
        small_teacher(), [StudentTraining(s, BF16, den=True) for s in students[0]], BATCHES[:2]
    )
    train_segmentations(
        small_teacher(), [SegmentationTraining(students[0][0], n, BF16) for n in nets[0]], BATCHES
    )
    for alone, together in zip(*students[::-1], strict=True):
        train_student(small_teacher(), alone, BATCHES[:2], BF16, den=True)
        assert not changed(alone, snapshot(together))
    for alone, together in zip(*nets[::-1], strict=True):
        train_segmentation(small_teacher(), students[1][0], alone, BATCHES, BF16)
        assert not changed(alone, snapshot(together))


def test_channels_last_the_same_training():
    """Where layouts differ; a heap that its gradient corrupts ends the process."""
    exact, _ = curves(FLOAT32, width=64, batches=BATCHES[:2])
    rounded, networks = curves(BF16, width=64, batches=BATCHES[:2])
    torch.testing.assert_close(rounded, exact, rtol=0.02, atol=0)
    assert all(t.is_contiguous() for net in networks for t in net.state_dict().values())
