"""Training on anybody's folder: images in, a usable model out."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch
from numpy.typing import NDArray

from destseg.bars import OnProgress
from destseg.batches import Batch, TrainingImages, training_batches
from destseg.calibration import CALIBRATION_BATCHES, measure_scale
from destseg.config import AnomalyConfig, ModelConfig, Rotation, StudentKind, TrainingConfig
from destseg.errors import InputError
from destseg.images import image_files, images_below, input_faults, read_rgb, require_folder
from destseg.model import DeSTSeg
from destseg.resuming import PartFile, StageKeeper, identity_of
from destseg.textures import procedural_textures
from destseg.training import (
    build_segmentation,
    build_student,
    train_segmentation,
    train_student,
)
from destseg.weights import find_weights, load_trunk

ROTATIONS: Mapping[str, Rotation] = MappingProxyType(
    {
        "none": Rotation(),
        "slight": Rotation(degrees=5.0),
        "full": Rotation(quarter_turns=True, degrees=5.0),
    }
)
"""The paper's three policies by name (section 3.2): which of them suits depends on the object."""


@dataclass(frozen=True)
class _Stream:
    """Where the batches of one training come from."""

    data: TrainingImages
    config: TrainingConfig
    anomalies: AnomalyConfig
    seed: int
    device: torch.device | str

    def batches(self, stage: int, steps: int, *, before: int = 0, done: int = 0) -> Iterator[Batch]:
        """Yield what is left of a stage, whose stream had given some before it began."""
        return training_batches(
            self.data,
            batch_size=self.config.batch_size,
            steps=steps - done,
            # Seeds of stages are far apart, so that neighbouring seeds of users share no stream.
            seed=self.seed + (stage << 32),
            first=before + done,
            anomalies=self.anomalies,
            device=self.device,
        )


def train(
    data: Path | str,
    *,
    textures: Path | str | None = None,
    teacher: Path | str = "imagenet",
    size: int = 256,
    rotation: str = "none",
    student: StudentKind = "encoder-decoder",
    config: TrainingConfig = TrainingConfig(),
    sizes: ModelConfig = ModelConfig(),
    anomalies: AnomalyConfig = AnomalyConfig(),
    seed: int = 0,
    device: torch.device | str = "cpu",
    part: Path | str | None = None,
    on_progress: OnProgress | None = None,
) -> DeSTSeg:
    """Train the full method on a folder of normal images.

    Parameters
    ----------
    data : Path or str
        A folder with ``train/good``, as a category of MVTec AD, or of images itself.
    textures : Path or str, optional
        Images of any kind from which anomalies are cut, such as DTD; by default procedural ones.
    teacher : Path or str
        ``imagenet``, or the path of a ResNet-18 state dict under torchvision's names.
    size : int
        Side in pixels to which images are resized.
    rotation : {"none", "slight", "full"}
        How training images may be turned, see `ROTATIONS`.
    student : {"encoder-decoder", "encoder", "decoder"}
        The student's shape.
    config : TrainingConfig
        The recipe; by default the paper's.
    sizes : ModelConfig
        Sizes of the networks; the width must be the teacher's.
    anomalies : AnomalyConfig
        How synthetic anomalies are drawn.
    seed : int
        Of everything random, at least 0.
    device : torch.device or str
        Where to train.
    part : Path or str, optional
        A file that keeps the unfinished training: the same call goes on where it was interrupted,
        to the same weights on a CPU. The caller removes it once the model is saved.
    on_progress : callable, optional
        Called now and then.

    Returns
    -------
    DeSTSeg
        In evaluation mode, on ``device``, its scale measured.

    Raises
    ------
    InputError
        When an input is missing, damaged or too small.
    TrainingDiverged
        When the loss is not finite.

    Examples
    --------
    >>> import destseg, numpy, tempfile, torch
    >>> from PIL import Image
    >>> folder = Path(tempfile.mkdtemp())
    >>> for index in range(4):
    ...     pixels = numpy.random.default_rng(index).integers(90, 110, (40, 40, 3), numpy.uint8)
    ...     Image.fromarray(pixels).save(folder / f"{index}.png")
    >>> trunk = folder / "trunk.pth"  # a small random teacher; leave it out for ImageNet's
    >>> _ = torch.manual_seed(0)
    >>> torch.save(destseg.resnet.ResNet18(width=8, layers=3).state_dict(), trunk)
    >>> model = destseg.train(
    ...     folder,
    ...     teacher=trunk,
    ...     size=64,
    ...     config=destseg.TrainingConfig(
    ...         batch_size=2, student_steps=2, segmentation_steps=2, student_lr=0.05
    ...     ),
    ...     sizes=destseg.ModelConfig(width=8, segmentation_width=8, dilations=(1, 2)),
    ... )
    >>> path = destseg.save(model, folder / "model.pt")
    >>> (prediction,) = destseg.load(path).predict(folder / "0.png")
    >>> prediction.anomaly_map.shape, 0 < prediction.score < 1
    ((40, 40), True)
    """
    if rotation not in ROTATIONS:
        raise InputError(f"rotation {rotation!r}: unknown; use one of {', '.join(ROTATIONS)}.")
    images = read_folder(normal_folder(Path(data)), size)
    if len(images) < config.batch_size:
        raise InputError(
            f"{data}: {len(images)} images are fewer than one batch of {config.batch_size}; "
            "give more images or a smaller batch size."
        )
    sources = procedural_textures(size) if textures is None else read_folder(Path(textures), size)
    trunk = load_trunk(find_weights(teacher), width=sizes.width)
    model = DeSTSeg(trunk, sizes, student=student, size=size).to(device)
    stream = _Stream(
        TrainingImages(images, sources, ROTATIONS[rotation]), config, anomalies, seed, device
    )
    file = None
    if part is not None:
        options = {
            "config": asdict(config),
            "sizes": asdict(sizes),
            "anomalies": asdict(anomalies),
            "rotation": rotation,
            "student": student,
            "seed": seed,
        }
        given = (torch.from_numpy(images), torch.from_numpy(sources), *trunk.state_dict().values())
        file = PartFile(Path(part), identity_of(options, *given))
    _fit(model, stream, file, on_progress)
    fresh = stream.batches(3, CALIBRATION_BATCHES)
    model.scale = measure_scale(model, fresh, images, on_progress)
    return model


