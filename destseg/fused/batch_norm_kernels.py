"""What the card does for `destseg.fused.batch_norm`.

A program has in hand a tile of ``ROWS`` positions and ``CHANNELS`` channels; what of it is beyond
the map is neither read nor written.
"""

import triton
import triton.language as tl


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
def moments(x, parts, rows, channels, each, ROWS: tl.constexpr, CHANNELS: tl.constexpr):
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
def statistics(
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
def normalise(
    x, mean_at, scale_at, weight_at, bias_at, residual, out, rows, channels, epsilon,
    FROZEN: tl.constexpr, ADDED: tl.constexpr, RELU: tl.constexpr,
    ROWS: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    """Normalise by a mean and 1 / standard deviation, or a variance if FROZEN, and the rest."""
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
def slopes(
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
def sums(
    parts, count, bias_slope, weight_slope, channels, PARTS: tl.constexpr, FEW: tl.constexpr
):  # fmt: skip
    """Turn sums into the gradients of bias and weight."""
    channel = tl.program_id(0) * FEW + tl.arange(0, FEW)
    total, products = _added(parts, count, channel, channels, PARTS)
    tl.store(bias_slope + channel, total, mask=channel < channels)
    tl.store(weight_slope + channel, products, mask=channel < channels)


@triton.jit
def back(
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
