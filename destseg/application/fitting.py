"""Training on anybody's folder: images in, a usable model out."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import MappingProxyType

import torch

from destseg.application.calibration import CALIBRATION_BATCHES, calibrate
from destseg.application.devices import choose_device
from destseg.application.options import installed
from destseg.application.parts import FOLDER, SMALLEST, normal_files, read_images
from destseg.application.progress import OnProgress
from destseg.application.resuming import PartFile, identity_of
from destseg.batches import Batch, TrainingImages, training_batches
from destseg.card import TRAINING_IMAGES, Card
from destseg.config import AnomalyConfig, ModelConfig, Rotation, StudentKind, TrainingConfig
from destseg.descent import UNKEPT, Keeper
from destseg.errors import InputError, counted, suggestion
from destseg.folders import images_below
from destseg.model import DeSTSeg
from destseg.precision import require_precision
from destseg.seeding import derive_seed
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
"""The paper's three policies by name ("Data" in docs/method.md); the parts decide."""


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
        Of everything random.
    device : torch.device or str
        Where to train: ``cpu``, ``cuda``, or ``auto`` for a GPU where there is one.
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
    device = choose_device(str(device))
    require_precision(config.precision, device)
    if rotation not in ROTATIONS:
        raise InputError(f"rotation {rotation!r}: unknown; {suggestion(rotation, ROTATIONS)}")
    if size < SMALLEST:
        raise InputError(f"size {size}: the smallest useful one is {SMALLEST} pixels.")
    images, depth = read_images(normal_files(Path(data)), size, str(data), least=SMALLEST)
    if len(images) == 1:
        raise InputError(
            f"{data}: 1 image; a training needs 2 at least, and some 30 to learn what normal parts "
            "have in common: give more."
        )
    if len(images) < config.batch_size:
        raise InputError(
            f"{data}: {counted(len(images), 'image')} cannot fill one batch of "
            f"{config.batch_size}; give more images, or a smaller batch size (--batch-size, "
            "TrainingConfig.batch_size), which is at least 2."
        )
    if textures is None:
        sources = procedural_textures(size)
    else:
        files = images_below(Path(textures), FOLDER)
        sources, _ = read_images(files, size, str(textures))
    trunk = load_trunk(find_weights(teacher), width=sizes.width)
    model = DeSTSeg(trunk, sizes, student=student, size=size, depth=depth)

    def derived(stage: str, stream: str) -> int:
        return derive_seed(stage=stage, stream=stream, seed=seed)

    model.student_net = build_student(sizes, student, seed=derived("student", "weights"))
    model.segmentation_net = build_segmentation(
        trunk.channels, sizes, seed=derived("segmentation", "weights")
    )
    model.to(device)
    keeper = None
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
        keeper = PartFile(Path(part), identity_of(options, *given), options)
    normal = TrainingImages(images, sources, ROTATIONS[rotation])

    def batches(stream: str, steps: int, first: int = 0) -> Iterator[Batch]:
        return training_batches(
            normal,
            batch_size=config.batch_size,
            steps=steps,
            seed=derived(stream, "data"),
            first=first,
            anomalies=anomalies,
            device=device,
        )

    _fit(model, batches, config, keeper, on_progress)
    found = calibrate(model, batches("scale", CALIBRATION_BATCHES), images, on_progress)
    model.scale = found.scale
    model.card = Card(
        name=_name(Path(data)),
        images=len(images),
        recipe={
            **asdict(config),
            "size": size,
            "rotation": rotation,
            "student": student,
            "teacher": Path(teacher).name,
            "textures": "procedural" if textures is None else Path(textures).name,
            "seed": seed,
        },
        trained=datetime.now(UTC).date().isoformat(),
        version=installed(),
        good=TRAINING_IMAGES,
        good_scores=found.scores,
        separation=found.separation,
    )
    return model


def _name(data: Path) -> str:
    """Return what a folder of parts is called, ``bottle`` of ``bottle/train/good`` too."""
    place = data.resolve()
    return place.parents[1].name if place.parts[-2:] == ("train", "good") else place.name


def _fit(
    model: DeSTSeg,
    batches: Callable[[str, int, int], Iterator[Batch]],
    config: TrainingConfig,
    keeper: PartFile | None,
    on_progress: OnProgress | None,
) -> None:
    """Train the student, then the segmentation net, in place."""

    def run(stage: str, steps: int, train_stage: Callable[..., object], first: int = 0) -> None:
        if keeper is not None and keeper.is_past(stage):
            return
        kept: Keeper = keeper.begin(stage, beside[stage]) if keeper else UNKEPT

        def tell(step: int, loss: float | None = None) -> None:
            if on_progress is not None:
                on_progress(stage, step, steps, "" if loss is None else f"loss {loss:.4g}")

        tell(kept.done)
        stream = "student" if first else stage
        left = batches(stream, steps - kept.done, first + kept.done)
        with nullcontext() if keeper is None else keeper.saved_when_interrupted():
            train_stage(batches=left, config=config, on_step=tell, keeper=kept)

    networks = (model.teacher_net, model.student_net)
    beside = {"student": model.teacher_net, "segmentation": model.student_net}
    run("student", config.student_steps, partial(train_student, *networks, den=True))
    run(
        "segmentation",
        config.segmentation_steps,
        partial(train_segmentation, *networks, model.segmentation_net),
        first=config.student_steps if config.data_stream == "whole" else 0,
    )
    model.requires_grad_(False).eval()
