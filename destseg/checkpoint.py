"""Model files: ours, with settings and score scale, and the authors', a plain state dict."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from destseg.card import read_card
from destseg.config import FUSION_INPUTS, FusionInput, ModelConfig, StudentKind
from destseg.errors import InputError, one_line
from destseg.features import LEVELS, fusion_channels
from destseg.images import DEPTHS
from destseg.model import DeSTSeg
from destseg.prediction import Scale
from destseg.resnet import ResNet18
from destseg.teacher import TEACHER_LAYERS
from destseg.weights import is_state_dict, read_file, unwrapped, write_file

FORMAT = "destseg-bench model"
VERSION = 1
BATCH_COUNTER = "num_batches_tracked"
SIGN = "teacher_net.encoder.conv1.weight"
"""A tensor that every whole model has."""


def save(model: DeSTSeg, path: Path | str) -> Path:
    """Write one file with the weights, the settings and the score scale.

    Parameters
    ----------
    model : DeSTSeg
        On any device.
    path : Path or str
        The file; replaced whole or not at all.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InputError
        When it cannot be written.
    """
    settings = {
        **asdict(model.config),
        "student": model.student_net.kind,
        "fusion_input": model.segmentation_net.fusion_input,
        "size": model.size,
        "scale": asdict(model.scale),
        **({} if model.depth is None else {"depth": model.depth}),
    }
    content = {"format": FORMAT, "version": VERSION, "settings": settings}
    # Beside the settings, where a program that knows of no card passes it over.
    content["card"] = model.card.stored()
    return write_file(Path(path), {**content, "tensors": authors_state_dict(model)})


def save_authors(model: DeSTSeg, path: Path | str) -> Path:
    """Write a file that the authors' program loads: the plain state dict under their names.

    Parameters and result are those of `save`.

    Raises
    ------
    InputError
        When it cannot be written, or the model has parts of another shape than theirs, which
        their program would refuse, or other dilations, which it would silently replace by its
        own.
    """
    parts = {
        "student": (model.student_net.kind != "decoder", model.student_net.kind),
        "segmentation input": (model.segmentation_net.fusion_input == "product", "another"),
        "sizes": (model.config == ModelConfig(), str(model.config)),
    }
    for name, (same, found) in parts.items():
        if not same:
            raise InputError(
                f"{path}: the authors' program cannot use this model; {name}: {found}."
            )
    return write_file(Path(path), authors_state_dict(model))


def authors_state_dict(model: DeSTSeg) -> dict[str, Tensor]:
    """Return all tensors on the CPU, under the authors' names, which the model's modules bear."""
    return {name: tensor.detach().cpu() for name, tensor in model.state_dict().items()}


def load(path: Path | str, device: torch.device | str = "cpu") -> DeSTSeg:
    """Read a model from our file or from the authors', without running any code in it.

    The authors' files say nothing of settings: sizes and the student's shape are read off the
    tensors, images are resized to 256 px and maps are taken for probabilities.

    Parameters
    ----------
    path : Path or str
        The file.
    device : torch.device or str
        Where the model is to be.

    Returns
    -------
    DeSTSeg
        In evaluation mode, without gradients.

    Raises
    ------
    InputError
        When the file is missing, damaged, newer than this program, or no such model.
    """
    if not isinstance(path, str | os.PathLike):
        raise InputError(f"load: {type(path).__name__} given; give the path of a model file.")
    path = Path(path)
    try:
        device = torch.device(device)
    except (RuntimeError, TypeError):
        raise InputError(f"load: no device {device!r}; give 'cpu' or 'cuda'.") from None
    if not os.path.lexists(path):
        raise InputError(
            f"{path}: no such model file; `python -m destseg train --data DIR --out {path}` writes "
            "one."
        )
    content = read_file(path)
    if isinstance(content, Mapping) and content.get("format") == FORMAT:
        tensors, settings = _ours(path, content)
    else:
        tensors = _tensors(path, unwrapped(content, SIGN))
        settings = _settings_of(path, tensors)
    try:
        model = _build(**settings)
        if isinstance(content, Mapping) and "card" in content:
            model.card = read_card(content["card"])
    except (TypeError, ValueError) as error:
        raise InputError(f"{path}: its settings are not a model's ({error}).") from None
    _fill(path, model, tensors)
    try:
        model = model.to(device)
    except (RuntimeError, AssertionError) as error:  # which one is for torch's build to say
        raise InputError(
            f"load: device {device}: cannot be used here ({one_line(error)})."
        ) from None
    return model.eval().requires_grad_(False)


def _build(
    *,
    width: int,
    segmentation_width: int,
    dilations: Sequence[int],
    student: StudentKind,
    fusion_input: FusionInput,
    size: int = 256,
    scale: Mapping[str, float] = MappingProxyType({}),
    depth: int | None = None,
) -> DeSTSeg:
    if depth not in (None, *DEPTHS):
        raise ValueError(f"depth is {depth}")
    return DeSTSeg(
        ResNet18(width, TEACHER_LAYERS),
        ModelConfig(width, segmentation_width, tuple(dilations)),
        student=student,
        fusion_input=fusion_input,
        size=size,
        scale=Scale(**scale),
        depth=depth,
    )


def _ours(path: Path, content: Mapping[str, Any]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    if content.get("version") != VERSION:
        raise InputError(
            f"{path}: a model file of version {content.get('version')}; this program reads "
            f"version {VERSION}: install the one that wrote it."
        )
    settings = content.get("settings")
    if not isinstance(settings, Mapping):
        raise InputError(f"{path}: has no settings; it was not written by this program.")
    return _tensors(path, content.get("tensors")), dict(settings)


def _tensors(path: Path, content: Any) -> dict[str, Tensor]:
    if not is_state_dict(content):
        raise InputError(
            f"{path}: neither a model file nor a state dict; give a file of `destseg train` or "
            "one of the authors' checkpoints."
        )
    return dict(content)


def _settings_of(path: Path, tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    """Read sizes and shapes off a state dict under the authors' names."""
    needed = {
        "width": SIGN,
        "segmentation_width": "segmentation_net.head.4.weight",
        "fused": "segmentation_net.res.0.conv1.weight",
    }
    missing = [name for name in needed.values() if name not in tensors]
    if missing:
        raise InputError(
            f"{path}: has no tensor {missing[0]!r}; give a whole DeSTSeg model: teacher, student "
            "and segmentation net under the authors' names."
        )
    width = tensors[needed["width"]].shape[0]
    fused = tensors[needed["fused"]].shape[1]
    levels = [width * 2**level for level in range(LEVELS)]
    inputs = {fusion_channels(levels, kind): kind for kind in FUSION_INPUTS}
    if fused not in inputs:
        raise InputError(f"{path}: {needed['fused']} takes {fused} channels, not {sum(levels)}.")
    return {
        **asdict(ModelConfig(width, tensors[needed["segmentation_width"]].shape[1])),
        "student": _student_of(tensors),
        "fusion_input": inputs[fused],
    }


