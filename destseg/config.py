"""What the method can be set to: frozen values that import neither torch nor NumPy."""

from dataclasses import dataclass
from typing import Literal, get_args

StudentKind = Literal["encoder", "encoder-decoder", "decoder"]
"""The student's shape; see `destseg.student.Student`."""

STUDENT_KINDS: tuple[StudentKind, ...] = get_args(StudentKind)

FusionInput = Literal["product", "features", "distances"]
"""What the segmentation net is fed (Table 6); see `destseg.features.fusion_maps`."""

FUSION_INPUTS: tuple[FusionInput, ...] = get_args(FusionInput)

RotationStream = Literal["fresh", "fixed"]
DenOffStatistics = Literal["clean", "both"]
DataStream = Literal["stage", "whole"]

Precision = Literal["float32", "tf32", "bf16"]
"""In what networks compute while they are trained; see `destseg.precision`."""

PRECISIONS: tuple[Precision, ...] = get_args(Precision)


@dataclass(frozen=True)
class ModelConfig:
    """Sizes of the networks; the defaults are the paper's.

    Parameters
    ----------
    width : int
        Channels of the first level of teacher and student.
    segmentation_width : int
        Channels inside the segmentation net.
    dilations : tuple of int
        Rates of the dilated branches of its pyramid (ASPP), in cells of the first level.

    Raises
    ------
    ValueError
        When a size is less than 1.
    """

    width: int = 64
    segmentation_width: int = 256
    dilations: tuple[int, ...] = (6, 12, 18)

    def __post_init__(self) -> None:
        _require_counts(
            width=self.width,
            segmentation_width=self.segmentation_width,
            dilations=min(self.dilations, default=1),
        )


@dataclass(frozen=True)
class AnomalyConfig:
    """How anomalies are drawn; the defaults are the authors' program's.

    Parameters
    ----------
    lattice_exponents : int
        Lattices have 2**t cells along each axis, t uniform in 0 .. lattice_exponents - 1.
    threshold : float
        Noise above it is anomalous.
    max_rotation : float
        The noise is rotated by an angle uniform in plus or minus this many degrees.
    max_original_weight : float
        The weight of the original image under the mask is uniform in [0, this): 0.8 in the
        program, so that the anomaly's opacity is in (0.2, 1]; 0.85 in the paper.
    rotation_stream : {"fresh", "fixed"}
        Whether each mask's angle is drawn anew, or the k-th of every batch keeps one angle for
        the whole training, as happens in the program ("Training" in docs/method.md).

    Raises
    ------
    ValueError
        When there is no lattice to choose.
    """

    lattice_exponents: int = 6
    threshold: float = 0.5
    max_rotation: float = 90.0
    max_original_weight: float = 0.8
    rotation_stream: RotationStream = "fresh"

    def __post_init__(self) -> None:
        _require_counts(lattice_exponents=self.lattice_exponents)


@dataclass(frozen=True)
class Rotation:
    """How training images of a category may be turned ("Data" in docs/method.md).

    Parameters
    ----------
    quarter_turns : bool
        Turn by 0, 90, 180 or 270 degrees, uniformly.
    degrees : float
        Then turn by an angle uniform in plus or minus this many degrees.
    """

    quarter_turns: bool = False
    degrees: float = 0.0


@dataclass(frozen=True)
class TrainingConfig:
    """The recipe; the defaults are the authors' program's.

    Parameters
    ----------
    batch_size : int
        Images in a batch; at least 2, since BatchNorm behind a pooling sees one value an image.
    student_steps, segmentation_steps : int
        Updates of stage 1 and of stage 2.
    student_lr, res_lr, head_lr : float
        Constant learning rates of the student and of the two parts of the segmentation net.
    momentum, weight_decay : float
        Of every SGD optimiser.
    gamma : float
        Exponent of the focal loss (paper, section 3.3).
    den_off_statistics : {"clean", "both"}
        Without den, whether the student's running BatchNorm statistics are those of the clean
        images alone, or also of the corrupted ones, which the program's student sees as well in
        each step ("Training" in docs/method.md).
    data_stream : {"stage", "whole"}
        Whether stage 2 draws batches of its own, or goes on in the stream of stage 1 where that
        ended, in the middle of an epoch, as the program's single loop does.
    precision : {"float32", "tf32", "bf16"}
        In what networks compute while they are trained. ``float32`` is the reference. ``tf32``:
        convolutions of float32 values in TF32, on a GPU. ``bf16``: convolutions in bfloat16.
        Weights, losses and distances are float32 always, and so are anomaly maps.

    Raises
    ------
    ValueError
        When a count is too small, a learning rate is not positive or another rate is negative.
    """

    batch_size: int = 32
    student_steps: int = 1000
    segmentation_steps: int = 4000
    student_lr: float = 0.4
    res_lr: float = 0.1
    head_lr: float = 0.01
    momentum: float = 0.9
    weight_decay: float = 1e-4
    gamma: float = 4.0
    den_off_statistics: DenOffStatistics = "clean"
    data_stream: DataStream = "stage"
    precision: Precision = "float32"

    def __post_init__(self) -> None:
        if self.batch_size < 2:
            raise ValueError(f"batch_size is {self.batch_size}; BatchNorm needs at least 2")
        _require_counts(
            student_steps=self.student_steps, segmentation_steps=self.segmentation_steps
        )
        for name in ("student_lr", "res_lr", "head_lr"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be positive")
        for name in ("momentum", "weight_decay", "gamma"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is {getattr(self, name)}; it must not be negative")


def _require_counts(**values: int) -> None:
    for name, value in values.items():
        if value < 1:
            raise ValueError(f"{name} is {value}; it must be at least 1")
