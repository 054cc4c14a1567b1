"""STFPM: student-teacher feature pyramid matching (Wang et al., BMVC 2021)."""

import dataclasses
from dataclasses import dataclass
from typing import Any

from bench.methods._settings import as_papers, in_precision, multiplied, of_step, with_precision
from bench.methods.interface import Backbone, Method
from bench.methods.stfpm.steps import Fusion, Map, Select, TrainStudent
from destseg.config import Precision


@dataclass(frozen=True)
class Config:
    """The method's settings; the defaults are the authors' program's.

    Parameters
    ----------
    width : int
        Channels of the first level of teacher and student.
    batch_size : int
        Images in a batch; the last of an epoch may have fewer.
    epochs : int
        Passes over the images that are trained on.
    steps : int, optional
        Updates, in place of `epochs`.
    lr, momentum, weight_decay : float
        Of SGD, constant.
    loss_factor : float
        Of the squared distance in the loss: 1 in the program, 0.5 in the paper.
    select : {"validation", "last"}
        Whether a fifth of the training images is held out, and of the epochs the student is kept
        that is nearest to the teacher on them, or all are trained on and the last is kept.
    fusion : {"first-level", "image"}
        The size at which the levels' maps are multiplied: the first level's, as in the program, or
        the image's, as in the paper.
    precision : {"float32", "tf32", "bf16"}
        In what its convolutions compute while it is trained; see ``docs/method.md``.

    Raises
    ------
    ValueError
        When a count is too small, a rate has the wrong sign, or a choice is none.
    """

    width: int = 64
    batch_size: int = 32
    epochs: int = 100
    steps: int | None = None
    lr: float = 0.4
    momentum: float = 0.9
    weight_decay: float = 1e-4
    loss_factor: float = 1.0
    select: Select = "validation"
    fusion: Fusion = "first-level"
    precision: Precision = "float32"

    def __post_init__(self) -> None:
        for name in ("width", "batch_size", "epochs", "steps"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} is {value}; it must be at least 1")
        for name in ("lr", "loss_factor"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be positive")
        for name in ("momentum", "weight_decay"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is {getattr(self, name)}; it must not be negative")


def last_step(config: Config, _: None) -> Map:
    """Return the maps."""
    student = TrainStudent(
        width=config.width,
        batch_size=config.batch_size,
        epochs=config.epochs if config.steps is None else None,
        steps=config.steps,
        lr=config.lr,
        momentum=config.momentum,
        weight_decay=config.weight_decay,
        loss_factor=config.loss_factor,
        select=config.select,
        precision=of_step(config.precision),
    )
    return Map(config.fusion, student)


def is_papers(config: Config) -> bool:
    """Whether the setting is the authors', in one of the readings of ``docs/differences.md``."""
    readings: dict[str, tuple[Any, ...]] = {
        "loss_factor": (1.0, 0.5),
        "fusion": ("first-level", "image"),
        "epochs": (100, 200),
    }
    known = all(getattr(config, name) in values for name, values in readings.items())
    defaults = {name: values[0] for name, values in readings.items()}
    defaults["precision"] = as_papers(config.precision)
    return known and dataclasses.replace(config, **defaults) == Config()


def summary(config: Config) -> str:
    """Return length of training, batch size, width and selection in words."""
    length = f"{config.epochs} epochs" if config.steps is None else f"{config.steps} steps"
    kept = {"validation": "best on held-out training images kept", "last": "last kept"}
    words = f"{length} of {config.batch_size} images, width {config.width}, {kept[config.select]}"
    return with_precision(words, config.precision)


BIBTEX = """\
@inproceedings{wang2021stfpm,
  title     = {Student-Teacher Feature Pyramid Matching for Anomaly Detection},
  author    = {Wang, Guodong and Han, Shumin and Ding, Errui and Huang, Di},
  booktitle = {Proceedings of the British Machine Vision Conference},
  year      = {2021}
}
"""

METHOD = Method(
    name="STFPM",
    reference="Wang et al., Student-Teacher Feature Pyramid Matching, BMVC 2021",
    bibtex=BIBTEX,
    config=Config,
    last=last_step,
    variants={"": None},
    backbones=lambda config: {"teacher": Backbone(config.width)},
    is_papers=is_papers,
    summary=summary,
    scaled=lambda config, factor: multiplied(config, factor, "epochs", "steps"),
    in_precision=in_precision,
    # One held out and one trained on.
    least_images=lambda config: 2 if config.select == "validation" else 1,
)
