"""Teacher, student and segmentation net, under the authors' state-dict names.

Module names such as ``student_net.decoder_layer4`` are those of the authors' released
checkpoints (specification, section 1.6), so that no key has to be renamed to read one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor, nn

from destseg.resnet import ENCODER_LAYERS, ResNet18, initialise, residual_stage

LEVELS = 3
"""Feature levels compared between teacher and student."""

NORM_EPSILON = 1e-12


@dataclass(frozen=True)
class ModelConfig:
    """Sizes of the networks; the defaults are the paper's.

    Parameters
    ----------
    width : int
        Channels of the first level of teacher and student.
    segmentation_width : int
        Channels inside the segmentation net.
    dilations : tuple of int
        Rates of the dilated branches of its pyramid (ASPP), in cells of the first level.
    """

    width: int = 64
    segmentation_width: int = 256
    dilations: tuple[int, ...] = (6, 12, 18)


class Teacher(nn.Module):
    """The frozen ResNet-18 trunk up to layer 3, always in evaluation mode."""

    def __init__(self, trunk: ResNet18) -> None:
        super().__init__()
        self.encoder = trunk
        self.requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> Self:  # noqa: ARG002 - the teacher never trains
        """Stay in evaluation mode, whatever is asked of the model around it."""
        return super().train(False)

    @torch.no_grad()
    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return the three feature levels of normalised images (B, 3, H, W), detached."""
        features: tuple[Tensor, ...] = self.encoder(images)
        return features


