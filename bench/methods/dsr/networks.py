"""DSR's networks of a category (sections 1.2 to 1.4), and all of them together."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn

from bench.methods._two_class import Doubling, Encoder, initialise, load_authors, widened
from bench.methods.dsr.latent import ImageDecoder, LatentModel, Sizes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.methods.dsr.quantiser import Quantised, Quantiser


def convolution(in_channels: int, out_channels: int) -> list[nn.Module]:
    """Return a convolution with instance normalisation and ReLU."""
    return [
        nn.Conv2d(in_channels, out_channels, 3, padding=1),
        nn.InstanceNorm2d(out_channels),
        nn.ReLU(),
    ]


def block(in_channels: int, middle: int, out_channels: int) -> nn.Sequential:
    """Return two of `convolution`."""
    return nn.Sequential(*convolution(in_channels, middle), *convolution(middle, out_channels))


def up(in_channels: int, out_channels: int) -> nn.Sequential:
    """Return a doubling of the size and a `convolution`."""
    return nn.Sequential(
        Doubling(),
        *convolution(in_channels, out_channels),
    )


class PlainDecoder(nn.Module):
    """Two doublings, from the deepest features alone."""

    def __init__(self, base: int) -> None:
        super().__init__()
        self.up2, self.db2 = up(4 * base, 2 * base), block(2 * base, 2 * base, 2 * base)
        self.up3, self.db3 = up(2 * base, base), block(base, base, base)
        self.fin_out = nn.Sequential(nn.Conv2d(base, base, 3, padding=1))

    def forward(self, features: list[Tensor]) -> Tensor:
        """Map what the encoder gives to (B, base, H, W)."""
        x = self.db2(self.up2(features[-1]))
        restricted: Tensor = self.fin_out(self.db3(self.up3(x)))
        return restricted


class SkippingDecoder(nn.Module):
    """Three doublings, the encoder's features joined in behind the enlarged ones."""

    def __init__(self, base: int) -> None:
        super().__init__()
        w = base
        self.up1, self.db1 = up(4 * w, 4 * w), block(8 * w, 4 * w, 4 * w)
        self.up2, self.db2 = up(4 * w, 2 * w), block(4 * w, 2 * w, 2 * w)
        self.up3, self.db3 = up(2 * w, w), block(2 * w, w, w)
        self.fin_out = nn.Sequential(nn.Conv2d(w, 2, 3, padding=1))

    def forward(self, features: list[Tensor]) -> Tensor:
        """Map what the encoder gives to (B, 2, H, W)."""
        *skips, x = features
        for ups, each in ((self.up1, self.db1), (self.up2, self.db2), (self.up3, self.db3)):
            x = each(torch.cat([ups(x), skips.pop()], dim=1))
        logits: Tensor = self.fin_out(x)
        return logits


class UNet(nn.Module):
    """Encoder and decoder."""

    def __init__(self, encoder: Encoder, decoder: nn.Module) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    def forward(self, x: Tensor) -> Tensor:
        """Encode and decode."""
        found: Tensor = self.decoder(self.encoder(x))
        return found


class SubspaceRestriction(nn.Module):
    """Brings a level's codes back to those of normal images; no skips."""

    def __init__(self, length: int) -> None:
        super().__init__()
        widths = length, 2 * length, 4 * length
        self.unet = UNet(Encoder(length, widths, block), PlainDecoder(length))

    def forward(self, codes: Tensor) -> Tensor:
        """Map (B, D, H, W) to features of that shape, unquantised."""
        return widened(self.unet(codes))


