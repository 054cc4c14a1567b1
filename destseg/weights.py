"""Weight files: read without running code, and the published ones by name and SHA-256."""

import hashlib
import io
import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from importlib import import_module
from pathlib import Path
from typing import Any, TypeGuard
from urllib.request import Request, urlopen

import torch
from torch import Tensor
from tqdm import tqdm

from destseg.atomic import write_atomically, writing
from destseg.errors import InputError, one_line, suggestion
from destseg.files import irregular
from destseg.resnet import ResNet18
from destseg.teacher import TEACHER_LAYERS

IMAGENET_SHA256 = "f37072fd47e89c5e827621c5baffa7500819f7896bbacec160b1a16c560e07ec"
"""Of the paper's teacher; torchvision names the first eight digits only."""

LARGEST = 2**29
"""Bytes above which a download is another file: a Wide-ResNet-50-2 has a quarter of them."""

CHUNK = 2**20

TIMEOUT = 60.0
"""Seconds without a byte after which a download is given up."""

WRAPPINGS = ("state_dict", "model_state_dict", "model", "net")
"""Names under which checkpoints keep the tensors beside epochs, optimisers and so on."""


@dataclass(frozen=True)
class PublishedWeights:
    """A weight file that anybody can have.

    Parameters
    ----------
    name : str
        What its publisher calls it.
    url : str
        Where it is.
    sha256 : str
        Of the file, or the first digits of it, where its publisher names no more.
    otherwise : str
        What else can be done where it cannot be had.
    """

    name: str
    url: str
    sha256: str
    otherwise: str = "give the path of a weight file with --teacher"

    @property
    def place(self) -> Path:
        """Where torch keeps it: below ``$TORCH_HOME``, by default ``~/.cache/torch``."""
        return Path(torch.hub.get_dir()) / "checkpoints" / self.url.rpartition("/")[2]

    def file(self) -> Path:
        """Return the file, downloaded with progress if it is not there, its digest checked.

        Raises
        ------
        InputError
            When it cannot be downloaded, or is another file; the message says what to put where.
        """
        place = self.place
        remedy = f"put the file from {self.url} there, or {self.otherwise}"
        if not place.is_file():
            try:
                place.parent.mkdir(parents=True, exist_ok=True)
                self._download()
            except (OSError, HTTPException, ValueError) as error:  # no network, no space, ...
                raise InputError(
                    f"{place}: {self.name} cannot be obtained ({one_line(error)}); {remedy}."
                ) from None
        with place.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
        if not found.startswith(self.sha256):
            raise InputError(
                f"{place}: its SHA-256 is {found}, that of {self.name} is {self.sha256}; "
                f"remove it, or {remedy}."
            )
        return place

    def _download(self) -> None:
        """Put the file in its place, whole and the right one, or raise."""
        draft = self.place.with_name(f".{self.place.name}.{os.getpid()}.part")
        total = hashlib.sha256()
        request = Request(self.url, headers={"User-Agent": "destseg"})  # noqa: S310 - our own
        try:
            with urlopen(request, timeout=TIMEOUT) as answer, draft.open("wb") as file:  # noqa: S310
                length = int(answer.headers.get("Content-Length") or 0)
                with tqdm(total=length or None, unit="B", unit_scale=True, delay=2) as shown:
                    while (
                        length <= LARGEST and shown.n <= LARGEST and (chunk := answer.read(CHUNK))
                    ):
                        file.write(chunk)
                        total.update(chunk)
                        shown.update(len(chunk))
                    got = shown.n
            if max(length, got) > LARGEST:
                raise ValueError(f"it has more than {LARGEST // 2**20} MiB, so it is another file")
            if got < length:
                raise ValueError(f"cut off after {got} of {length} bytes")
            if not total.hexdigest().startswith(self.sha256):
                raise ValueError(f"its SHA-256 is {total.hexdigest()} and not {self.sha256}")
            draft.replace(self.place)
        finally:
            draft.unlink(missing_ok=True)


def imagenet() -> PublishedWeights:
    """Return the paper's teacher, torchvision's ``ResNet18_Weights.IMAGENET1K_V1``.

    In timm since 0.9 plain ``resnet18`` is another network, ``resnet18.a1_in1k``; the same as
    this one is ``resnet18.tv_in1k``.
    """
    # Here and not above: torchvision takes seconds, and few trainings need a published file.
    from torchvision.models import ResNet18_Weights

    weights = ResNet18_Weights.IMAGENET1K_V1
    return PublishedWeights(f"torchvision's {weights}", weights.url, IMAGENET_SHA256)


def find_weights(source: str | Path) -> Path:
    """Turn ``imagenet`` into the file of `imagenet`; any other source is the path of a file.

    Raises
    ------
    InputError
        When it is a plain word and no such file is there.
    """
    if source == "imagenet":
        return imagenet().file()
    path = weight_path(source)
    if Path(source).name == str(source) and not path.suffix and not os.path.lexists(path):
        raise InputError(
            f"teacher {source}: neither a teacher's name nor a weight file; "
            f"{suggestion(str(source), ['imagenet'])}"
        )
    return path


def weight_path(source: str | Path) -> Path:
    """Return the path of a weight file, ``~`` spelled out.

    Raises
    ------
    InputError
        When the user has no home folder, as in a container under an arbitrary user id.
    """
    try:
        return Path(source).expanduser()
    except RuntimeError:
        raise InputError(
            f"teacher {source}: this user has no home folder; give the whole path."
        ) from None


