"""torchvision's Wide-ResNet-50-2, PatchCore's backbone."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from destseg.errors import InputError
from destseg.weights import PublishedWeights

WIDE_RESNET = "wide_resnet50_2"
"""Its name as a source of weights."""


class WideResNet50(nn.Module):
    """The network up to layer 3, returning the output of every layer, under torchvision's names."""

    channels = (256, 512, 1024)
    """Channels of each returned feature map."""

    def __init__(self) -> None:
        super().__init__()
        # Here and not above: it takes seconds, and the others need none of it.
        from torchvision.models import wide_resnet50_2

        with torch.random.fork_rng(devices=[]):
            whole = wide_resnet50_2()
        self.stem = ("conv1", "bn1", "relu", "maxpool")
        self.layers = ("layer1", "layer2", "layer3")
        for name in (*self.stem, *self.layers):
            self.add_module(name, whole.get_submodule(name))

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Map (B, 3, H, W) to three levels, (B, 128 * 2**k, H / 2**(k+1), W / 2**(k+1))."""
        x = images
        for name in self.stem:
            x = self.get_submodule(name)(x)
        features = []
        for name in self.layers:
            x = self.get_submodule(name)(x)
            features.append(x)
        return tuple(features)

    def load(self, path: Path, state: Mapping[str, Tensor]) -> None:
        """Take weights from a file's state dict; deeper layers and ``fc`` are ignored.

        Raises
        ------
        InputError
            When a tensor is missing or has another shape.
        """
        try:
            self.load_state_dict({name: state[name] for name in self.state_dict()})
        except (KeyError, RuntimeError) as error:
            raise InputError(
                f"{path}: is no Wide-ResNet-50-2 ({error}); give torchvision's file."
            ) from None


def wide_imagenet() -> PublishedWeights:
    """Return torchvision's ``Wide_ResNet50_2_Weights.IMAGENET1K_V1``, the authors' weights."""
    from torchvision.models import Wide_ResNet50_2_Weights

    weights = Wide_ResNet50_2_Weights.IMAGENET1K_V1
    digits = weights.url.rpartition("-")[2].removesuffix(".pth")
    return PublishedWeights(
        f"torchvision's {weights}",
        weights.url,
        digits,
        "set the method's backbone to resnet18",
    )
