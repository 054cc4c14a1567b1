"""What DRAEM and DSR share: encoders, maps of two classes, their loss and score, the descent."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor, nn

from destseg.batches import as_tensor
from destseg.descent import Descent, descend
from destseg.errors import InputError
from destseg.features import resized
from destseg.precision import arithmetic, autocast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from destseg.config import Precision
    from destseg.descent import OnStep

N = TypeVar("N", bound=nn.Module)
B = TypeVar("B")

PROGRAM_WINDOW, PROGRAM_SIDE = 21, 256
"""The image score is the largest mean in a window of this side, on images of that side."""

SMOOTHING = 1e-5
"""Of the focal loss's labels, and once more of its probabilities."""


def initialise(module: nn.Module) -> None:
    """Draw a layer's weights as the authors do; biases of convolutions stay torch's."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)


@contextmanager
def in_float32(device: torch.device) -> Iterator[None]:
    """Compute in float32 proper inside, whatever a training around it computes in."""
    with arithmetic("float32", device), autocast("float32", device):
        yield


def widened(x: Tensor) -> Tensor:
    """Bring what a convolution gave in bfloat16 to float32, for all that is not one."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


class Doubling(nn.Module):
    """Doubles height and width bilinearly, corner on corner, as ``nn.Upsample`` can."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, C, 2H, 2W)."""
        return resized(x, (2 * x.shape[-2], 2 * x.shape[-1]), align_corners=True)


