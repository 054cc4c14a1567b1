"""STFPM's student, and its distances from the teacher."""

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor

from destseg.errors import InputError
from destseg.resnet import ResNet18, initialise
from destseg.teacher import TEACHER_LAYERS

_AUTHORS_PARTS = {"0": "conv1", "1": "bn1", "4": "layer1", "5": "layer2", "6": "layer3"}


def build_student(width: int, *, seed: int) -> ResNet18:
    """Initialise a student as torchvision does a ResNet-18, every BatchNorm weight at 1.

    The layer 4 that the program's has besides is left out: nothing depends on it.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        student = ResNet18(width, TEACHER_LAYERS)
        initialise(student)
    return student


def from_authors(state_dict: Mapping[str, Tensor]) -> ResNet18:
    """Build a student from the ``state_dict`` of one of the authors' checkpoints.

    Parameters
    ----------
    state_dict : mapping of str to Tensor
        Under the names ``model.<i>.``, of any width; layer 4 may be missing and is not used.

    Returns
    -------
    ResNet18
        Of three layers, frozen, in evaluation mode.

    Raises
    ------
    InputError
        When a tensor is missing or has another shape than the others require.
    """
    found = {}
    for name, tensor in state_dict.items():
        _, _, place = name.partition("model.")
        index, _, rest = place.partition(".")
        if index in _AUTHORS_PARTS:
            found[f"{_AUTHORS_PARTS[index]}.{rest}"] = tensor
    if "conv1.weight" not in found:
        raise InputError(
            "the state dict has no tensor 'model.0.weight'; give the state_dict of one of STFPM's "
            "checkpoints."
        )
    student = ResNet18(len(found["conv1.weight"]), TEACHER_LAYERS)
    try:
        student.load_state_dict(found)
    except RuntimeError as error:
        raise InputError(f"the state dict is no STFPM student's ({error}).") from None
    return student.requires_grad_(False).eval()


def squared_distances(teacher: Sequence[Tensor], student: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Compute the squared distance of unit feature vectors at each position of each level.

    Parameters
    ----------
    teacher, student : sequence of Tensor
        (B, C_k, H_k, W_k) features, not normalised.

    Returns
    -------
    tuple of Tensor
        (B, 1, H_k, W_k) in [0, 4], [0, 2] for features that are at least 0; 1 where one of the two
        vectors is zero and 0 where both are.
    """
    return tuple(
        (F.normalize(t, dim=1) - F.normalize(s, dim=1)).square().sum(dim=1, keepdim=True)
        for t, s in zip(teacher, student, strict=True)
    )


def matching_loss(distances: Sequence[Tensor]) -> Tensor:
    """Sum over levels of the mean over batch and positions, 2/B times DeSTSeg's cosine loss."""
    return torch.stack([distance.mean() for distance in distances]).sum()


def anomaly_map(distances: Sequence[Tensor], size: Sequence[int] | None = None) -> Tensor:
    """Multiply the levels' distances, each resized bilinearly.

    Parameters
    ----------
    distances : sequence of Tensor
        (B, 1, H_k, W_k).
    size : sequence of int, optional
        Height and width of the product; by default the first level's, 64 x 64 of images of
        256 x 256, the size that the program has for all.

    Returns
    -------
    Tensor
        (B, 1, *size); larger is more anomalous.
    """
    height, width = size or distances[0].shape[-2:]
    product = torch.ones_like(distances[0][..., :1, :1])
    for distance in distances:
        product = product * F.interpolate(
            distance, size=(height, width), mode="bilinear", align_corners=False
        )
    return product
