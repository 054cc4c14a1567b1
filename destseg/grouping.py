"""Several segmentation nets as one with grouped convolutions: fewer and larger operations.

Each net gets the bits that it gets alone, or `fits` says no: oneDNN's kernels do not mix groups
whose channels fill whole blocks of vectors, and of few images torch computes a 1x1 convolution one
by one, group by group.
"""

import copy
from collections.abc import Iterator, Sequence

import torch
from torch import nn

from destseg.config import Precision
from destseg.kernels import are_known
from destseg.segmentation import SegmentationNet

BLOCK = 16
"""Channels that fill a block of the widest vectors, and so of the narrower ones."""

FEW_IMAGES = 15
"""From one more, and on several threads, torch leaves 1x1 convolutions to oneDNN."""


def fits(net: SegmentationNet, batch_size: int, precision: Precision = "float32") -> bool:
    """Whether training in a group leaves a net the bits that it gets alone."""
    return (
        are_known(next(net.parameters()).device, precision)
        and batch_size <= FEW_IMAGES
        and all(layer.in_channels % BLOCK == 0 for layer in _convolutions(net))
    )


def shape(net: SegmentationNet) -> tuple[object, ...]:
    """Return what nets must have in common to be grouped."""
    return tuple((layer.weight.shape, layer.dilation) for layer in _convolutions(net))


def grouped(nets: Sequence[SegmentationNet]) -> SegmentationNet:
    """Put nets of one shape side by side, as one that has them as its channels in their order."""
    whole = copy.deepcopy(nets[0])
    states = [net.state_dict() for net in nets]
    for name, tensor in whole.state_dict(keep_vars=True).items():
        if tensor.ndim:  # the count of batches is the same in all
            tensor.data = torch.cat([state[name] for state in states])
    for layer in _convolutions(whole):
        layer.groups = len(nets)
    return whole


def ungroup(whole: SegmentationNet, nets: Sequence[SegmentationNet]) -> None:
    """Write what a group has learned back into its nets."""
    for index, net in enumerate(nets):
        net.load_state_dict(
            {
                name: tensor.chunk(len(nets))[index] if tensor.ndim else tensor
                for name, tensor in whole.state_dict().items()
            }
        )


def _convolutions(net: nn.Module) -> Iterator[nn.Conv2d]:
    return (layer for layer in net.modules() if isinstance(layer, nn.Conv2d))
