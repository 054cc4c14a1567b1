"""BatchNorm, a residual and ReLU, of which every network here is made."""

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor, nn

from destseg.fused import fusible


def norm_relu(
    norm: nn.BatchNorm2d, x: Tensor, residual: Tensor | None = None, *, relu: bool = True
) -> Tensor:
    """Normalise a map, add a residual, and cut off below zero.

    Parameters
    ----------
    norm : nn.BatchNorm2d
        In training, its running statistics move.
    x : Tensor
        (B, C, H, W).
    residual : Tensor, optional
        Of the same shape.
    relu : bool
        Whether to cut off.

    Returns
    -------
    Tensor
        (B, C, H, W). Of bfloat16 on CUDA, channels last, by `destseg.fused`, which computes all in
        float32 and rounds once; of all else by torch.
    """
    if _fits(norm, x, residual):
        from destseg.fused.batch_norm import NormReLU, frozen_norm_relu

        if not norm.training:
            return frozen_norm_relu(norm, x, residual, relu=relu)
        out: Tensor = NormReLU.apply(x, norm.weight, norm.bias, residual, norm, relu)
        return out
    out = norm(x)
    if residual is not None:
        out += residual
    return F.relu(out, inplace=True) if relu else out


def _fits(norm: nn.BatchNorm2d, x: Tensor, residual: Tensor | None) -> bool:
    maps = [x] if residual is None else [x, residual]
    learns = torch.is_grad_enabled() and any(
        each.requires_grad for each in (*maps, norm.weight, norm.bias)
    )
    # Of a single value torch's own says that it has no variance.
    usual = x.numel() > x.shape[1] if norm.training else not learns
    return usual and all(map(fusible, maps))
