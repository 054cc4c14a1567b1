"""DRAEM's losses of a reconstruction (the specification's section 2)."""

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor

from bench.methods._two_class import in_float32

WINDOW = 11
SIGMA = 1.5


def ssim_window(like: Tensor) -> Tensor:
    """Return the Gaussian window, (WINDOW, WINDOW), its sum 1, in a tensor's type and place."""
    offsets = torch.arange(WINDOW, dtype=like.dtype, device=like.device) - WINDOW // 2
    line = torch.exp(-(offsets**2) / (2 * SIGMA**2))
    line = line / line.sum()
    return line[:, None] * line[None]


def dynamic_range(images: Tensor) -> Tensor:
    """Guess what values images have by the whole batch: 1, or 2 as soon as one is below -0.5.

    256 and 255 stand for 8-bit values, with and without such a one. It is a float64 scalar on the
    images' device, which need not be waited for.
    """
    upper = torch.where(images.max() > 128, 255.0, 1.0).double()
    return upper + (images.min() < -0.5)


def ssim_map(reconstruction: Tensor, images: Tensor) -> Tensor:
    """Compute the structural similarity at every pixel, zeros around the images.

    Parameters
    ----------
    reconstruction : Tensor
        (B, C, H, W); its range decides the constants.
    images : Tensor
        Likewise.

    Returns
    -------
    Tensor
        (B, C, H, W), at most 1.
    """
    channels = images.shape[1]
    window = ssim_window(images).expand(channels, 1, -1, -1)

    def mean(values: Tensor) -> Tensor:
        with in_float32(values.device):  # variances are differences of close numbers
            return F.conv2d(values, window, padding=WINDOW // 2, groups=channels)

    reach = dynamic_range(reconstruction)
    c1, c2 = (0.01 * reach) ** 2, (0.03 * reach) ** 2
    mean1, mean2 = mean(reconstruction), mean(images)
    variance1 = mean(reconstruction * reconstruction) - mean1 * mean1
    variance2 = mean(images * images) - mean2 * mean2
    covariance = mean(reconstruction * images) - mean1 * mean2
    alike = (2 * mean1 * mean2 + c1) * (2 * covariance + c2)
    return alike / ((mean1 * mean1 + mean2 * mean2 + c1) * (variance1 + variance2 + c2))


def ssim_loss(reconstruction: Tensor, images: Tensor) -> Tensor:
    """Return 1 less the mean of `ssim_map`, in [0, 2]."""
    return 1 - ssim_map(reconstruction, images).mean()


def l2_loss(reconstruction: Tensor, images: Tensor) -> Tensor:
    """Return the mean squared difference."""
    return F.mse_loss(reconstruction, images)
