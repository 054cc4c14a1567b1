"""The teacher: ImageNet's, a file, the distilled one of this package, or one made on the spot."""

import hashlib
import json
import logging
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from bench.common.plain_files import TEXT_LIMIT, read_plain
from bench.data.cache import NotCached, publish, recipe_key, require_leave, require_whole
from bench.data.pretraining import RECIPE_VERSION, Recipe, pretrain
from bench.data.wide_resnet import WIDE_RESNET, WideResNet50, wide_imagenet
from destseg.errors import InputError, suggestion
from destseg.resnet import ResNet18, initialise
from destseg.teacher import TEACHER_LAYERS
from destseg.weights import PublishedWeights, imagenet, load_trunk, read_state_dict, weight_path

log = logging.getLogger(__name__)

TRUNK = "trunk.pth"
REPORT = "report.json"

TEACHERS = ("distilled", "procedural", "untrained", "imagenet")
"""Those that have a name."""

DISTILLED = Path(__file__).with_name("teachers") / "distilled.pth"
"""A small teacher that sees as ImageNet's ResNet-18 does; the card beside it tells how."""

DISTILLED_WIDTH = 16

DISTILLED_DIGEST = "3356bb666e190527ddeb61bb9ed0c90ef18b0c0b110c829f51135326b96c2f15"
"""Of its tensors, see `tensor_digest`."""

UNTRAINED_VERSION = 1
"""Raised when the untrained teacher gets other weights."""


@dataclass(frozen=True)
class TeacherRef:
    """A teacher's trunk on disk."""

    path: Path  # state dict under torchvision's names, up to layer 3, in the cache
    digest: str  # SHA-256 of the tensors' names, shapes and bytes, not of the file
    width: int  # channels of layer 1
    name: str  # the source it was asked for by, or a weight file's stem
    # Of a procedural teacher, the accuracy on held-out images of its own task.
    accuracy: float | None = None
    is_wide: bool = False  # a Wide-ResNet-50-2 instead of a ResNet-18


def prepare_teacher(
    source: str,
    cache: Path,
    *,
    width: int = 64,
    setting: str = "the teacher's width",
    recipe: Recipe | None = None,
) -> TeacherRef:
    """Provide a teacher in the cache: pretrain, download or read it, and check it.

    Parameters
    ----------
    source : str
        ``distilled``, of width 16 alone (`DISTILLED`), ``procedural``, which is pretrained when it
        is first needed, ``untrained`` (`untrained_trunk`), ``imagenet`` (torchvision's
        ``ResNet18_Weights.IMAGENET1K_V1``) or the path of a state dict; layer 4 and ``fc``
        may be in it and are left out. Also ``wide_resnet50_2``, torchvision's
        ``Wide_ResNet50_2_Weights.IMAGENET1K_V1``, for methods that ask for it by name.
    width : int
        Channels of layer 1; ImageNet's ResNet-18 has 64.
    setting : str
        What somebody sets for another width.
    recipe : Recipe, optional
        How a procedural teacher is pretrained, its width included; by default
        ``Recipe(width=width)``.

    Raises
    ------
    InputError
        When the weights cannot be downloaded, read or used.
    """
    if source == "distilled":
        if width != DISTILLED_WIDTH:
            raise InputError(
                f"the distilled teacher has width {DISTILLED_WIDTH}, not {width}; set {setting} to "
                f"{DISTILLED_WIDTH}, or teacher to procedural, which has any."
            )
        ref = _import(DISTILLED, source, width, cache, setting)
        if ref.digest != DISTILLED_DIGEST:
            raise InputError(f"{DISTILLED}: is not the file of the package; install that again.")
        return ref
    if source == "procedural":
        return _procedural(recipe or Recipe(width=width), cache)
    if source == "untrained":
        folder = cache / "teachers" / f"untrained-{width}-v{UNTRAINED_VERSION}"
        state = untrained_trunk(width).state_dict()
        publish(folder, lambda draft: torch.save(state, draft / TRUNK))
        return TeacherRef(folder / TRUNK, tensor_digest(state), width, source)
    if source == "imagenet":
        return _import(_file(imagenet()), source, width, cache, setting)
    if source == WIDE_RESNET:
        file = _file(wide_imagenet())
        network = WideResNet50()
        network.load(file, read_state_dict(file))
        ref = _keep(file, network.state_dict(), source, width, cache)
        return replace(ref, is_wide=True)
    file = weight_path(source)
    if not file.exists() and Path(source).name == source and not file.suffix:
        raise InputError(
            f"teacher {source!r}: neither a teacher's name nor a weight file; "
            f"{suggestion(source, TEACHERS)}"
        )
    return _import(file, file.stem, width, cache, setting)


def obtain_weights(source: str) -> None:
    """Download the published weights that a source names, unless they are there; else nothing.

    Raises
    ------
    InputError
        When they cannot be downloaded.
    """
    published = {"imagenet": imagenet, WIDE_RESNET: wide_imagenet}.get(source)
    if published is not None:
        _file(published())


