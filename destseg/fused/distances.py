"""Cosine distances of two networks' features without normalised copies of them."""

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from destseg.fused import OPTIONS

VALUES = 8192
"""Of the tile that a program has in hand: positions times channels."""


class CosineDistance(torch.autograd.Function):
    """One minus the cosine of what two maps (B, C, H, W) say of each position: (B, 1, H, W).

    The second learns, the first does not.
    """

    @staticmethod
    def forward(ctx: Any, teacher: Tensor, student: Tensor, epsilon: float) -> Tensor:
        """Compare; a norm is never below ``epsilon``."""
        ctx.save_for_backward(teacher, student)
        ctx.epsilon = epsilon
        count, _, height, width = student.shape
        out = torch.empty((count, 1, height, width), device=student.device)
        grid, sizes = _sizes(student)
        with torch.cuda.device_of(student):
            _distance[grid](teacher, student, out, epsilon=epsilon, **sizes, **OPTIONS)
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, Tensor, None]:
        """Return the gradient of the second map; zero where it is zero at all channels."""
        teacher, student = ctx.saved_tensors
        out = torch.empty_like(student)
        grid, sizes = _sizes(student)
        with torch.cuda.device_of(student):
            _distance_back[grid](
                gradients[0].contiguous(), teacher, student, out,
                epsilon=ctx.epsilon, **sizes, **OPTIONS,
            )  # fmt: skip
        return None, out, None


def _sizes(maps: Tensor) -> tuple[tuple[int], dict[str, int]]:
    channels = maps.shape[1]
    positions = maps.numel() // channels
    wide = triton.next_power_of_2(channels)
    some = max(1, VALUES // wide)
    sizes = {"positions": positions, "channels": channels, "SOME": some, "WIDE": wide}
    return (triton.cdiv(positions, some),), sizes


@triton.jit
def _compared(teacher, student, positions, channels, SOME: tl.constexpr, WIDE: tl.constexpr):
    """Load both vectors of some positions; return where they lie, and them."""
    row = (tl.program_id(0) * SOME + tl.arange(0, SOME)).to(tl.int64)
    channel = tl.arange(0, WIDE)
    at = row[:, None] * channels + channel[None, :]
    valid = (row < positions)[:, None] & (channel < channels)[None, :]
    theirs = tl.load(teacher + at, mask=valid, other=0.0).to(tl.float32)
    ours = tl.load(student + at, mask=valid, other=0.0).to(tl.float32)
    return row, at, valid, theirs, ours


@triton.jit
def _norm(vectors):
    return tl.sqrt(tl.sum(vectors * vectors, 1))


@triton.jit
def _distance(
    teacher, student, out, positions, channels, epsilon, SOME: tl.constexpr, WIDE: tl.constexpr
):
    row, _, _, theirs, ours = _compared(teacher, student, positions, channels, SOME, WIDE)
    norms = (_norm(theirs) + epsilon) * (_norm(ours) + epsilon)
    tl.store(out + row, 1.0 - tl.sum(theirs * ours, 1) / norms, mask=row < positions)


@triton.jit
def _distance_back(
    gradient, teacher, student, out, positions, channels, epsilon,
    SOME: tl.constexpr, WIDE: tl.constexpr,
):  # fmt: skip
    row, at, valid, theirs, ours = _compared(teacher, student, positions, channels, SOME, WIDE)
    bare = _norm(ours)
    own = bare + epsilon
    outer = tl.load(gradient + row, mask=row < positions, other=0.0)
    outer /= (_norm(theirs) + epsilon) * own
    learns = bare > 0
    inner = tl.sum(theirs * ours, 1) / tl.where(learns, own * bare, 1.0)
    slope = tl.where(learns[:, None], ours * inner[:, None] - theirs, 0.0)
    tl.store(out + at, slope * outer[:, None], mask=valid)
