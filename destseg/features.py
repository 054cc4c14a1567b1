"""Comparing two networks' features: distances, and what the segmentation net is fed."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor

from destseg.config import FusionInput
from destseg.fused import fusible

LEVELS = 3
"""Feature levels compared between teacher and student."""

NORM_EPSILON = 1e-12


def resize_like(x: Tensor, reference: Tensor) -> Tensor:
    """Resize bilinearly (``align_corners=False``) to the height and width of a reference."""
    size = (reference.shape[-2], reference.shape[-1])
    if x.shape[-2:] == size:
        return x
    if x.device.type != "cpu" and x.shape[-2:] == (1, 1):
        # All are the same. Laid out, or a concatenation with others would not be either.
        return x.expand(*x.shape[:2], *size).contiguous(memory_format=_layout_of(reference))
    found = resized(x, size)
    if x.device.type == "cpu" and found.requires_grad:
        # The way back takes a ninth of the time channels last, to the same values.
        for tensor, layout in ((found, torch.channels_last), (x, _layout_of(x))):
            tensor.register_hook(partial(_laid_out, layout))  # type: ignore[no-untyped-call]
    return found


def resized(x: Tensor, size: tuple[int, int], *, align_corners: bool = False) -> Tensor:
    """Resize (B, C, h, w) bilinearly to a height and a width; see `Resized`."""
    if x.device.type == "cpu":
        return _interpolated(x, size, align_corners)
    found: Tensor = Resized.apply(x, size, align_corners)
    return found


class Resized(torch.autograd.Function):
    """Bilinear resizing with a way back that sums in a fixed order.

    On CUDA torch's own adds as threads come, to other bits at each run, and the deterministic one
    that it can be asked for takes 2.6 times as long as all else in a student's step.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, size: tuple[int, int], align_corners: bool) -> Tensor:
        """Resize (B, C, h, w) to a height and a width."""
        ctx.before, ctx.dtype, ctx.align_corners = x.shape[-2:], x.dtype, align_corners
        ctx.layout = _layout_of(x)
        if x.dtype != torch.bfloat16:
            return _interpolated(x, size, align_corners)
        # Autocast would make float32 of what the next convolution takes in bfloat16 again.
        with torch.autocast(x.device.type, enabled=False):
            return _interpolated(x, size, align_corners)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        """Weigh gradients (B, C, H, W) row by row, then column by column."""
        (gradient,) = gradients
        sizes = list(zip(ctx.before, gradient.shape[-2:], strict=True))
        if ctx.align_corners or any(after % before for before, after in sizes):
            # Of weights that bfloat16 has not.
            gradient = gradient.to(torch.promote_types(gradient.dtype, torch.float32))
        down, across = (
            _weights(before, after, gradient, ctx.align_corners) for before, after in sizes
        )
        # Channels last, a row of pixels is one of a matrix, and a pixel is: nothing is copied.
        rows = gradient.permute(0, 2, 3, 1).contiguous().flatten(2)
        count, channels = gradient.shape[:2]
        high = torch.bmm(down.expand(count, -1, -1), rows).view(-1, gradient.shape[-1], channels)
        both = torch.bmm(across.expand(len(high), -1, -1), high)
        weighed = both.view(count, *ctx.before, channels).permute(0, 3, 1, 2)
        return weighed.to(ctx.dtype).contiguous(memory_format=ctx.layout), None, None


def _interpolated(x: Tensor, size: tuple[int, int], align_corners: bool) -> Tensor:
    return F.interpolate(x, size=size, mode="bilinear", align_corners=align_corners)


def _weights(before: int, after: int, like: Tensor, align_corners: bool) -> Tensor:
    """Return how much of each position along an axis is in each resized one, (before, after)."""
    each = torch.eye(before, dtype=like.dtype, device=like.device).unsqueeze(0)
    return F.interpolate(each, size=after, mode="linear", align_corners=align_corners).squeeze(0)


def _layout_of(x: Tensor) -> torch.memory_format:
    return torch.contiguous_format if x.is_contiguous() else torch.channels_last


def _laid_out(layout: torch.memory_format, gradient: Tensor) -> Tensor:
    return gradient.contiguous(memory_format=layout)


def normalised(features: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Scale each position's feature vector to unit length (paper, section 3.2).

    Those in bfloat16 come to float32.
    The gradient of the norm at an all-zero vector is undefined; the ReLU that ends every
    feature map writes 0 there on the way back, so that no NaN appears.
    """
    wide = [f.to(torch.promote_types(f.dtype, torch.float32)) for f in features]
    return tuple(f / (f.square().sum(dim=1, keepdim=True).sqrt() + NORM_EPSILON) for f in wide)


def cosine_distances(teacher: Sequence[Tensor], student: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """One minus the cosine similarity of each level, from normalised features.

    Returns
    -------
    tuple of Tensor
        (B, 1, H_k, W_k), in [0, 2], [0, 1] for features that are at least 0.
    """
    return tuple(
        1 - (t * s).sum(dim=1, keepdim=True) for t, s in zip(teacher, student, strict=True)
    )


def feature_distances(teacher: Sequence[Tensor], student: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Cosine distances of features that are not yet normalised, of which the student's learn.

    Parameters
    ----------
    teacher, student : sequence of Tensor
        (B, C_k, H_k, W_k), at least 0. In bfloat16 on CUDA `destseg.fused` compares them.

    Returns
    -------
    tuple of Tensor
        As `cosine_distances` of what `normalised` returns.
    """
    if not all(map(fusible, (*teacher, *student))):
        return cosine_distances(normalised(teacher), normalised(student))
    from destseg.fused.distances import CosineDistance

    return tuple(
        CosineDistance.apply(theirs, ours, NORM_EPSILON)
        for theirs, ours in zip(teacher, student, strict=True)
    )


def fused_distance(distances: Sequence[Tensor]) -> Tensor:
    """Product of the levels' distances at the size of the first: the map without ``seg``."""
    product = distances[0]
    for distance in distances[1:]:
        product = product * resize_like(distance, distances[0])
    return product


def fusion_maps(
    teacher: Sequence[Tensor], student: Sequence[Tensor], kind: FusionInput = "product"
) -> Tensor:
    """Bring all levels to the size of the first and put them together for the segmentation net.

    Parameters
    ----------
    teacher, student : sequence of Tensor
        Normalised features, (B, C_k, H_k, W_k).
    kind : {"product", "features", "distances"}
        ``product``: the negated element-wise products, not summed over channels; the minus sign
        is the program's, the paper's Eq. 2 has none. ``features``: the teacher's and the
        student's features side by side. ``distances``: one cosine distance for each level.

    Returns
    -------
    Tensor
        (B, `fusion_channels`, H_1, W_1), in [-1, 0] for products, [0, 1] for the others.
    """
    maps: Sequence[Tensor]
    if kind == "product":
        maps = [-(t * s) for t, s in zip(teacher, student, strict=True)]
    elif kind == "features":
        maps = [torch.cat(pair, dim=1) for pair in zip(teacher, student, strict=True)]
    else:
        maps = cosine_distances(teacher, student)
    return torch.cat([resize_like(m, maps[0]) for m in maps], dim=1)


def fusion_channels(levels: Sequence[int], kind: FusionInput) -> int:
    """Count the channels of `fusion_maps` for levels of so many channels each.

    Raises
    ------
    ValueError
        With another kind.
    """
    counts = {"product": sum(levels), "features": 2 * sum(levels), "distances": len(levels)}
    if kind not in counts:
        raise ValueError(f"unknown fusion input {kind!r}; use one of {', '.join(counts)}")
    return counts[kind]
