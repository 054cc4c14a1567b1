"""What the machine can do at best, measured, and what a training step asks of it, counted."""

from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.figures import Figure, Setting
from benchmarks.timing import in_turns, seconds
from destseg.config import ModelConfig, StudentKind
from destseg.features import fusion_channels
from destseg.resnet import ResNet18
from destseg.segmentation import SegmentationNet
from destseg.student import Student
from destseg.teacher import TEACHER_LAYERS

REPEATS = 20
"""Operations that are timed together on an accelerator."""

ATTEMPTS = 10
"""Of which the quickest is what the machine can do."""


class Flops(NamedTuple):
    """Floating-point operations of convolutions for an image, two for a multiply-accumulate."""

    teacher: float
    """A look of the teacher."""
    student: float
    """A look of the student."""
    student_training: float
    """The same and back."""
    segmentation: float
    """A look of the segmentation net at the maps."""
    segmentation_training: float
    """The same and back."""


def counted_flops(model: ModelConfig, side: int, kind: StudentKind = "encoder-decoder") -> Flops:
    """Count the convolutions of each network, without computing them."""
    batch = 2  # the least that can be trained
    with torch.device("meta"):
        teacher = ResNet18(model.width, TEACHER_LAYERS)
        student = Student(model.width, kind)
        channels = fusion_channels(teacher.channels, "product")
        net = SegmentationNet(teacher.channels, model.segmentation_width, model.dilations)
        images = torch.empty(batch, 3, side, side)
        maps = torch.empty(batch, channels, side // 4, side // 4)
    looks = ((teacher, images, False), (student, images, False), (student, images, True))
    counts = (_flops(*look) for look in (*looks, (net, maps, False), (net, maps, True)))
    return Flops(*(count / batch for count in counts))


def _flops(network: nn.Module, shown: Tensor, back: bool) -> float:
    with FlopCounterMode(display=False) as counter, torch.set_grad_enabled(back):
        found = network(shown)
        if back:
            torch.stack([each.sum() for each in found]).sum().backward()  # type: ignore[no-untyped-call]
    counts = counter.get_flop_counts()["Global"]
    return float(sum(count for kind, count in counts.items() if "convolution" in str(kind)))


def measured_rates(setting: Setting) -> list[Figure]:
    """Measure what a large matrix product reaches, and the net's own convolution.

    In bfloat16 on an accelerator, in float32 on a CPU.
    """
    device = setting.device
    cpu = device == "cpu"
    dtype, word = (torch.float32, "float32") if cpu else (torch.bfloat16, "bf16")
    side = 64 if setting.smoke else 1024 if cpu else 8192
    batch, width, cells = (1, 8, 8) if setting.smoke else (4 if cpu else 32, 256, 64)
    a, b = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
    images = torch.randn(batch, width, cells, cells, device=device, dtype=dtype)
    images = images.contiguous(memory_format=torch.channels_last)
    weight = torch.randn(width, width, 3, 3, device=device, dtype=dtype)
    weight = weight.contiguous(memory_format=torch.channels_last)
    count = 1 if cpu else REPEATS
    operations = {
        f"{word} matrix product": (2.0 * side**3, lambda: torch.mm(a, b)),
        f"{word} convolution": (
            18.0 * width**2 * batch * cells**2,
            lambda: F.conv2d(images, weight, padding=1),
        ),
    }

    def several(work: object) -> None:
        for _ in range(count):
            work()  # type: ignore[operator]

    with torch.no_grad():
        for _, work in operations.values():
            several(work)
        works = {
            name: (lambda work=work: seconds(lambda: several(work), device) / count)
            for name, (_, work) in operations.items()
        }
        found = in_turns("rates", works, ATTEMPTS)
    return [
        Figure(name, operations[name][0] / min(times) / 1e12, "TFLOP/s")
        for name, times in found.items()
    ]
