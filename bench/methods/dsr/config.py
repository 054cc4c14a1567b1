"""DSR's settings; the defaults are the authors' program's, or the paper's where it has none."""

from dataclasses import dataclass
from typing import Literal

from bench.methods._settings import require_at_least, require_shares
from destseg.config import Precision


@dataclass(frozen=True)
class Latent:
    """The latent model and its training, once for all categories and seeds.

    Parameters
    ----------
    codes : int
        Of each level.
    batch_size, steps : int
        Images of a batch, and updates.
    lr : float
        Of Adam.
    codebook : {"reseeded", "cold"}
        Whether codes begin at features and dead ones are put back among them, or begin as random
        numbers with no count of hits, as in the program: then all but a few die.
    seed : int
        Of everything random, whatever the seed of a run.

    Raises
    ------
    ValueError
        When one is out of its range.
    """

    codes: int = 4096
    batch_size: int = 32
    steps: int = 200_000
    lr: float = 2e-4
    codebook: Literal["reseeded", "cold"] = "reseeded"
    seed: int = 0

    def __post_init__(self) -> None:
        require_at_least(2, codes=self.codes)
        require_at_least(1, batch_size=self.batch_size, steps=self.steps)
        require_at_least(0, seed=self.seed)
        if self.lr <= 0:
            raise ValueError(f"lr is {self.lr}; it must be positive")


@dataclass(frozen=True)
class Config:
    """Settings of the method: ``[methods.DSR]``.

    Parameters
    ----------
    width : int
        Channels of the detection network's first level; all other widths go with it.
    latent : Latent
        The latent model.
    lattice_exponents : int
        The noise's lattices have 2**t cells along each axis, t uniform below this: 6 at 256 px.
    clean_share : float
        Of images that are shown without an anomaly; the paper mentions none.
    least_strength : float
        A code is replaced by one of the K s nearest, s uniform from this to 1: 0.2 in the program,
        0.05 in the paper.
    batch_size : int
        Images of a batch, in the trainings of a category.
    steps, upsampling_steps : int
        Updates of subspaces, decoder and detection, and of the upsampling module: 50,000 of the
        second in the program, 20,000 in the paper.
    lr : float
        Of Adam; a tenth of it in the last fifth of the steps.
    precision : {"float32", "tf32", "bf16"}
        In what convolutions compute in all trainings, the latent model's too; codes are float32.

    Raises
    ------
    ValueError
        When one is out of its range.
    """

    width: int = 64
    latent: Latent = Latent()
    lattice_exponents: int = 6
    clean_share: float = 0.5
    least_strength: float = 0.2
    batch_size: int = 8
    steps: int = 100_000
    upsampling_steps: int = 50_000
    lr: float = 2e-4
    precision: Precision = "float32"

    def __post_init__(self) -> None:
        require_at_least(
            1,
            width=self.width,
            lattice_exponents=self.lattice_exponents,
            batch_size=self.batch_size,
            steps=self.steps,
            upsampling_steps=self.upsampling_steps,
        )
        require_shares(clean_share=self.clean_share, least_strength=self.least_strength)
        require_at_least(0.05, least_strength=self.least_strength)
        if self.lr <= 0:
            raise ValueError(f"lr is {self.lr}; it must be positive")
