"""Training steps of STFPM, DRAEM and DSR at their authors' sizes, on one batch again and again."""

import copy
import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias
from unittest import mock

import numpy as np
import torch
from torch import Tensor, nn

from bench.methods.draem import training as draem
from bench.methods.draem.batches import draw_batch
from bench.methods.draem.config import Anomalies
from bench.methods.draem.networks import DRAEM
from bench.methods.dsr import batches as dsr_batches
from bench.methods.dsr import training as dsr
from bench.methods.dsr.latent import Sizes
from bench.methods.dsr.networks import DSR
from bench.methods.stfpm import training as stfpm
from bench.methods.stfpm.student import build_student
from benchmarks.figures import Figure, Setting
from benchmarks.steps import Clock, precisions, repeated
from benchmarks.timing import in_turns
from destseg import recording
from destseg.config import Precision
from destseg.feeding import mapped, tensors
from destseg.recording import BEFORE
from destseg.resnet import ResNet18, initialise
from destseg.teacher import TEACHER_LAYERS, Teacher

AGAIN = BEFORE + 2
"""Updates of trainings whose bits are compared: the last two are replayed, DRAEM's last at another
rate."""

Run: TypeAlias = Callable[[Any, Iterable[Any], Precision], None]
"""Trains networks, in place, on batches in a precision."""


@dataclass(frozen=True)
class Scale:
    """Sizes of networks and batches."""

    width: int
    """STFPM's and DSR's; the first of DRAEM's networks is twice as wide."""
    codes: int
    side: int
    large: int
    """Images in a batch of STFPM and of DSR's latent model."""
    small: int
    """In one of DRAEM and of DSR's other trainings."""
    warm: int
    """Steps before the clock runs."""
    steps: int
    """Steps that are timed together."""


def scale(setting: Setting) -> Scale:
    """Return the authors' sizes, with images that a CPU can bear, or the smallest there are."""
    if setting.smoke:
        return Scale(4, 16, 64, 2, 2, 1, 1)
    if setting.device == "cpu":
        return Scale(64, 4096, 128, 2, 2, 1, 1)
    return Scale(64, 4096, 256, 32, 8, BEFORE + 2, 4)


@dataclass(frozen=True)
class Training:
    """One of the rivals' trainings."""

    networks: nn.Module
    """Where it starts."""
    batch: Any
    run: Run

    @property
    def images(self) -> int:
        """How many the batch has."""
        return len(next(tensors(self.batch)))

    def trained(self, batches: Iterable[Any], precision: Precision) -> list[Tensor]:
        """Train a copy of the networks; return its weights."""
        networks = copy.deepcopy(self.networks)
        self.run(networks, batches, precision)
        return list(networks.state_dict().values())


def trainings(sizes: Scale, device: str) -> dict[str, Training]:
    """Make each of random weights and of a batch drawn from random images."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        trunk = ResNet18(sizes.width, TEACHER_LAYERS)
        initialise(trunk)
        reconstructing = DRAEM(2 * sizes.width, sizes.width).to(device)
        coding = DSR(Sizes.of(sizes.width, sizes.codes)).to(device)
    teacher = Teacher(trunk).to(device)
    student = build_student(sizes.width, seed=0).to(device)
    rng = np.random.default_rng(0)
    images, textures = rng.integers(0, 256, (2, sizes.large, sizes.side, sizes.side, 3), np.uint8)

    def drawn(draw: Callable[..., Any], *settings: Any, **named: Any) -> Any:
        return mapped(lambda part: part.to(device), draw(rng, images, *settings, **named))

    masks = {"lattice_exponents": 6, "clean_share": 0.5}
    return {
        "STFPM": Training(
            student,
            stfpm.shown(images, device),
            lambda student, batches, precision: stfpm.train(
                teacher, student, batches, stfpm.Recipe(precision=precision)
            ),
        ),
        "DRAEM": Training(
            reconstructing,
            drawn(draw_batch, textures, sizes.small, Anomalies()),
            lambda networks, batches, precision: draem.train_networks(
                networks,
                batches,
                lr=1e-4,
                precision=precision,
                milestones=[AGAIN - 1],
                factor=0.2,
            ),
        ),
        "DSR's latent model": Training(
            coding.vq,
            drawn(dsr_batches.draw_crops, sizes.large),
            lambda model, batches, precision: dsr.train_latent(
                model, batches, lr=2e-4, precision=precision, rng=np.random.default_rng(0)
            ),
        ),
        "DSR's subspaces": Training(
            coding,
            drawn(dsr_batches.draw_normal_batch, sizes.small, least_strength=0.2, **masks),
            lambda networks, batches, precision: dsr.train_subspaces(
                networks, batches, lr=2e-4, precision=precision, steps=sizes.warm + sizes.steps
            ),
        ),
        "DSR's upsampling": Training(
            coding,
            drawn(dsr_batches.draw_smudged_batch, sizes.small, **masks),
            lambda networks, batches, precision: dsr.train_upsampling(
                networks, batches, lr=2e-4, precision=precision
            ),
        ),
    }


def measure(setting: Setting) -> list[Figure]:
    """Time each training in each precision; on a GPU compare the bits of two trainings besides."""
    sizes, device = scale(setting), setting.device
    figures = []
    for name, training in trainings(sizes, device).items():

        def timed(precision: Precision, training: Training = training) -> Callable[[], float]:
            def work() -> float:
                clock = Clock(sizes.warm, sizes.steps, device, training.batch)
                training.trained(clock.batches(), precision)
                return clock.seconds

            return work

        wanted = precisions(device)
        found = in_turns(name, {each: timed(each) for each in wanted}, setting.rounds)
        side = next(tensors(training.batch)).shape[-1]
        for precision in wanted:
            where = f"{name}, batch {training.images} of {side} px, {precision}"
            median = statistics.median(found[precision])
            figures.append(Figure(where, median * 1e3, "ms"))
            figures.append(Figure(f"{where}, rate", training.images / median, "images/s"))
            if device != "cpu":
                figures += same_bits(where, training, precision)
    return figures


def same_bits(where: str, training: Training, precision: Precision) -> list[Figure]:
    """Train twice, once without recording, and tell whether the weights are the same: 1 or 0.

    Where they are not, also whether those of two recorded trainings are.
    """

    def trained() -> list[Tensor]:
        return training.trained(repeated(training.batch, AGAIN), precision)

    def figure(of: str, one: list[Tensor], other: list[Tensor]) -> Figure:
        return Figure(f"{where}, the same bits {of}", float(all(map(torch.equal, one, other))))

    with mock.patch.object(recording, "BEFORE", AGAIN):
        plain = trained()
    recorded = trained()
    first = figure("recorded or not", plain, recorded)
    return [first] if first.value else [first, figure("recorded twice", recorded, trained())]
