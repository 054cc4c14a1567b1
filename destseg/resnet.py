"""The ResNet-18 trunk, at any width, under torchvision's parameter names."""

import torch
from torch import Tensor, nn

from destseg.batch_norm import norm_relu

ENCODER_LAYERS = 4
"""Layers of a complete ResNet-18."""


class ResNet18(nn.Module):
    """ResNet-18 up to a given layer, returning the output of every layer.

    Parameters
    ----------
    width : int
        Channels of the stem and of layer 1; layer ``k`` has ``width * 2**(k - 1)``.
        ImageNet's ResNet-18 has 64.
    layers : int
        Number of layers kept, 1 to 4. The teacher keeps 3, the student's encoder 4.
    """

    def __init__(self, width: int = 64, layers: int = ENCODER_LAYERS) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, kernel_size=7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        self.channels = tuple(width * 2**k for k in range(layers))
        """Channels of each returned feature map."""
        previous = width
        for index, channels in enumerate(self.channels, start=1):
            stride = 1 if index == 1 else 2
            self.add_module(f"layer{index}", residual_stage(previous, channels, stride=stride))
            previous = channels

    def forward(self, images: Tensor, layers: int | None = None) -> tuple[Tensor, ...]:
        """Return the features of every layer, or of the first so many.

        Parameters
        ----------
        images : Tensor
            (B, 3, H, W) float32, ImageNet-normalised.
        layers : int, optional
            How many.

        Returns
        -------
        tuple of Tensor
            Layer ``k`` is (B, width * 2**(k-1), H / 2**(k+1), W / 2**(k+1)), at least 0.
        """
        x = self._pooled(norm_relu(self.bn1, self.conv1(images)))
        features = []
        for index in range(1, (layers or len(self.channels)) + 1):
            x = self.get_submodule(f"layer{index}")(x)
            features.append(x)
        return tuple(features)

    def _pooled(self, x: Tensor) -> Tensor:
        if x.device.type != "cpu" or not x.is_contiguous():
            pooled: Tensor = self.maxpool(x)
            return pooled
        # The same values six times as fast, there and back included.
        pooled = self.maxpool(x.contiguous(memory_format=torch.channels_last))
        return pooled.contiguous()


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut, under torchvision's names.

    Our own, because importing torchvision for it takes longer than a short stage.
    """

    def __init__(
        self, in_channels: int, out_channels: int, stride: int, shortcut: nn.Sequential | None
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.downsample = shortcut

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, in_channels, H, W) to (B, out_channels, H / stride, W / stride), at least 0."""
        inner = self.conv2(norm_relu(self.bn1, self.conv1(x)))
        if self.downsample is None:
            return norm_relu(self.bn2, inner, x)
        convolution, norm = self.downsample
        assert isinstance(norm, nn.BatchNorm2d)
        return norm_relu(self.bn2, inner, norm_relu(norm, convolution(x), relu=False))


def residual_stage(in_channels: int, out_channels: int, *, stride: int = 1) -> nn.Sequential:
    """Two basic blocks; the first has a 1x1 shortcut where its shape changes."""
    shortcut = None
    if stride != 1 or in_channels != out_channels:
        shortcut = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, kernel_size=1, stride=stride, bias=False),
            nn.BatchNorm2d(out_channels),
        )
    return nn.Sequential(
        BasicBlock(in_channels, out_channels, stride, shortcut),
        BasicBlock(out_channels, out_channels, 1, None),
    )


def initialise(module: nn.Module, *, zero_last: bool = False) -> None:
    """Fill convolutions with Kaiming-normal (fan out, ReLU), BatchNorm with 1 and 0.

    Parameters
    ----------
    module : nn.Module
        Initialised in place from torch's global generator.
    zero_last : bool
        Start the second BatchNorm of every basic block at weight 0, as the student's
        encoder does ("Networks" in docs/method.md), so that a block begins as its shortcut.
    """
    for child in module.modules():
        if isinstance(child, nn.Conv2d):
            nn.init.kaiming_normal_(child.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(child, nn.BatchNorm2d):
            nn.init.ones_(child.weight)
            nn.init.zeros_(child.bias)
    if zero_last:
        for child in module.modules():
            if isinstance(child, BasicBlock):
                nn.init.zeros_(child.bn2.weight)