class Encoder(nn.Module):
    """Blocks with a pooling between them, ``block1`` and so on.

    Parameters
    ----------
    in_channels : int
        Of what comes in.
    widths : sequence of int
        Channels of the blocks.
    block : callable
        Channels before, inside and behind -> a block.
    """

    def __init__(
        self, in_channels: int, widths: Sequence[int], block: Callable[[int, int, int], nn.Module]
    ) -> None:
        super().__init__()
        self.pool = nn.MaxPool2d(2)
        for level, width in enumerate(widths, start=1):
            self.add_module(f"block{level}", block(in_channels, width, width))
            in_channels = width

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return what every block gives, before its pooling."""
        found: list[Tensor] = []
        for name, each in self.named_children():
            if name != "pool":
                found.append(each(self.pool(found[-1]) if found else x))
        return found


def blended(images: Tensor, sources: Tensor, mask: Tensor, original: Tensor) -> Tensor:
    """Show sources through images where a mask is set, the images with some weight.

    Parameters
    ----------
    images, sources : Tensor
        (B, 3, H, W), or what is shown alike everywhere (B, 3, 1, 1).
    mask : Tensor
        (B, 1, H, W) bool.
    original : Tensor
        (B, 1, 1, 1), weight of the images.
    """
    return torch.where(mask, (1 - original) * sources + original * images, images)


def focal_map(probabilities: Tensor, mask: Tensor) -> Tensor:
    """Compute the focal loss of each pixel, gamma 2, no weights of classes.

    Parameters
    ----------
    probabilities : Tensor
        (B, 2, H, W), of normal and of anomalous.
    mask : Tensor
        (B, 1, H, W) of 0 and 1, float.

    Returns
    -------
    Tensor
        (B, 1, H, W), at most 10.82.
    """
    normal, anomalous = probabilities[:, :1], probabilities[:, 1:]
    right = mask * anomalous + (1 - mask) * normal
    wrong = mask * normal + (1 - mask) * anomalous
    smoothed = (1 - SMOOTHING) * right + SMOOTHING * wrong + SMOOTHING
    loss: Tensor = -((1 - smoothed) ** 2) * smoothed.log()
    return loss


def focal_loss(probabilities: Tensor, mask: Tensor) -> Tensor:
    """Return the mean of `focal_map` over batch and pixels."""
    return focal_map(probabilities, mask).mean()


def pooled_scores(maps: NDArray[np.float32], window: int) -> NDArray[np.float64]:
    """Return of each map the largest mean in a window; zeros around it count.

    Parameters
    ----------
    maps : (N, H, W) float32
        At least 0.
    window : int
        Odd side of the window.

    Returns
    -------
    (N,) float64
    """
    shown = torch.from_numpy(np.array(maps)).unsqueeze(1)
    means = F.avg_pool2d(shown, window, stride=1, padding=window // 2)
    scores: NDArray[np.float64] = means.amax(dim=(1, 2, 3)).double().numpy()
    return scores


def shown(images: NDArray[np.uint8], device: str, batch_size: int = 8) -> Iterator[Tensor]:
    """Yield (N, S, S, 3) uint8 images batch by batch, (B, 3, S, S) float32 in [0, 1]."""
    for start in range(0, len(images), batch_size):
        yield as_tensor(images[start : start + batch_size], device)


def score_window(side: int) -> int:
    """Return the odd side of the window on images of a side: in proportion, and at least 3."""
    return max(3, 2 * (PROGRAM_WINDOW * side // (2 * PROGRAM_SIDE)) + 1)


def adam(parameters: Iterable[nn.Parameter], lr: float) -> torch.optim.Adam:
    """Return Adam; on CUDA its rate and counts are there too, for updates that are recorded."""
    updated = list(parameters)
    device = updated[0].device
    if device.type != "cuda":
        return torch.optim.Adam(updated, lr=lr)
    return torch.optim.Adam(updated, lr=torch.tensor(lr, device=device), capturable=True)


def train(
    optimiser: torch.optim.Optimizer,
    loss: Callable[[B], Tensor],
    batches: Iterable[B],
    *,
    precision: Precision = "float32",
    milestones: Sequence[int] = (),
    factor: float = 1.0,
    on_step: OnStep | None = None,
) -> None:
    """Make one update for each batch; rates are multiplied before those of some indices.

    Parameters
    ----------
    optimiser : torch.optim.Optimizer
        Of what is trained, see `adam`.
    loss : callable
        Batch -> loss, by the same kernels for each: see `destseg.recording`.
    batches : iterable
        Tensors or tuples of such; one update each.
    precision : {"float32", "tf32", "bf16"}
        In what convolutions compute; what networks give is `widened`.
    milestones : sequence of int
        Indices of updates before which the learning rates are multiplied.
    factor : float
        By which.
    on_step : callable, optional
        See `destseg.descent.descend`.

    Raises
    ------
    TrainingDiverged
        When the loss is not finite.
    InputError
        When the device has not the precision.
    """
    device = optimiser.param_groups[0]["params"][0].device

    def losses(batch: B) -> list[Tensor]:
        with autocast(precision, device):
            return [loss(batch)]

    def paced() -> Iterator[B]:
        for index, batch in enumerate(batches):
            if index in milestones:
                for group in optimiser.param_groups:
                    group["lr"] *= factor ** list(milestones).count(index)
            yield batch

    with arithmetic(precision, device), warnings.catch_warnings():
        # Adam tells of the first updates, which are not recorded.
        warnings.filterwarnings("ignore", "This instance was constructed with capturable=True")
        (fault,) = descend([Descent(optimiser, losses, alike=True)], paced(), on_step)
    if fault is not None:
        raise fault


def load_authors(
    build: Callable[..., N], state_dict: Mapping[str, Tensor], firsts: Sequence[str]
) -> N:
    """Build a network of the sizes of the authors' weights, load these and freeze it.

    Parameters
    ----------
    build : callable
        Output channels of the first layers -> the network.
    state_dict : mapping
        The authors'.
    firsts : sequence of str
        Names of those layers' weights.

    Raises
    ------
    InputError
        When a tensor is missing, unknown or of another shape.
    """
    for name in firsts:
        if name not in state_dict:
            raise InputError(f"the authors' weights: {name!r} is missing; give them all.")
    network = build(*(state_dict[name].shape[0] for name in firsts))
    try:
        network.load_state_dict(dict(state_dict))
    except RuntimeError as error:
        told = str(error).splitlines()[1].strip()[:120]
        raise InputError(
            f"the authors' weights: {told}; give all the method's tensors and no others."
        ) from None
    return network.requires_grad_(False).eval()
