"""BatchNorm, the sum with a residual and ReLU in one: eight times through a map, forth and back.

One by one they go through it thirteen times. (Paper, section 3.2: ResNet's blocks.)
"""

from typing import Any

import torch
import triton
from torch import Tensor, nn

from destseg.fused import OPTIONS
from destseg.fused import batch_norm_kernels as kernels

CHANNELS = 64
ROWS = 128
"""Of the tile that a program has in hand."""

WARPS = 8

SUMMED = 32
SUM_WARPS = 4
"""The same where two sums of each channel are in hand as well."""

PARTS = 512
"""Programs, at most, that each sum up their part of the rows."""

FEW = 16
"""Channels for which one program adds up what those found."""


class NormReLU(torch.autograd.Function):
    """What `destseg.batch_norm.norm_relu` computes, with the statistics of the batch."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        residual: Tensor | None,
        norm: nn.BatchNorm2d,
        relu: bool,
    ) -> Tensor:
        """Normalise a map, and move the running statistics of ``norm``."""
        rows, channels = _measures(x)
        parts, count, each = _parts(x)
        mean, scale = (torch.empty(channels, device=x.device) for _ in range(2))
        with torch.cuda.device_of(x):
            kernels.moments[_grid(channels, count)](
                x, parts, rows, channels, each,
                ROWS=SUMMED, CHANNELS=CHANNELS, num_warps=SUM_WARPS, **OPTIONS,
            )  # fmt: skip
            kernels.statistics[(triton.cdiv(channels, FEW),)](
                x, parts, count, mean, scale,
                norm.running_mean, norm.running_var, norm.num_batches_tracked,
                rows, channels, norm.momentum, norm.eps,
                PARTS=triton.next_power_of_2(count), FEW=FEW, **OPTIONS,
            )  # fmt: skip
        out = _normalised(x, mean, scale, weight, bias, norm.eps, residual, relu=relu, frozen=False)
        ctx.save_for_backward(x, weight, mean, scale, out if relu else None)
        ctx.added = residual is not None
        return out

    @staticmethod
    def backward(
        ctx: Any, *gradients: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor | None, None, None]:
        """Return the gradients of the map, weight, bias and residual."""
        x, weight, mean, scale, out = ctx.saved_tensors
        gradient, stride = _by_rows(gradients[0])
        relu = out is not None
        rows, channels = _measures(x)
        parts, count, each = _parts(x)
        bias_slope, weight_slope = torch.empty_like(weight), torch.empty_like(weight)
        x_slope = torch.empty_like(x)
        residual_slope = torch.empty_like(x) if ctx.added else None
        with torch.cuda.device_of(x):
            kernels.slopes[_grid(channels, count)](
                gradient, stride, out, x, mean, scale, parts, rows, channels, each,
                RELU=relu, ROWS=SUMMED, CHANNELS=CHANNELS, num_warps=SUM_WARPS, **OPTIONS,
            )  # fmt: skip
            kernels.sums[(triton.cdiv(channels, FEW),)](
                parts, count, bias_slope, weight_slope, channels,
                PARTS=triton.next_power_of_2(count), FEW=FEW, **OPTIONS,
            )  # fmt: skip
            kernels.back[_grid(channels, triton.cdiv(rows, ROWS))](
                gradient, stride, out, x, mean, scale, weight, bias_slope, weight_slope,
                x_slope, residual_slope, rows, channels,
                ADDED=ctx.added, RELU=relu,
                ROWS=ROWS, CHANNELS=CHANNELS, num_warps=WARPS, **OPTIONS,
            )  # fmt: skip
        return x_slope, weight_slope, bias_slope, residual_slope, None, None


def frozen_norm_relu(
    norm: nn.BatchNorm2d, x: Tensor, residual: Tensor | None, *, relu: bool
) -> Tensor:
    """Compute the same with the running statistics, without a way back."""
    mean, variance = norm.running_mean, norm.running_var
    assert mean is not None
    assert variance is not None
    weight, bias = norm.weight, norm.bias
    return _normalised(x, mean, variance, weight, bias, norm.eps, residual, relu=relu, frozen=True)


def _normalised(
    x: Tensor,
    mean: Tensor,
    scale: Tensor,
    weight: Tensor,
    bias: Tensor,
    epsilon: float,
    residual: Tensor | None,
    *,
    relu: bool,
    frozen: bool,
) -> Tensor:
    """Normalise with a mean and 1 / standard deviation, or a variance if ``frozen``."""
    rows, channels = _measures(x)
    out = torch.empty_like(x)
    with torch.cuda.device_of(x):
        kernels.normalise[_grid(channels, triton.cdiv(rows, ROWS))](
            x, mean, scale, weight, bias, residual, out, rows, channels, epsilon,
            FROZEN=frozen, ADDED=residual is not None, RELU=relu,
            ROWS=ROWS, CHANNELS=CHANNELS, num_warps=WARPS, **OPTIONS,
        )  # fmt: skip
    return out


def _measures(x: Tensor) -> tuple[int, int]:
    return x.numel() // x.shape[1], x.shape[1]


def _parts(x: Tensor) -> tuple[Tensor, int, int]:
    """Return room for two sums of each part, how many parts, and how many rows each has."""
    rows, channels = _measures(x)
    each = SUMMED * triton.cdiv(triton.cdiv(rows, SUMMED), PARTS)
    count = triton.cdiv(rows, each)
    return torch.empty((count, 2, channels), device=x.device), count, each


def _grid(channels: int, count: int) -> tuple[int]:
    """Return how many programs there are, along the one axis that may have more than 65,535."""
    return (triton.cdiv(channels, CHANNELS) * count,)


def _by_rows(gradient: Tensor) -> tuple[Tensor, int]:
    """Return a gradient whose rows lie at equal distances, and that distance.

    It may be some channels of a larger map, as behind a concatenation.
    """
    _, height, width = gradient.shape[0], *gradient.shape[2:]
    image, channel, down, across = gradient.stride()
    if (channel, down, image) == (1, across * width, across * width * height):
        return gradient, across
    whole = gradient.contiguous(memory_format=torch.channels_last)
    return whole, whole.shape[1]
