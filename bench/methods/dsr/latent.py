"""DSR's latent model: two levels of codes, and the general decoder (section 1.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from bench.methods._two_class import widened
from bench.methods.dsr.quantiser import Quantised, Quantiser

LAYERS = 2
"""Of every residual stack."""


@dataclass(frozen=True)
class Sizes:
    """Widths of all networks.

    Parameters
    ----------
    hidden, residual : int
        Channels of encoders and decoders, and inside their residual layers.
    codes, length : int
        Number of the codes of each level, and their length.
    middle : int
        Channels of the object decoder behind its 1x1 convolution.
    detection : int
        Channels of the first level of detection network and upsampling module.
    """

    hidden: int = 128
    residual: int = 64
    codes: int = 4096
    length: int = 128
    middle: int = 64
    detection: int = 64

    @classmethod
    def of(cls, width: int, codes: int) -> Sizes:
        """Scale all with one width, 64 for the authors'."""
        return cls(2 * width, width, codes, 2 * width, width, width)


class Latent(NamedTuple):
    """What the latent model makes of images."""

    fine: Tensor
    """(B, h, H/4, W/4), of the fine encoder."""
    lo: Quantised
    """The coarse level, at an eighth of the size."""
    enlarged: Tensor
    """(B, D, H/4, W/4), the coarse codes at the fine level's size."""
    hi: Quantised
    """The fine level, at a quarter of the size; it has seen the coarse one."""


class ResidualLayer(nn.Module):
    """Adds to relu(x), not to x, what two convolutions make of it."""

    def __init__(self, hidden: int, residual: int) -> None:
        super().__init__()
        self._block = nn.Sequential(
            nn.ReLU(),
            nn.Conv2d(hidden, residual, 3, padding=1, bias=False),
            nn.ReLU(),
            nn.Conv2d(residual, hidden, 1, bias=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, hidden, H, W) to the same shape."""
        added: Tensor = torch.relu(x) + self._block(x)
        return added


class ResidualStack(nn.Module):
    """Residual layers and a ReLU."""

    def __init__(self, hidden: int, residual: int) -> None:
        super().__init__()
        self._layers = nn.ModuleList(ResidualLayer(hidden, residual) for _ in range(LAYERS))

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, hidden, H, W) to the same shape."""
        for layer in self._layers:
            x = layer(x)
        return torch.relu(x)


class FineEncoder(nn.Module):
    """Images to features at a quarter of their size."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        hidden = sizes.hidden
        self._conv_1 = nn.Conv2d(3, hidden // 2, 4, stride=2, padding=1)
        self._conv_2 = nn.Conv2d(hidden // 2, hidden, 4, stride=2, padding=1)
        self._conv_3 = nn.Conv2d(hidden, hidden, 3, padding=1)
        self._residual_stack = ResidualStack(hidden, sizes.residual)

    def forward(self, images: Tensor) -> Tensor:
        """Map (B, 3, H, W) to (B, hidden, H/4, W/4)."""
        x = torch.relu(self._conv_2(torch.relu(self._conv_1(images))))
        features: Tensor = self._residual_stack(self._conv_3(x))
        return features


class CoarseEncoder(nn.Module):
    """Fine features to those at half their size."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        hidden = sizes.hidden
        self._conv_1 = nn.Conv2d(hidden, hidden, 4, stride=2, padding=1)
        self._conv_2 = nn.Conv2d(hidden, hidden, 3, padding=1)
        self._residual_stack = ResidualStack(hidden, sizes.residual)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, hidden, H, W) to (B, hidden, H/2, W/2)."""
        x = torch.relu(self._conv_2(torch.relu(self._conv_1(x))))
        features: Tensor = self._residual_stack(x)
        return features


class ImageDecoder(nn.Module):
    """Features at a quarter of the size to images; no activation at its end."""

    def __init__(self, in_channels: int, sizes: Sizes) -> None:
        super().__init__()
        hidden = sizes.hidden
        self._conv_1 = nn.Conv2d(in_channels, hidden, 3, padding=1)
        self._residual_stack = ResidualStack(hidden, sizes.residual)
        self._conv_trans_1 = nn.ConvTranspose2d(hidden, hidden // 2, 4, stride=2, padding=1)
        self._conv_trans_2 = nn.ConvTranspose2d(hidden // 2, 3, 4, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, in_channels, H, W) to (B, 3, 4H, 4W)."""
        x = torch.relu(self._conv_trans_1(self._residual_stack(self._conv_1(x))))
        return widened(self._conv_trans_2(x))


class LatentModel(nn.Module):
    """Encoders, codes of two levels, the general decoder."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        hidden, length = sizes.hidden, sizes.length
        self._encoder_b = FineEncoder(sizes)
        self._encoder_t = CoarseEncoder(sizes)
        self._pre_vq_conv_top = nn.Conv2d(hidden, length, 1)
        self._vq_vae_top = Quantiser(sizes.codes, length)
        self.upsample_t = nn.ConvTranspose2d(length, length, 4, stride=2, padding=1)
        self._pre_vq_conv_bot = nn.Conv2d(hidden + length, length, 1)
        self._vq_vae_bot = Quantiser(sizes.codes, length)
        self._decoder_b = ImageDecoder(2 * length, sizes)

    @property
    def lo(self) -> Quantiser:
        """The coarse level's codes."""
        return self._vq_vae_top

    @property
    def hi(self) -> Quantiser:
        """The fine level's codes."""
        return self._vq_vae_bot

    def features(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Encode (B, 3, H, W): the fine encoder's features, and the coarse level's, unquantised."""
        fine = self._encoder_b(images)
        return fine, widened(self._pre_vq_conv_top(self._encoder_t(fine)))

    def features_hi(self, fine: Tensor, enlarged: Tensor) -> Tensor:
        """Return the fine level's features, unquantised, in view of the coarse codes."""
        return widened(self._pre_vq_conv_bot(torch.cat([fine, enlarged], dim=1)))

    def joined(self, lo: Tensor, hi: Tensor) -> Tensor:
        """Return what a decoder is fed of codes of both levels, (B, 2D, H/4, W/4)."""
        return torch.cat([self.upsample_t(lo), hi], dim=1)

    def decode(self, joined: Tensor) -> Tensor:
        """Turn what `joined` gives into images, (B, 3, H, W)."""
        images: Tensor = self._decoder_b(joined)
        return images

    def forward(self, images: Tensor) -> Latent:
        """Encode images.

        Parameters
        ----------
        images : Tensor
            (B, 3, H, W) BGR in [0, 1]; H and W are multiples of 8.
        """
        fine, features = self.features(images)
        lo: Quantised = self.lo(features)
        enlarged = self.upsample_t(lo.values)
        return Latent(fine, lo, enlarged, self.hi(self.features_hi(fine, enlarged)))

    def reconstruct(self, latent: Latent) -> Tensor:
        """Decode what an image was encoded as, (B, 3, H, W)."""
        return self.decode(torch.cat([latent.enlarged, latent.hi.values], dim=1))
