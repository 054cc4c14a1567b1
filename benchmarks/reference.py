"""A training step that does all the work of the authors' program, needless work included.

Written from the description of what their program executes at each step ("Networks", "Training" in
docs/method.md), in plain torch as it stands: float32, one layout in memory, `F.interpolate`,
nothing left out, nothing shared between steps. Parameters have the names of their checkpoints, so
that weights of ours can be loaded. It is what the `steps` section compares with, and nothing else
may use it.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock

from destseg.batches import Batch
from destseg.config import ModelConfig, TrainingConfig

GAMMA = 4.0


class Encoder(nn.Module):
    """A ResNet-18 that returns the features of each of its first layers."""

    def __init__(self, width: int, layers: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        channels = [width * 2**k for k in range(layers)]
        for index, (before, after) in enumerate(zip([width, *channels], channels, strict=False)):
            self.add_module(f"layer{index + 1}", _stage(before, after, 1 if index == 0 else 2))
        self.layers = layers

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return every layer's output."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(images))))
        found = []
        for index in range(self.layers):
            x = self.get_submodule(f"layer{index + 1}")(x)
            found.append(x)
        return found


class EncoderDecoder(nn.Module):
    """The student: no connections but through the last layer, upsampled before each stage."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.encoder = Encoder(width, 4)
        c1, c2, c3, c4 = (width * 2**k for k in range(4))
        self.decoder_layer4 = _stage(c4, c4)
        self.decoder_layer3 = _stage(c4, c3)
        self.decoder_layer2 = _stage(c3, c2)
        self.decoder_layer1 = _stage(c2, c1)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return three levels shaped as the teacher's."""
        x1, x2, x3, x4 = self.encoder(images)
        b4 = self.decoder_layer4(x4)
        b3 = self.decoder_layer3(_resized(b4, x3))
        b2 = self.decoder_layer2(_resized(b3, x2))
        b1 = self.decoder_layer1(_resized(b2, x1))
        return [b1, b2, b3]