class Student(nn.Module):
    """The student network.

    Parameters
    ----------
    width : int
        Channels of the first level.
    ed : bool
        True for the encoder-decoder of the paper, False for a plain ResNet-18 encoder whose
        levels are compared directly ("the same architecture as the teacher", Table 4).

    Notes
    -----
    Without ``ed`` layer 4 is still executed, as in the authors' program: it gets no
    gradient, but the weights are the same file format either way. There are no skip
    connections, and upsampling comes before each decoder stage (section 1.2).
    """

    def __init__(self, width: int = 64, *, ed: bool = True) -> None:
        super().__init__()
        self.ed = ed
        self.encoder = ResNet18(width, ENCODER_LAYERS)
        initialise(self.encoder, zero_last=True)
        if ed:
            c1, c2, c3, c4 = self.encoder.channels
            self.decoder_layer4 = residual_stage(c4, c4)
            self.decoder_layer3 = residual_stage(c4, c3)
            self.decoder_layer2 = residual_stage(c3, c2)
            self.decoder_layer1 = residual_stage(c2, c1)
            for stage in (
                self.decoder_layer4,
                self.decoder_layer3,
                self.decoder_layer2,
                self.decoder_layer1,
            ):
                initialise(stage)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return three feature levels shaped as the teacher's, all at least 0.

        Parameters
        ----------
        images : Tensor
            (B, 3, H, W) float32, ImageNet-normalised.
        """
        x1, x2, x3, x4 = self.encoder(images)
        if not self.ed:
            return x1, x2, x3
        b4 = self.decoder_layer4(x4)
        b3 = self.decoder_layer3(resize_like(b4, x3))
        b2 = self.decoder_layer2(resize_like(b3, x2))
        b1 = self.decoder_layer1(resize_like(b2, x1))
        return b1, b2, b3


class ConvNormReLU(nn.Sequential):
    """Convolution without bias, BatchNorm, ReLU."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int, dilation: int = 1) -> None:
        super().__init__()
        padding = dilation * (kernel // 2)
        self.conv = nn.Conv2d(
            in_channels, out_channels, kernel, padding=padding, dilation=dilation, bias=False
        )
        self.norm = nn.BatchNorm2d(out_channels)
        self.relu = nn.ReLU()


class ASPP(nn.Module):
    """Atrous spatial pyramid pooling: a global branch and dilated ones, no 1x1 branch."""

    def __init__(self, in_channels: int, out_channels: int, dilations: Sequence[int]) -> None:
        super().__init__()
        pooled = nn.Sequential(nn.AdaptiveAvgPool2d(1), ConvNormReLU(in_channels, out_channels, 1))
        dilated = [ConvNormReLU(in_channels, out_channels, 3, rate) for rate in dilations]
        self.aspp_feature_extractors = nn.ModuleList([pooled, *dilated])
        self.aspp_fusion_layer = ConvNormReLU(out_channels * (1 + len(dilated)), out_channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, out_channels, H, W)."""
        branches = [resize_like(branch(x), x) for branch in self.aspp_feature_extractors]
        fused: Tensor = self.aspp_fusion_layer(torch.cat(branches, dim=1))
        return fused


class SegmentationNet(nn.Module):
    """Fuses the similarity maps of all levels into one anomaly map (section 1.5)."""

    def __init__(self, in_channels: int, config: ModelConfig) -> None:
        super().__init__()
        width = config.segmentation_width
        self.res = residual_stage(in_channels, width)
        initialise(self.res)
        self.head = nn.Sequential(
            ASPP(width, width, config.dilations),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, 1, 1),
        )

    def forward(self, similarity: Tensor) -> Tensor:
        """Map (B, C, h, w) similarity to (B, 1, h, w) probabilities of anomaly."""
        return torch.sigmoid(self.head(self.res(similarity)))


class Output(NamedTuple):
    """What the whole model says of a batch."""

    segmentation: Tensor
    """(B, 1, H/4, W/4) probabilities."""
    distance: Tensor
    """(B, 1, H/4, W/4) product of the cosine distances of the three levels."""
    distances: tuple[Tensor, ...]
    """The cosine distance of each level, (B, 1, H_k, W_k)."""


class DeSTSeg(nn.Module):
    """Teacher, student and segmentation net together.

    Parameters
    ----------
    teacher : ResNet18
        A trunk of three layers.
    config : ModelConfig
        Sizes; its width must be the teacher's.
    ed : bool
        The student's shape, see `Student`.
    """

    def __init__(
        self, teacher: ResNet18, config: ModelConfig = ModelConfig(), *, ed: bool = True
    ) -> None:
        super().__init__()
        self.teacher_net = Teacher(teacher)
        self.student_net = Student(config.width, ed=ed)
        self.segmentation_net = SegmentationNet(sum(teacher.channels), config)

    def forward(self, images: Tensor) -> Output:
        """Return both anomaly maps of normalised images (B, 3, H, W)."""
        teacher = normalised(self.teacher_net(images))
        student = normalised(self.student_net(images))
        distances = cosine_distances(teacher, student)
        segmentation = self.segmentation_net(similarity_maps(teacher, student))
        return Output(segmentation, fused_distance(distances), distances)


def resize_like(x: Tensor, reference: Tensor) -> Tensor:
    """Resize bilinearly (``align_corners=False``) to the height and width of a reference."""
    if x.shape[-2:] == reference.shape[-2:]:
        return x
    return F.interpolate(x, size=reference.shape[-2:], mode="bilinear", align_corners=False)


def normalised(features: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Scale each position's feature vector to unit length (section 1.4).

    The gradient of the norm at an all-zero vector is undefined; the ReLU that ends every
    feature map writes 0 there on the way back, so that no NaN appears.
    """
    return tuple(f / (f.square().sum(dim=1, keepdim=True).sqrt() + NORM_EPSILON) for f in features)


def cosine_distances(teacher: Sequence[Tensor], student: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """One minus the cosine similarity of each level, from normalised features.

    Returns
    -------
    tuple of Tensor
        (B, 1, H_k, W_k), in [0, 2], [0, 1] for features that are at least 0.
    """
    return tuple(
        1 - (t * s).sum(dim=1, keepdim=True) for t, s in zip(teacher, student, strict=True)
    )


def fused_distance(distances: Sequence[Tensor]) -> Tensor:
    """Product of the levels' distances at the size of the first: the map without ``seg``."""
    product = distances[0]
    for distance in distances[1:]:
        product = product * resize_like(distance, distances[0])
    return product


def similarity_maps(teacher: Sequence[Tensor], student: Sequence[Tensor]) -> Tensor:
    """Input of the segmentation net: negated element-wise products, not summed over channels.

    The minus sign is the program's; the paper's Eq. 2 has none (section 0, item 2).

    Returns
    -------
    Tensor
        (B, sum of channels, H_1, W_1), in [-1, 0].
    """
    maps = [-(t * s) for t, s in zip(teacher, student, strict=True)]
    return torch.cat([resize_like(m, maps[0]) for m in maps], dim=1)
