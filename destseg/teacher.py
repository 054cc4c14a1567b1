"""The teacher: the frozen trunk whose features everything is compared with."""

from typing import Self

import torch
from torch import Tensor, nn

from destseg.resnet import ResNet18

TEACHER_LAYERS = 3
"""Layers of the trunk that are kept (paper, section 3.2)."""


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