def normal_folder(data: Path) -> Path:
    """Return the folder of normal images: ``train/good`` below ``data``, or ``data`` itself."""
    require_folder(data, "give one with train/good, or of images")
    good = data / "train" / "good"
    if good.is_dir():
        return good
    if not image_files(data):
        raise InputError(f"{data}: neither has a folder train/good nor images; give one that has.")
    return data


def read_folder(folder: Path, size: int) -> NDArray[np.uint8]:
    """Read every image below a folder, by path.

    Returns
    -------
    ndarray
        (N, size, size, 3) uint8.

    Raises
    ------
    InputError
        When there is none, or with all that cannot be read.
    """
    images, faults = [], []
    for file in images_below(folder, "give a folder that has some"):
        try:
            images.append(read_rgb(file, size))
        except InputError as error:
            faults.append(str(error))
    if faults:
        raise input_faults(str(folder), faults)
    return np.stack(images)


def _fit(
    model: DeSTSeg, stream: _Stream, part: PartFile | None, on_progress: OnProgress | None
) -> None:
    """Train the student, then the segmentation net, in place."""
    config, seed = stream.config, stream.seed
    device = next(model.parameters()).device
    kind, levels = model.student_net.kind, model.teacher_net.encoder.channels
    model.student_net = build_student(model.config, kind, seed=seed).to(device)
    model.segmentation_net = build_segmentation(levels, model.config, seed=seed).to(device)

    def keeper(stage: str) -> StageKeeper | None:
        return None if part is None else part.stage(stage, model)

    def beat(stage: str, done: int, steps: int) -> Callable[[int, float], None]:
        def tell(step: int, note: str = "") -> None:
            if on_progress is not None:
                on_progress(stage, step, steps, note)

        tell(done)
        return lambda step, loss: tell(step, f"loss {loss:.4g}")

    steps, later = config.student_steps, config.segmentation_steps
    if part is not None and part.is_past("student"):
        part.restore(model)
        model.student_net.requires_grad_(False).eval()
    else:
        keep = keeper("student")
        done = keep.done if keep else 0
        train_student(
            model.teacher_net,
            model.student_net,
            stream.batches(1, steps, done=done),
            config,
            den=True,
            on_step=beat("student", done, steps),
            keeper=keep,
        )
    whole = config.data_stream == "whole"
    keep = keeper("segmentation")
    done = keep.done if keep else 0
    train_segmentation(
        model.teacher_net,
        model.student_net,
        model.segmentation_net,
        stream.batches(1 if whole else 2, later, before=steps if whole else 0, done=done),
        config,
        on_step=beat("segmentation", done, later),
        keeper=keep,
    )
    model.eval()
