"""The segmentation net that fuses the levels into one anomaly map."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from destseg.batch_norm import norm_relu
from destseg.config import FusionInput
from destseg.features import fusion_channels, resize_like
from destseg.resnet import initialise, residual_stage


class ConvNormReLU(nn.Sequential):
    """Convolution without bias, BatchNorm, ReLU."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int, dilation: int = 1) -> None:
        super().__init__()
        padding = dilation * (kernel // 2)
        self.conv = nn.Conv2d(
            in_channels, out_channels, kernel, padding=padding, dilation=dilation, bias=False
        )
        self.norm = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, in_channels, H, W) to (B, out_channels, H, W), at least 0."""
        return norm_relu(self.norm, self.conv(x))


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
        nets = self.aspp_fusion_layer.conv.groups
        fused: Tensor = self.aspp_fusion_layer(_side_by_side(branches, nets))
        return fused


def _side_by_side(branches: list[Tensor], nets: int) -> Tensor:
    """Concatenate channels; of several nets in one, see `destseg.grouping`, net by net."""
    if nets == 1:
        return torch.cat(branches, dim=1)
    count, _, height, width = branches[0].shape
    own = [branch.view(count, nets, -1, height, width) for branch in branches]
    return torch.cat(own, dim=2).flatten(1, 2)


class SegmentationNet(nn.Module):
    """Fuses what two networks say of all levels into one anomaly map (paper, section 3.3).

    Parameters
    ----------
    levels : sequence of int
        Channels of each feature level.
    width : int
        Channels inside.
    dilations : sequence of int
        Rates of the dilated branches of its pyramid, in cells of the first level.
    fusion_input : {"product", "features", "distances"}
        What it is to be fed, see `destseg.features.fusion_maps`.
    """

    def __init__(
        self,
        levels: Sequence[int],
        width: int = 256,
        dilations: Sequence[int] = (6, 12, 18),
        fusion_input: FusionInput = "product",
    ) -> None:
        super().__init__()
        self.fusion_input = fusion_input
        self.width = width
        self.res = residual_stage(fusion_channels(levels, fusion_input), width)
        initialise(self.res)
        self.head = nn.Sequential(
            ASPP(width, width, dilations),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, 1, 1),
        )

    def forward(self, maps: Tensor) -> Tensor:
        """Turn (B, C, h, w) `fusion_maps` into (B, 1, h, w) probabilities of anomaly."""
        return torch.sigmoid(self.logits(maps))

    def logits(self, maps: Tensor) -> Tensor:
        """Return what the probabilities are the sigmoid of."""
        pyramid, convolution, norm, _, last = self.head
        assert isinstance(norm, nn.BatchNorm2d)
        x: Tensor = convolution(pyramid(self.res(maps)))
        logits: Tensor = last(norm_relu(norm, x))
        return logits
