"""Frozen networks see the same, however many batches they look at together."""

import pytest
import torch
from torch import nn

from destseg import looking
from destseg.batches import Batch
from destseg.config import STUDENT_KINDS, ModelConfig
from destseg.features import fusion_maps
from destseg.looking import look, remembering
from destseg.resnet import ResNet18
from destseg.student import paired_features
from destseg.teacher import Teacher
from destseg.training import build_student

pytestmark = pytest.mark.usefixtures("one_thread")


def networks(width):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        teacher = Teacher(ResNet18(width, 3))
        students = [build_student(ModelConfig(width=width), k, seed=1) for k in STUDENT_KINDS]
        for student in students:
            for name, parameter in student.named_parameters():
                if "bn2" in name:
                    nn.init.uniform_(parameter, 0.5, 1.5)
    return teacher, [student.eval() for student in students]


def batches(count, images, side):
    generator = torch.Generator().manual_seed(0)
    for _ in range(count):
        pictures = torch.randn(images, 3, side, side, generator=generator)
        mask = (torch.rand(images, 1, side, side, generator=generator) > 0.5).float()
        yield Batch(pictures, pictures, mask)


def at_once(monkeypatch):
    """How many images a teacher is shown at a time."""
    seen = []

    def note(teacher, student, images):
        seen.append(len(images))
        return paired_features(teacher, student, images)

    monkeypatch.setattr(looking, "paired_features", note)
    return seen


FIRST, LAST = torch.contiguous_format, torch.channels_last


@pytest.mark.parametrize(
    ("width", "images", "side", "layout"),
    [
        (16, 8, 64, FIRST),
        (16, 8, 64, LAST),
        (8, 4, 32, FIRST),
        (16, 4, 64, LAST),
        (16, 15, 64, FIRST),
        (24, 8, 64, LAST),
        (32, 8, 64, FIRST),
        (16, 3, 96, LAST),
    ],
)
def test_the_same_bits_as_one_by_one(monkeypatch, width, images, side, layout):
    teacher, students = networks(width)
    seen = at_once(monkeypatch)
    viewers = [(student, "product") for student in students] + [(students[0], "features")]
    count = looking.IMAGES // images + 1  # as many as are looked at together, and one more
    found = list(look(teacher, viewers, batches(count, images, side), layout))
    assert {*seen} == {images * (count - 1), images}
    for each, batch in zip(found, batches(count, images, side), strict=True):
        assert torch.equal(each.mask, batch.mask)
        shown = batch.corrupted.contiguous(memory_format=torch.channels_last)
        for maps, (student, kind) in zip(each.maps, viewers, strict=True):
            with torch.no_grad():
                alone = fusion_maps(*paired_features(teacher, student, shown), kind)
            assert torch.equal(maps, alone)
            assert maps.is_contiguous(memory_format=layout)
            assert not maps.requires_grad


@pytest.mark.parametrize(("width", "images"), [(64, 8), (16, 17), (16, 32)])
def test_where_bits_could_differ_batches_are_seen_one_by_one(monkeypatch, width, images):
    teacher, students = networks(width)
    seen = at_once(monkeypatch)
    viewers = [(students[0], "product")]
    assert len(list(look(teacher, viewers, batches(3, images, 32), torch.contiguous_format))) == 3
    assert seen == [images] * 3


def test_several_threads_see_batches_one_by_one(monkeypatch):
    torch.set_num_threads(2)
    teacher, students = networks(8)
    seen = at_once(monkeypatch)
    list(look(teacher, [(students[0], "product")], batches(3, 4, 32), torch.contiguous_format))
    assert seen == [4] * 3


def test_what_was_shown_lately_is_remembered():
    calls = []

    class Twice(nn.Module):
        def forward(self, x):
            calls.append(x)
            return 2 * x

    network = Twice()
    twin = remembering(network)
    first, second, third = (torch.tensor([float(n)]) for n in range(3))
    assert twin(first) is twin(first)
    assert torch.equal(twin(second), 2 * second)
    assert torch.equal(twin(first), 2 * first)
    assert calls == [first, second]
    twin(third)
    twin(first)
    assert calls == [first, second, third, first]
    network(third)
    network(third)
    assert len(calls) == 6, "the network itself forgets"
