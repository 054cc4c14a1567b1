"""The student in its three shapes, all with outputs shaped as the teacher's features."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from destseg.config import STUDENT_KINDS, StudentKind
from destseg.features import LEVELS, normalised, resize_like
from destseg.resnet import ENCODER_LAYERS, ResNet18, initialise, residual_stage
from destseg.teacher import Teacher


class Student(nn.Module):
    """The student network.

    Parameters
    ----------
    width : int
        Channels of the first level.
    kind : {"encoder-decoder", "encoder", "decoder"}
        ``encoder-decoder``, the paper's (ed on). ``encoder``, a plain ResNet-18 whose levels are
        compared directly (ed off: "the same architecture as the teacher", Table 4).
        ``decoder``, reverse-distillation style: the teacher's features go through a bottleneck
        into the same decoder; the paper tried one but prints no numbers.

    Raises
    ------
    ValueError
        With another kind.

    Notes
    -----
    An ``encoder`` in training still executes layer 4, as in the authors' program: it gets no
    gradient, but the weights are the same file format either way, and the BatchNorm statistics
    move. There are no skip connections, and upsampling comes before each decoder stage
    ("Networks" in docs/method.md).
    """

    def __init__(self, width: int = 64, kind: StudentKind = "encoder-decoder") -> None:
        super().__init__()
        if kind not in STUDENT_KINDS:
            raise ValueError(f"unknown student {kind!r}; use one of {', '.join(STUDENT_KINDS)}")
        self.kind = kind
        c1, c2, c3, c4 = (width * 2**level for level in range(ENCODER_LAYERS))
        if self.reads_teacher:
            self.bottleneck = Bottleneck((c1, c2, c3), c4)
        else:
            self.encoder = ResNet18(width, ENCODER_LAYERS)
            initialise(self.encoder, zero_last=True)
        if kind != "encoder":
            self.decoder_layer4 = residual_stage(c4, c4)
            self.decoder_layer3 = residual_stage(c4, c3)
            self.decoder_layer2 = residual_stage(c3, c2)
            self.decoder_layer1 = residual_stage(c2, c1)
            for name, stage in self.named_children():
                if name.startswith("decoder_layer"):
                    initialise(stage)

    @property
    def reads_teacher(self) -> bool:
        """Whether the input is the teacher's features instead of images."""
        return self.kind == "decoder"

    def forward(self, seen: Tensor | Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Return three feature levels shaped as the teacher's, all at least 0.

        Parameters
        ----------
        seen : Tensor or sequence of Tensor
            What `student_input` returns: (B, 3, H, W) ImageNet-normalised images, or the
            teacher's three feature levels of them.
        """
        if self.reads_teacher:
            x1, x2, x3 = seen
            x4 = self.bottleneck(seen)
        else:
            if self.kind == "encoder" and not self.training:
                levels: tuple[Tensor, ...] = self.encoder(seen, LEVELS)
                return levels
            x1, x2, x3, x4 = self.encoder(seen)
        if self.kind == "encoder":
            return x1, x2, x3
        b4 = self.decoder_layer4(x4)
        b3 = self.decoder_layer3(resize_like(b4, x3))
        b2 = self.decoder_layer2(resize_like(b3, x2))
        b1 = self.decoder_layer1(resize_like(b2, x1))
        return b1, b2, b3


class Bottleneck(nn.Module):
    """Fuses three feature levels into one at half the size of the last.

    The one-class bottleneck of reverse distillation (Deng and Li, CVPR 2022): each level is
    brought to the size and width of the last by strided 3x3 convolutions, and a strided residual
    stage follows. It leaves the decoder as little to see as the encoder's layer 4 would.
    """

    def __init__(self, channels: Sequence[int], out_channels: int) -> None:
        super().__init__()
        last = len(channels) - 1
        self.levels = nn.ModuleList(
            nn.Sequential(*(_halving(channels[k], channels[k + 1]) for k in range(level, last)))
            for level in range(len(channels))
        )
        self.fuse = residual_stage(len(channels) * channels[last], out_channels, stride=2)
        initialise(self)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Map levels (B, C_k, H_k, W_k) to (B, out_channels, H_3 / 2, W_3 / 2), at least 0."""
        reduced = [level(x) for level, x in zip(self.levels, features, strict=True)]
        fused: Tensor = self.fuse(torch.cat(reduced, dim=1))
        return fused


def student_input(
    teacher: Teacher, student: Student, images: Tensor
) -> Tensor | tuple[Tensor, ...]:
    """Return what a student is to be shown of images (B, 3, H, W)."""
    shown: Tensor | tuple[Tensor, ...] = teacher(images) if student.reads_teacher else images
    return shown


def paired_features(
    teacher: Teacher, student: Student, images: Tensor
) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """Return the normalised features of teacher and student for the same images (B, 3, H, W)."""
    features = teacher(images)
    return normalised(features), normalised(student(features if student.reads_teacher else images))


def _halving(in_channels: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(),
    )
