"""DRAEM's settings; the defaults are the authors' program's."""

from dataclasses import dataclass
from typing import Literal

from bench.methods._settings import require_at_least, require_shares
from destseg.config import Precision


@dataclass(frozen=True)
class Anomalies:
    """How training images are drawn.

    Parameters
    ----------
    lattice_exponents : int
        The noise's lattices have 2**t cells along each axis, t uniform below this: 6 at 256 px.
    max_original_weight : float
        The weight of the original image under the mask is uniform in [0, this): 0.8 in the
        program, 0.9 in the paper.
    clean_share : float
        Of images that are shown without an anomaly; the paper mentions none.
    operations : {"program", "paper"}
        Whether a texture's three operations are among the program's ten or the paper's seven.
    rotated_share, max_image_rotation : float
        Share of the normal images that are rotated, and the largest angle: 90 degrees in the
        program, 45 in the paper.

    Raises
    ------
    ValueError
        When one is out of its range.
    """

    lattice_exponents: int = 6
    max_original_weight: float = 0.8
    clean_share: float = 0.5
    operations: Literal["program", "paper"] = "program"
    rotated_share: float = 0.3
    max_image_rotation: float = 90.0

    def __post_init__(self) -> None:
        require_at_least(1, lattice_exponents=self.lattice_exponents)
        require_at_least(0, max_image_rotation=self.max_image_rotation)
        require_shares(
            max_original_weight=self.max_original_weight,
            clean_share=self.clean_share,
            rotated_share=self.rotated_share,
        )


@dataclass(frozen=True)
class Config:
    """Settings of the method: ``[methods.DRAEM]``.

    Parameters
    ----------
    width, discriminative_width : int
        Channels of the first level of the two networks.
    anomalies : Anomalies
        How training images are drawn.
    batch_size : int
        Images in a batch; at least 2, since BatchNorm may see one value an image.
    epochs : int
        Each has as many batches as it takes to show every training image once.
    steps : int or None
        Updates, whatever the number of images, instead of epochs.
    lr : float
        First learning rate of Adam.
    decay : {"program", "paper"}
        Rates times 0.2 after 80 % and 90 % of the updates, or times 0.1 after 4/7 and 6/7.
    precision : {"float32", "tf32", "bf16"}
        In what its convolutions compute while it is trained; see ``docs/method.md``.

    Raises
    ------
    ValueError
        When one is out of its range.
    """

    width: int = 128
    discriminative_width: int = 64
    anomalies: Anomalies = Anomalies()
    batch_size: int = 8
    epochs: int = 700
    steps: int | None = None
    lr: float = 1e-4
    decay: Literal["program", "paper"] = "program"
    precision: Precision = "float32"

    def __post_init__(self) -> None:
        require_at_least(2, batch_size=self.batch_size)
        require_at_least(
            1,
            width=self.width,
            discriminative_width=self.discriminative_width,
            epochs=self.epochs,
            steps=1 if self.steps is None else self.steps,
        )
        if self.lr <= 0:
            raise ValueError(f"lr is {self.lr}; it must be positive")