def _student_of(tensors: Mapping[str, Tensor]) -> StudentKind:
    if any(name.startswith("student_net.bottleneck.") for name in tensors):
        return "decoder"
    if any(name.startswith("student_net.decoder_layer") for name in tensors):
        return "encoder-decoder"
    return "encoder"


def _fill(path: Path, model: DeSTSeg, tensors: dict[str, Tensor]) -> None:
    """Load tensors under the authors' names; the counters of BatchNorm may be lacking."""
    wanted = model.state_dict()
    for name, tensor in wanted.items():
        if name.endswith(BATCH_COUNTER):
            tensors.setdefault(name, tensor)
        found = tensors.get(name)
        if found is None:
            raise InputError(f"{path}: has no tensor {name!r}; give a whole model.")
        if found.shape != tensor.shape:
            raise InputError(
                f"{path}: {name} has shape {tuple(found.shape)}, the model needs "
                f"{tuple(tensor.shape)}; give a whole model of the paper's design."
            )
        if not found.isfinite().all():
            raise InputError(
                f"{path}: {name} holds values that are not finite; give an undamaged file."
            )
    for name in tensors:
        if name not in wanted:
            raise InputError(f"{path}: {name!r} is no tensor of a DeSTSeg model.")
    model.load_state_dict(tensors)