def untrained_trunk(width: int) -> ResNet18:
    """Draw a trunk of Kaiming-normal weights, the same bits on every machine.

    Pretraining on the spot amplifies how a processor rounds until its teachers differ by a point
    or two of every metric. Where only a change of code is to show, as in ``bench regress``, random
    features do as well: a student can match them, and nothing was trained to get them. NumPy
    draws them, since torch's normal numbers differ in their last bits between processors.
    """
    rng = np.random.default_rng(UNTRAINED_VERSION)
    trunk = ResNet18(width, layers=TEACHER_LAYERS)
    initialise(trunk)
    with torch.no_grad():
        for module in trunk.modules():
            if isinstance(module, nn.Conv2d):
                fan_out = module.out_channels * math.prod(module.kernel_size)
                drawn = rng.standard_normal(module.weight.shape) * math.sqrt(2 / fan_out)
                module.weight.copy_(torch.from_numpy(drawn))
    return trunk.eval()


def load_teacher(teacher: TeacherRef) -> ResNet18:
    """Load a prepared teacher in eval mode, its parameters frozen.

    Raises
    ------
    InputError
        When it is not what was prepared.
    """
    require_whole(teacher.path.parent)
    trunk = load_trunk(teacher.path, width=teacher.width, layers=TEACHER_LAYERS)
    return trunk.eval().requires_grad_(False)


def load_backbone(backbone: TeacherRef) -> ResNet18 | WideResNet50:
    """Load a teacher or a Wide-ResNet-50-2 in eval mode, its parameters frozen."""
    if not backbone.is_wide:
        return load_teacher(backbone)
    require_whole(backbone.path.parent)
    network = WideResNet50()
    network.load(backbone.path, read_state_dict(backbone.path))
    return network.eval().requires_grad_(False)


def tensor_digest(state: Mapping[str, Tensor]) -> str:
    """Digest tensors by name, type, shape and bytes.

    BatchNorm's ``num_batches_tracked`` is left out: no output depends on it and some files
    lack it.
    """
    total = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        if not name.endswith("num_batches_tracked"):
            array = tensor.detach().contiguous().numpy()
            total.update(f"{name}\0{array.dtype}\0{array.shape}\n".encode())
            total.update(array.tobytes())
    return total.hexdigest()


def _procedural(recipe: Recipe, cache: Path) -> TeacherRef:
    """Pretrain by the recipe, unless the cache has that teacher."""
    settings = {"version": RECIPE_VERSION, **asdict(recipe)}
    key = recipe_key(settings)

    def fill(draft: Path) -> None:
        log.info("pretraining the procedural teacher: %s", settings)
        result = pretrain(recipe)
        state = {name: tensor.contiguous() for name, tensor in result.trunk.state_dict().items()}
        torch.save(state, draft / TRUNK)
        report = {
            "recipe": settings,
            "training_accuracy": result.training_accuracy,
            "accuracy": result.accuracy,
            "digest": tensor_digest(state),
        }
        (draft / REPORT).write_text(json.dumps(report, indent=2), encoding="utf-8")
        log.info(
            "procedural teacher: accuracy %.3f in training, %.3f held out",
            result.training_accuracy,
            result.accuracy,
        )

    folder = publish(cache / "teachers" / f"procedural-{recipe.width}-{key}", fill)
    try:
        report = json.loads(read_plain(folder / REPORT, TEXT_LIMIT))
        digest, accuracy = report["digest"], report["accuracy"]
    except (OSError, ValueError, TypeError, KeyError):
        # Only where seals are not checked: it is as good as not there.
        raise NotCached(folder) from None
    return TeacherRef(folder / TRUNK, digest, recipe.width, "procedural", accuracy)


def _file(published: PublishedWeights) -> Path:
    """Return a published file, downloaded if that is allowed."""
    if not published.place.is_file():
        require_leave(published.place)
    return published.file()


def _import(file: Path, name: str, width: int, cache: Path, setting: str) -> TeacherRef:
    """Check a weight file and keep its trunk in the cache."""
    trunk = load_trunk(file, width=width, layers=TEACHER_LAYERS, setting=setting)
    return _keep(file, trunk.state_dict(), name, width, cache)


def _keep(
    file: Path, state: Mapping[str, Tensor], name: str, width: int, cache: Path
) -> TeacherRef:
    """Check what a weight file held and keep it in the cache, safe from later edits."""
    broken = [key for key, tensor in state.items() if not tensor.isfinite().all()]
    if broken:
        raise InputError(
            f"{file}: {broken[0]} holds values that are not finite; give an undamaged weight file."
        )
    digest = tensor_digest(state)
    folder = cache / "teachers" / f"trunk-{width}-{digest[:16]}"
    publish(folder, lambda draft: torch.save(state, draft / TRUNK))
    return TeacherRef(folder / TRUNK, digest, width, name)