class ConvNormReLU(nn.Module):
    """Convolution without bias, BatchNorm, ReLU."""

    def __init__(self, before: int, after: int, kernel: int, dilation: int = 1) -> None:
        super().__init__()
        padding = dilation * (kernel // 2)
        self.conv = nn.Conv2d(before, after, kernel, 1, padding, dilation, bias=False)
        self.norm = nn.BatchNorm2d(after)

    def forward(self, x: Tensor) -> Tensor:
        """Keep height and width."""
        return F.relu(self.norm(self.conv(x)))


class Pyramid(nn.Module):
    """The pooled branch, resized bilinearly though it is constant, and the dilated ones."""

    def __init__(self, width: int, dilations: Sequence[int]) -> None:
        super().__init__()
        pooled = nn.Sequential(nn.AdaptiveAvgPool2d(1), ConvNormReLU(width, width, 1))
        dilated = [ConvNormReLU(width, width, 3, rate) for rate in dilations]
        self.aspp_feature_extractors = nn.ModuleList([pooled, *dilated])
        self.aspp_fusion_layer = ConvNormReLU(width * (1 + len(dilated)), width, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Keep height and width."""
        branches = [_resized(branch(x), x) for branch in self.aspp_feature_extractors]
        fused: Tensor = self.aspp_fusion_layer(torch.cat(branches, dim=1))
        return fused


class Fusion(nn.Module):
    """The segmentation net."""

    def __init__(self, channels: int, width: int, dilations: Sequence[int]) -> None:
        super().__init__()
        self.res = _stage(channels, width)
        self.head = nn.Sequential(
            Pyramid(width, dilations),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, 1, 1),
        )

    def forward(self, maps: Tensor) -> Tensor:
        """Return probabilities."""
        return torch.sigmoid(self.head(self.res(maps)))


class Losses(NamedTuple):
    """All three are computed at every step."""

    cosine: Tensor
    focal: Tensor
    l1: Tensor


class Reference(nn.Module):
    """The whole model, with den, ed and seg, as the program holds it."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.teacher_net = nn.ModuleDict({"encoder": Encoder(config.width, 3)})
        self.teacher_net.requires_grad_(False)
        self.student_net = EncoderDecoder(config.width)
        self.segmentation_net = Fusion(
            config.width * 7, config.segmentation_width, config.dilations
        )

    def forward(self, corrupted: Tensor, clean: Tensor) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Return probabilities, the distances' product and the distances, always all of them.

        The teacher looks at both images; its features of the corrupted ones, the segmentation
        net and the product are computed in stage 1 too, which uses none of them.
        """
        teacher = self.teacher_net["encoder"].eval()
        shown = [_unit(x.detach()) for x in teacher(corrupted)]
        student = [_unit(x) for x in self.student_net(corrupted)]
        products = [-(t * s) for t, s in zip(shown, student, strict=True)]
        maps = torch.cat([_resized(x, products[0]) for x in products], dim=1)
        probabilities = self.segmentation_net(maps)
        wanted = [_unit(x.detach()) for x in teacher(clean)]
        distances = [
            1 - (s * t).sum(dim=1, keepdim=True) for s, t in zip(student, wanted, strict=True)
        ]
        product = torch.cat([_resized(x, distances[0]) for x in distances], dim=1)
        return probabilities, product.prod(dim=1, keepdim=True), distances


class ReferenceTraining:
    """Both stages of the program: one loop that has two optimisers and switches over."""

    def __init__(self, model: Reference, config: TrainingConfig) -> None:
        self.model = model
        rest = {"momentum": config.momentum, "weight_decay": config.weight_decay}
        student = [{"params": model.student_net.parameters(), "lr": config.student_lr, **rest}]
        fusion = [
            {"params": model.segmentation_net.res.parameters(), "lr": config.res_lr, **rest},
            {"params": model.segmentation_net.head.parameters(), "lr": config.head_lr, **rest},
        ]
        self.student, self.fusion = torch.optim.SGD(student), torch.optim.SGD(fusion)

    def step(self, batch: Batch, stage: int) -> Losses:
        """Make one update of stage 1 or 2, and read the losses as the program's log does.

        In stage 2 the gradients of the student are computed and not used.
        """
        self.student.zero_grad()
        self.fusion.zero_grad()
        self.model.student_net.train(stage == 1)
        self.model.segmentation_net.train(stage == 2)
        probabilities, _, distances = self.model(batch.corrupted, batch.clean)
        mask = F.interpolate(batch.mask, probabilities.shape[2:], mode="bilinear")
        mask = torch.where(mask < 0.5, torch.zeros_like(mask), torch.ones_like(mask))
        losses = Losses(
            sum((x.mean(dim=(1, 2, 3)).sum() for x in distances), start=mask.new_zeros(())),
            _focal(probabilities, mask),
            (probabilities - mask).abs().mean(),
        )
        total = losses.cosine if stage == 1 else losses.focal + losses.l1
        total.backward()  # type: ignore[no-untyped-call]
        (self.student if stage == 1 else self.fusion).step()
        for value in (*losses, total):
            value.item()
        return losses


def _focal(probabilities: Tensor, mask: Tensor) -> Tensor:
    right = probabilities * mask + (1 - probabilities) * (1 - mask)
    entropy = F.binary_cross_entropy(probabilities, mask, reduction="none")
    return (entropy * (1 - right) ** GAMMA).mean()


def _unit(x: Tensor) -> Tensor:
    return x / (x.square().sum(dim=1, keepdim=True).sqrt() + 1e-12)


def _resized(x: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(x, like.shape[2:], mode="bilinear", align_corners=False)


def _stage(before: int, after: int, stride: int = 1) -> nn.Sequential:
    shortcut = None
    if before != after or stride != 1:
        shortcut = nn.Sequential(
            nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after)
        )
    return nn.Sequential(BasicBlock(before, after, stride, shortcut), BasicBlock(after, after))
