"""The three losses of the paper ("Training" in docs/method.md)."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor


def cosine_loss(distances: Sequence[Tensor]) -> Tensor:
    """Sum over levels and over the batch of the mean cosine distance of a map.

    The sum over the batch is part of the recipe: a mean would need another learning rate
    and weight decay for the same step. (Paper, Eq. 4, which is of one image.)

    Parameters
    ----------
    distances : sequence of Tensor
        (B, 1, H_k, W_k), one for each level.

    Returns
    -------
    Tensor
        Scalar.
    """
    return torch.stack([d.mean(dim=(1, 2, 3)).sum() for d in distances]).sum()


def focal_loss(probabilities: Tensor, mask: Tensor, gamma: float = 4.0) -> Tensor:
    """Mean over batch and pixels of the cross-entropy, weighted down where it is easy.

    Of the paper's section 3.3.

    Parameters
    ----------
    probabilities : Tensor
        (B, 1, h, w) in [0, 1].
    mask : Tensor
        (B, 1, h, w) of 0 and 1, float.
    gamma : float
        Focusing exponent; the program's is 4.
    """
    correct = probabilities * mask + (1 - probabilities) * (1 - mask)
    # Torch stops at a NaN here, on an accelerator for the whole process; the other factor keeps it.
    entropy = F.binary_cross_entropy(probabilities.nan_to_num(0.5), mask, reduction="none")
    return (entropy * (1 - correct) ** gamma).mean()


def l1_loss(probabilities: Tensor, mask: Tensor) -> Tensor:
    """Mean absolute difference over batch and pixels, of what `focal_loss` takes (section 3.3)."""
    return (probabilities - mask).abs().mean()


def downsampled_mask(mask: Tensor, size: tuple[int, int]) -> Tensor:
    """Bring a mask to the size of the maps: bilinear without antialias, then at least 0.5.

    Parameters
    ----------
    mask : Tensor
        (B, 1, H, W) of 0 and 1, float.
    size : tuple of int
        Height and width of the result.
    """
    small = F.interpolate(mask, size=size, mode="bilinear", align_corners=False)
    return (small >= 0.5).to(mask.dtype)
