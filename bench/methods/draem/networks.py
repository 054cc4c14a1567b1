"""DRAEM's two networks, their modules named as the authors' (the specification's section 1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from bench.methods._two_class import Doubling, Encoder, initialise, load_authors, widened

if TYPE_CHECKING:
    from collections.abc import Mapping


def block(in_channels: int, middle: int, out_channels: int) -> nn.Sequential:
    """Return two convolutions with bias, each with BatchNorm and ReLU."""
    return nn.Sequential(
        nn.Conv2d(in_channels, middle, 3, padding=1),
        nn.BatchNorm2d(middle),
        nn.ReLU(),
        nn.Conv2d(middle, out_channels, 3, padding=1),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(),
    )


def up(in_channels: int, out_channels: int) -> nn.Sequential:
    """Return a doubling of the size, and a convolution with BatchNorm and ReLU."""
    return nn.Sequential(
        Doubling(),
        nn.Conv2d(in_channels, out_channels, 3, padding=1),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(),
    )


class PlainDecoder(nn.Module):
    """Back to an image, from the deepest features alone; no activation at its end."""

    def __init__(self, width: int) -> None:
        super().__init__()
        w = width
        self.up1, self.db1 = up(8 * w, 8 * w), block(8 * w, 8 * w, 4 * w)
        self.up2, self.db2 = up(4 * w, 4 * w), block(4 * w, 4 * w, 2 * w)
        self.up3, self.db3 = up(2 * w, 2 * w), block(2 * w, 2 * w, w)
        self.up4, self.db4 = up(w, w), block(w, w, w)
        self.fin_out = nn.Sequential(nn.Conv2d(w, 3, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, 8w, H/16, W/16) to (B, 3, H, W)."""
        for ups, each in (
            (self.up1, self.db1),
            (self.up2, self.db2),
            (self.up3, self.db3),
            (self.up4, self.db4),
        ):
            x = each(ups(x))
        image: Tensor = self.fin_out(x)
        return image


class SkippingDecoder(nn.Module):
    """To two logits, the encoder's features joined in behind the enlarged ones."""

    def __init__(self, width: int) -> None:
        super().__init__()
        v = width
        self.up_b, self.db_b = up(8 * v, 8 * v), block(16 * v, 8 * v, 8 * v)
        self.up1, self.db1 = up(8 * v, 4 * v), block(12 * v, 4 * v, 4 * v)
        self.up2, self.db2 = up(4 * v, 2 * v), block(6 * v, 2 * v, 2 * v)
        self.up3, self.db3 = up(2 * v, v), block(3 * v, v, v)
        self.up4, self.db4 = up(v, v), block(2 * v, v, v)
        self.fin_out = nn.Sequential(nn.Conv2d(v, 2, 3, padding=1))

    def forward(self, features: list[Tensor]) -> Tensor:
        """Map what the encoder gives to (B, 2, H, W)."""
        *skips, x = features
        for ups, each in (
            (self.up_b, self.db_b),
            (self.up1, self.db1),
            (self.up2, self.db2),
            (self.up3, self.db3),
            (self.up4, self.db4),
        ):
            x = each(torch.cat([ups(x), skips.pop()], dim=1))
        logits: Tensor = self.fin_out(x)
        return logits


class DRAEM(nn.Module):
    """The reconstructive and the discriminative network.

    Its state dict is the authors' two in one: the first has ``encoder`` and ``decoder``, the second
    ``encoder_segment`` and ``decoder_segment``.

    Parameters
    ----------
    width, discriminative_width : int
        Channels of the first level of either.
    """

    def __init__(self, width: int, discriminative_width: int) -> None:
        super().__init__()
        self.widths = width, discriminative_width
        self.encoder = Encoder(3, _widths(width, 5), block)
        self.decoder = PlainDecoder(width)
        self.encoder_segment = Encoder(6, _widths(discriminative_width, 6), block)
        self.decoder_segment = SkippingDecoder(discriminative_width)
        self.apply(initialise)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Reconstruct images, and compare.

        Parameters
        ----------
        images : Tensor
            (B, 3, H, W) BGR in [0, 1]; H and W are multiples of 32.

        Returns
        -------
        reconstruction : Tensor
            (B, 3, H, W), of any values.
        probabilities : Tensor
            (B, 2, H, W): of normal and of anomalous.
        """
        reconstruction = widened(self.decoder(self.encoder(images)[-1]))
        return reconstruction, torch.softmax(self.logits(reconstruction, images), dim=1)

    def logits(self, reconstruction: Tensor, images: Tensor) -> Tensor:
        """Return what the probabilities are the softmax of."""
        joined = torch.cat([reconstruction, images], dim=1)
        return widened(self.decoder_segment(self.encoder_segment(joined)))


def _widths(width: int, blocks: int) -> list[int]:
    """Double the width up to the fourth block."""
    return [width * 2 ** min(level, 3) for level in range(blocks)]


def from_authors(state_dict: Mapping[str, Tensor]) -> DRAEM:
    """Build the networks of the authors' weights, frozen, in evaluation mode.

    Parameters
    ----------
    state_dict : mapping
        The authors' two in one, ``{**reconstructive, **discriminative}``; of any widths.

    Raises
    ------
    destseg.errors.InputError
        When a tensor is missing, unknown or of another shape.
    """
    firsts = "encoder.block1.0.weight", "encoder_segment.block1.0.weight"
    return load_authors(lambda *widths: DRAEM(*widths), state_dict, firsts)
