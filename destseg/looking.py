"""What frozen networks see in batches, each looked at once for all that is trained on it."""

import copy
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from destseg.batches import Batch
from destseg.config import FusionInput, Precision
from destseg.features import fusion_maps
from destseg.kernels import KNOWN_CHANNELS, are_known
from destseg.precision import autocast
from destseg.student import Student, paired_features
from destseg.teacher import Teacher

IMAGES = 32
"""Images that are looked at together, rather than one small batch after the other."""

STRIDE = 32
"""Pixels of an image for one of a student's last layer."""

N = TypeVar("N", bound=nn.Module)


class Seen(NamedTuple):
    """What segmentation nets learn from a batch."""

    maps: Sequence[Tensor]
    """(B, C, h, w) for each net, from `destseg.features.fusion_maps`; bfloat16 where the net's
    convolutions would make them so."""
    mask: Tensor
    """(B, 1, H, W) float32 of 0 and 1."""


def remembering(network: N, last: int = 2) -> N:
    """Return a frozen network with the same weights that remembers its ``last`` results.

    They are known by what the network was given: the same object, not to change meanwhile.
    """
    twin, forward = copy.copy(network), network.forward
    known: deque[tuple[Any, Any]] = deque(maxlen=last)

    def remembered(shown: Any) -> Any:
        for before, found in known:
            if before is shown:
                return found
        found = forward(shown)
        known.append((shown, found))
        return found

    twin.forward = remembered
    return twin


View = Callable[[Tensor], list[Tensor]]
"""Images (B, 3, H, W) -> the maps of each segmentation net."""


def view(
    teacher: Teacher,
    viewers: Sequence[tuple[Student, FusionInput]],
    layout: torch.memory_format,
    precision: Precision = "float32",
) -> View:
    """Return what shows images to frozen networks, in evaluation mode.

    Parameters
    ----------
    teacher : Teacher
        On the device of the images.
    viewers : sequence of (Student, FusionInput)
        The student of each segmentation net, and what the net is fed.
    layout : torch.memory_format
        Of the maps.
    precision : {"float32", "tf32", "bf16"}
        In what the networks compute.
    """
    frozen: dict[nn.Module, Any] = {}

    @torch.no_grad()
    def viewed(images: Tensor) -> list[Tensor]:
        if not frozen:
            for network in (teacher, *(student for student, _ in viewers)):
                frozen[network] = remembering(_laid_out(network, images))
        # Channels last is a quarter faster on a CPU.
        images = images.contiguous(memory_format=torch.channels_last)
        with autocast(precision, images.device):
            maps = [
                fusion_maps(*paired_features(frozen[teacher], frozen[student], images), kind)
                for student, kind in viewers
            ]
        if precision == "bf16":
            maps = [each.bfloat16() for each in maps]
        return [each.contiguous(memory_format=layout) for each in maps]

    return viewed


def look(
    teacher: Teacher,
    viewers: Sequence[tuple[Student, FusionInput]],
    batches: Iterable[Batch],
    layout: torch.memory_format,
    precision: Precision = "float32",
) -> Iterator[Seen]:
    """Show the corrupted images of batches to frozen networks, some drawn ahead together.

    See `view`.
    """
    viewed = view(teacher, viewers, layout, precision)
    stream = iter(batches)
    for first in stream:
        some = [first, *islice(stream, _at_once(teacher, first, precision) - 1)]
        maps = viewed(torch.cat([batch.corrupted for batch in some]))
        parts = [torch.split(each, len(first.mask)) for each in maps]
        for batch, *own in zip(some, *parts, strict=True):
            yield Seen(own, batch.mask)


def _laid_out(network: N, images: Tensor) -> N:
    """Lay weights out as the images will be: on a CPU torch does it at every look else.

    Not where the last layer sees a single pixel, of which torch cannot tell the layout.
    """
    if images.device.type != "cpu" or min(images.shape[2:]) <= STRIDE:
        return network
    return copy.deepcopy(network).to(memory_format=torch.channels_last)


def _at_once(teacher: Teacher, batch: Batch, precision: Precision) -> int:
    """Count the batches to be looked at together: more than one where that leaves the bits."""
    small = max(teacher.encoder.channels) <= KNOWN_CHANNELS
    known = small and are_known(batch.mask.device, precision)
    return max(1, IMAGES // len(batch.mask)) if known else 1