class TwoClassNet(nn.Module):
    """The detection network, or the upsampling module: two logits at the images' size."""

    def __init__(self, in_channels: int, base: int) -> None:
        super().__init__()
        widths = base, 2 * base, 4 * base, 4 * base
        self.unet = UNet(Encoder(in_channels, widths, block), SkippingDecoder(base))

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, in_channels, H, W) to (B, 2, H, W)."""
        return widened(self.unet(x))


class ObjectDecoder(ImageDecoder):
    """Decodes codes of both levels by what it knows of the category."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__(sizes.middle, sizes)
        c, middle = 2 * sizes.length, sizes.middle
        self.pool = nn.MaxPool2d(2)
        self.block1, self.block2 = block(c, c, 2 * c), block(2 * c, 2 * c, 4 * c)
        self.pre_vq_conv = nn.Conv2d(4 * c, middle, 1)
        self.upblock1 = nn.ConvTranspose2d(middle, middle, 4, stride=2, padding=1)
        self.upblock2 = nn.ConvTranspose2d(middle, middle, 4, stride=2, padding=1)

    def forward(self, joined: Tensor) -> Tensor:
        """Map (B, 2D, H, W) to (B, 3, 4H, 4W)."""
        x = self.pre_vq_conv(self.pool(self.block2(self.pool(self.block1(joined)))))
        return super().forward(torch.relu(self.upblock2(torch.relu(self.upblock1(x)))))


class Restricted(NamedTuple):
    """What the subspaces make of codes of both levels."""

    lo: Quantised
    hi: Quantised


class DSR(nn.Module):
    """All of it; its parts are named by the prefixes of the specification's section 1.5.

    Parameters
    ----------
    sizes : Sizes
        Of the networks.
    """

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.vq = LatentModel(sizes)
        self.srm_hi, self.srm_lo = (SubspaceRestriction(sizes.length) for _ in range(2))
        self.dec = ObjectDecoder(sizes).apply(initialise)
        self.seg = TwoClassNet(6, sizes.detection).apply(initialise)
        self.up = TwoClassNet(8, sizes.detection)

    def restrict(self, lo: Tensor, hi: Tensor) -> Restricted:
        """Bring codes of both levels, (B, D, H, W) each, to the normal subspaces."""
        quantise_lo: Quantiser = self.vq.lo
        quantise_hi: Quantiser = self.vq.hi
        return Restricted(quantise_lo(self.srm_lo(lo)), quantise_hi(self.srm_hi(hi)))

    def specific(self, restricted: Restricted) -> Tensor:
        """Decode restricted codes by what is known of the category, (B, 3, H, W)."""
        image: Tensor = self.dec(self.vq.joined(restricted.lo.values, restricted.hi.values))
        return image

    def detect(self, specific: Tensor, general: Tensor) -> Tensor:
        """Return the probabilities of normal and of anomalous, (B, 2, H, W)."""
        return torch.softmax(self.seg(torch.cat([specific, general], dim=1)), dim=1)

    def refine(self, specific: Tensor, general: Tensor, detected: Tensor) -> Tensor:
        """Return the probabilities with borders sharpened, (B, 2, H, W)."""
        return torch.softmax(self.up(torch.cat([specific, general, detected], dim=1)), dim=1)

    @torch.no_grad()
    def compare(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the object's and the general reconstruction, and what is detected in them.

        Parameters
        ----------
        images : Tensor
            (B, 3, H, W) BGR in [0, 1]; H and W are multiples of 32 and at least 64.
        """
        latent = self.vq(images)
        general = self.vq.reconstruct(latent)
        specific = self.specific(self.restrict(latent.lo.values, latent.hi.values))
        return specific, general, self.detect(specific, general)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return what is detected in images, and that refined; (B, 2, H, W) each."""
        compared = self.compare(images)
        return compared[2], self.refine(*compared)


def from_authors(state_dict: Mapping[str, Tensor]) -> DSR:
    """Build the networks of the authors' weights, frozen, in evaluation mode.

    Parameters
    ----------
    state_dict : mapping
        The authors' state dicts in one, the keys of each behind its prefix: ``vq.``, ``srm_hi.``,
        ``srm_lo.``, ``dec.``, ``seg.`` and ``up.``; of any widths.

    Raises
    ------
    destseg.errors.InputError
        When a tensor is missing, unknown or of another shape.
    """
    firsts = (
        "vq._encoder_b._conv_2.weight",
        "vq._encoder_b._residual_stack._layers.0._block.1.weight",
        "vq._vq_vae_top._embedding.weight",
        "vq._pre_vq_conv_top.weight",
        "dec.pre_vq_conv.weight",
        "seg.unet.encoder.block1.0.weight",
    )
    return load_authors(lambda *widths: DSR(Sizes(*widths)), state_dict, firsts)
