"""BatchNorm, the sum with a residual and ReLU in one: eight times through a map, forth and back.

One by one they go through it thirteen times. (Paper, section 3.2: ResNet's blocks.)
"""

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor, nn

from destseg.fused import OPTIONS

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
    """What `destseg.normalising.norm_relu` computes, with the statistics of the batch."""

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
            _moments[_grid(channels, count)](
                x, parts, rows, channels, each,
                ROWS=SUMMED, CHANNELS=CHANNELS, num_warps=SUM_WARPS, **OPTIONS,
            )  # fmt: skip
            _statistics[(triton.cdiv(channels, FEW),)](
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
            _slopes[_grid(channels, count)](
                gradient, stride, out, x, mean, scale, parts, rows, channels, each,
                RELU=relu, ROWS=SUMMED, CHANNELS=CHANNELS, num_warps=SUM_WARPS, **OPTIONS,
            )  # fmt: skip
            _sums[(triton.cdiv(channels, FEW),)](
                parts, count, bias_slope, weight_slope, channels,
                PARTS=triton.next_power_of_2(count), FEW=FEW, **OPTIONS,
            )  # fmt: skip
            _back[_grid(channels, triton.cdiv(rows, ROWS))](
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
        _normalise[_grid(channels, triton.cdiv(rows, ROWS))](
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


@triton.jit
def _place(channels, CHANNELS: tl.constexpr):
    """Return which part of the rows a program has, and the numbers of its channels."""
    blocks = tl.cdiv(channels, CHANNELS)
    own = tl.program_id(0) % blocks * CHANNELS + tl.arange(0, CHANNELS)
    return tl.program_id(0) // blocks, own


@triton.jit
def _tile(first, channel, rows, channels, ROWS: tl.constexpr):
    """Return numbers of rows, and which of the tile's values there are."""
    row = (first + tl.arange(0, ROWS)).to(tl.int64)
    return row, (row < rows)[:, None] & (channel < channels)[None, :]


@triton.jit
def _values(map_at, stride, row, channel, valid):
    """Load a tile of a map."""
    at = map_at + row[:, None] * stride + channel[None, :]
    return tl.load(at, mask=valid, other=0.0).to(tl.float32)


@triton.jit
def _numbers(at, channel, channels):
    """Load a number for each channel."""
    return tl.load(at + channel, mask=channel < channels, other=0.0).to(tl.float32)


@triton.jit
def _keep(parts, part, first, second, channel, channels):
    """Store both sums of a part."""
    at = parts + part * 2 * channels + channel
    tl.store(at, tl.sum(first, 0), mask=channel < channels)
    tl.store(at + channels, tl.sum(second, 0), mask=channel < channels)


@triton.jit
def _added(parts, count, channel, channels, PARTS: tl.constexpr):
    """Add up both sums of all parts."""
    part = tl.arange(0, PARTS)
    at = parts + part[:, None] * 2 * channels + channel[None, :]
    valid = (part < count)[:, None] & (channel < channels)[None, :]
    first = tl.sum(tl.load(at, mask=valid, other=0.0), 0)
    return first, tl.sum(tl.load(at + channels, mask=valid, other=0.0), 0)


@triton.jit
def _moments(x, parts, rows, channels, each, ROWS: tl.constexpr, CHANNELS: tl.constexpr):
    """Of a part: the sums of distances to the first row of all, and of their squares.

    Squares of the values themselves would lose the variance of those far from zero.
    """
    part, channel = _place(channels, CHANNELS)
    pivot = _numbers(x, channel, channels)
    total = tl.zeros((ROWS, CHANNELS), tl.float32)
    squares = tl.zeros((ROWS, CHANNELS), tl.float32)
    for start in range(0, each, ROWS):
        row, valid = _tile(part * each + start, channel, rows, channels, ROWS)
        distance = _values(x, channels, row, channel, valid) - pivot[None, :]
        distance = tl.where(valid, distance, 0.0)
        total += distance
        squares += distance * distance
    _keep(parts, part, total, squares, channel, channels)


@triton.jit
def _statistics(
    x, parts, count, mean_at, scale_at, running_mean, running_var, batches,
    rows, channels, momentum, epsilon, PARTS: tl.constexpr, FEW: tl.constexpr,
):  # fmt: skip
    """Turn sums into mean and 1 / standard deviation, and move the running statistics."""
    channel = tl.program_id(0) * FEW + tl.arange(0, FEW)
    there = channel < channels
    total, squares = _added(parts, count, channel, channels, PARTS)
    offset = total / rows
    mean = _numbers(x, channel, channels) + offset
    variance = squares / rows - offset * offset
    variance = tl.where(variance < 0, 0.0, variance)  # not the maximum, which hides what is NaN
    tl.store(mean_at + channel, mean, mask=there)
    tl.store(scale_at + channel, 1.0 / tl.sqrt(variance + epsilon), mask=there)
    before = _numbers(running_mean, channel, channels)
    tl.store(running_mean + channel, before + momentum * (mean - before), mask=there)
    before = _numbers(running_var, channel, channels)
    unbiased = squares / (rows - 1) - offset * (total / (rows - 1))
    tl.store(running_var + channel, before + momentum * (unbiased - before), mask=there)
    if tl.program_id(0) == 0:
        tl.store(batches, tl.load(batches) + 1)


@triton.jit
def _normalise(
    x, mean_at, scale_at, weight_at, bias_at, residual, out, rows, channels, epsilon,
    FROZEN: tl.constexpr, ADDED: tl.constexpr, RELU: tl.constexpr,
    ROWS: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    part, channel = _place(channels, CHANNELS)
    row, valid = _tile(part * ROWS, channel, rows, channels, ROWS)
    scale = _numbers(scale_at, channel, channels)
    if FROZEN:
        scale = 1.0 / tl.sqrt(scale + epsilon)
    scale *= _numbers(weight_at, channel, channels)
    value = _values(x, channels, row, channel, valid)
    value = (value - _numbers(mean_at, channel, channels)[None, :]) * scale[None, :]
    value += _numbers(bias_at, channel, channels)[None, :]
    if ADDED:
        value += _values(residual, channels, row, channel, valid)
    if RELU:
        value = tl.where(value < 0, 0.0, value)  # what is no number stays none
    tl.store(out + row[:, None] * channels + channel[None, :], value, mask=valid)


@triton.jit
def _slope(gradient, stride, out, row, channel, channels, valid, RELU: tl.constexpr):
    """Return a tile of the gradient before the ReLU."""
    slope = _values(gradient, stride, row, channel, valid)
    if RELU:
        slope = tl.where(_values(out, channels, row, channel, valid) > 0, slope, 0.0)
    return slope


@triton.jit
def _slopes(
    gradient, stride, out, x, mean_at, scale_at, parts, rows, channels, each,
    RELU: tl.constexpr, ROWS: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    """Of a part: the sums of gradients, and of those times what was normalised."""
    part, channel = _place(channels, CHANNELS)
    mean, scale = _numbers(mean_at, channel, channels), _numbers(scale_at, channel, channels)
    total = tl.zeros((ROWS, CHANNELS), tl.float32)
    products = tl.zeros((ROWS, CHANNELS), tl.float32)
    for start in range(0, each, ROWS):
        row, valid = _tile(part * each + start, channel, rows, channels, ROWS)
        slope = _slope(gradient, stride, out, row, channel, channels, valid, RELU)
        value = _values(x, channels, row, channel, valid)
        total += slope
        products += slope * ((value - mean[None, :]) * scale[None, :])
    _keep(parts, part, total, products, channel, channels)


@triton.jit
def _sums(
    parts, count, bias_slope, weight_slope, channels, PARTS: tl.constexpr, FEW: tl.constexpr
):  # fmt: skip
    """Turn sums into the gradients of bias and weight."""
    channel = tl.program_id(0) * FEW + tl.arange(0, FEW)
    total, products = _added(parts, count, channel, channels, PARTS)
    tl.store(bias_slope + channel, total, mask=channel < channels)
    tl.store(weight_slope + channel, products, mask=channel < channels)


@triton.jit
def _back(
    gradient, stride, out, x, mean_at, scale_at, weight_at, bias_slope, weight_slope,
    x_slope, residual_slope, rows, channels,
    ADDED: tl.constexpr, RELU: tl.constexpr, ROWS: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    """Write the gradients of what was normalised and of the residual."""
    part, channel = _place(channels, CHANNELS)
    row, valid = _tile(part * ROWS, channel, rows, channels, ROWS)
    mean, scale = _numbers(mean_at, channel, channels), _numbers(scale_at, channel, channels)
    shift = _numbers(bias_slope, channel, channels) / rows
    tilt = _numbers(weight_slope, channel, channels) / rows
    slope = _slope(gradient, stride, out, row, channel, channels, valid, RELU)
    at = row[:, None] * channels + channel[None, :]
    if ADDED:
        tl.store(residual_slope + at, slope, mask=valid)
    normal = (_values(x, channels, row, channel, valid) - mean[None, :]) * scale[None, :]
    slope = slope - shift[None, :] - normal * tilt[None, :]
    slope *= (_numbers(weight_at, channel, channels) * scale)[None, :]
    tl.store(x_slope + at, slope, mask=valid)