def read_file(path: Path) -> Any:
    """Read a file of tensors and plain values, never unpickling anything else.

    A name that ends with ``.safetensors`` is read with the package of that name.

    Raises
    ------
    InputError
        When the file is missing, is not a PyTorch file or holds other objects.
    """
    if os.path.lexists(path) and (fault := irregular(path)) is not None:
        raise InputError(f"{path}: {fault}; give the path of a weight file.")
    if path.suffix == ".safetensors" and path.exists():
        return _read_safetensors(path)
    try:
        with warnings.catch_warnings():
            # A pickle that is none of torch's, which is refused just below.
            warnings.filterwarnings("ignore", "Detected pickle protocol", UserWarning)
            return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise InputError(
            f"{path}: no such weight file; give the path of one that torch.save wrote."
        ) from None
    except Exception:  # a damaged file raises anything: IndexError, struct.error, ...
        raise InputError(
            f"{path}: {_fault(path)}; give a state dict written by "
            "torch.save(model.state_dict(), path)."
        ) from None


def _fault(path: Path) -> str:
    """Say what is wrong with a file that torch does not read; its own words are of its insides."""
    try:
        with path.open("rb") as stream:
            head = stream.read(2)
    except OSError as error:
        return f"cannot be read ({one_line(error)})"
    if head == b"PK" or head[:1] == b"\x80":  # a zip file or a pickle, as torch writes
        return "not a PyTorch file of plain tensors: it is damaged or holds other Python objects"
    return "not a PyTorch file"


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        load_file = import_module("safetensors.torch").load_file
    except ImportError:
        raise InputError(
            f"{path}: reading it takes the package safetensors; install it with "
            "`pip install safetensors`."
        ) from None
    try:
        tensors: dict[str, Tensor] = load_file(path)
    except Exception as error:  # its own error, or an OSError
        raise InputError(
            f"{path}: not a safetensors file ({one_line(error)[:120]}); download it again."
        ) from None
    return tensors


def unwrapped(content: Any, sign: str) -> Any:
    """Take what a file held out of the wrappings that are common, where it has some.

    These are a mapping of tensors under one of `WRAPPINGS`, and a prefix of all names, such as
    DataParallel's ``module.``; ``sign`` is a name that has none.
    """
    if isinstance(content, Mapping) and not is_state_dict(content):
        kept = [content[name] for name in WRAPPINGS if content.get(name)]
        inner = [tensors for tensors in kept if is_state_dict(tensors)]
        content = inner[0] if len(inner) == 1 else content
    if not is_state_dict(content):
        return content
    prefixes = [name.removesuffix(sign) for name in content if name.endswith(f".{sign}")]
    prefix = min(prefixes, key=len, default="")
    if sign in content or not all(name.startswith(prefix) for name in content):
        return content
    return {name.removeprefix(prefix): tensor for name, tensor in content.items()}


def write_file(path: Path, content: Mapping[str, Any]) -> Path:
    """Write a file of tensors and plain values, whole or not at all; return its path.

    Raises
    ------
    InputError
        When it cannot be written.
    """
    buffer = io.BytesIO()
    torch.save(content, buffer)
    with writing(path):
        write_atomically(path, buffer.getvalue())
    return path


def read_state_dict(path: Path, sign: str = "conv1.weight") -> dict[str, Tensor]:
    """Read a file of named tensors and nothing else, wrapped as in `unwrapped` or not.

    Raises
    ------
    InputError
        When the file is missing, is not a PyTorch weight file or holds other objects.
    """
    loaded = unwrapped(read_file(path), sign)
    if not is_state_dict(loaded):
        raise InputError(
            f"{path}: holds {type(loaded).__name__} instead of a state dict of tensors; "
            "give a state dict written by torch.save(model.state_dict(), path)."
        )
    return dict(loaded)


def is_state_dict(content: Any) -> TypeGuard[Mapping[str, Tensor]]:
    """Tell whether what a file held is named tensors and nothing else."""
    return isinstance(content, Mapping) and all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in content.items()
    )


def load_trunk(
    path: Path,
    *,
    width: int = 64,
    layers: int = TEACHER_LAYERS,
    setting: str = "the teacher's width",
) -> ResNet18:
    """Build a trunk from a torchvision-named state dict; deeper layers and ``fc`` are ignored.

    Raises
    ------
    InputError
        When the file cannot be read, or a key is missing or has another shape.
    """
    state = read_state_dict(path)
    trunk = ResNet18(width, layers)
    wanted = trunk.state_dict()
    missing = [key for key in wanted if key not in state and not key.endswith("batches_tracked")]
    if missing:
        raise InputError(
            f"{path}: {len(missing)} of {len(wanted)} ResNet-18 tensors are missing, the first "
            f"is {missing[0]!r}; give weights under torchvision's names up to layer{layers}."
        )
    for key, tensor in wanted.items():
        if key in state and state[key].is_floating_point() != tensor.is_floating_point():
            raise InputError(
                f"{path}: {key} is of type {state[key].dtype}; give weights of floating numbers."
            )
        if key in state and state[key].shape != tensor.shape:
            raise InputError(
                f"{path}: {key} has shape {tuple(state[key].shape)}, a ResNet-18 of width {width} "
                f"needs {tuple(tensor.shape)}; set {setting} to match the file."
            )
    trunk.load_state_dict({key: state.get(key, value) for key, value in wanted.items()})
    return trunk
