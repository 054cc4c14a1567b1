"""The recipe of a training that names none: what fits the device and the number of parts."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import torch

from destseg.application.calibration import CALIBRATION_BATCHES
from destseg.application.progress import OnProgress
from destseg.config import Precision, TrainingConfig
from destseg.errors import counted

SEGMENTATION_COST = (1, 4)
"""Updates of the student that take as long as one of the segmentation net: between these, by
machine and size."""

SCALE_COST = 0.5
"""Updates of the segmentation net that take as long as the maps of a batch of normal images."""

WATCHED = 5
"""Updates, at least, by which the time of a training is told, after what warms up."""


class Recipe(NamedTuple):
    """What decides how long a training takes."""

    size: int
    config: TrainingConfig


PAPER = Recipe(256, TrainingConfig())
SHORT = Recipe(128, TrainingConfig(batch_size=8, student_steps=150, segmentation_steps=400))
"""What takes a CPU half an hour, where the paper's recipe takes days."""


def recipe_for(
    device: str,
    images: int,
    *,
    size: int | None = None,
    batch_size: int | None = None,
    steps: Sequence[int] | None = None,
    precision: Precision | None = None,
) -> Recipe:
    """Fill what is not given of a recipe: the paper's for a GPU, a short one for a CPU.

    A batch whose size is not given has no more images than there are.
    """
    usual = SHORT if torch.device(device).type == "cpu" else PAPER
    student, segmentation = steps or (usual.config.student_steps, usual.config.segmentation_steps)
    config = replace(
        usual.config,
        # One image alone is no batch, which the training says.
        batch_size=batch_size or max(2, min(usual.config.batch_size, images)),
        student_steps=student,
        segmentation_steps=segmentation,
        precision=precision or usual.config.precision,
    )
    return Recipe(size or usual.size, config)


def announcement(recipe: Recipe, device: str, images: int) -> str:
    """Say what is going to be trained, and how that is not the paper's."""
    config = recipe.config
    said = (
        f"training on {device}: {counted(images, 'image')} of {recipe.size} px, "
        f"{config.student_steps} + {config.segmentation_steps} updates of "
        f"{config.batch_size} images"
    )
    paper = PAPER.config
    if recipe.size == PAPER.size and _amount(config) == _amount(paper):
        return f"{said}, as the paper."
    return (
        f"{said}; the paper's recipe, made for a GPU and {paper.batch_size} images at least, is "
        f"--size {PAPER.size} --batch-size {paper.batch_size} --steps {paper.student_steps} "
        f"{paper.segmentation_steps}."
    )


def _amount(config: TrainingConfig) -> tuple[int, int, int]:
    return config.batch_size, config.student_steps, config.segmentation_steps


def forecasting(
    told: OnProgress, recipe: Recipe, images: int, say: Callable[[str], None]
) -> OnProgress:
    """Pass progress on, and say by the first updates of each stage how long the rest will take.

    What an update of the second stage costs is known once some were made: before, the shortest and
    the longest time are told. Both include what is measured on normal images and synthetic
    anomalies after the training.

    Parameters
    ----------
    told : callable
        What progress is passed on to.
    recipe : Recipe
        Of the training.
    images : int
        Normal images.
    say : callable
        Takes the sentence.
    """
    config = recipe.config
    # A batch of synthetic anomalies is mapped with and without them, in about an update's time.
    after = CALIBRATION_BATCHES + SCALE_COST * images / config.batch_size
    costs = {"student": SEGMENTATION_COST, "segmentation": (1, 1)}
    before: dict[str, int] = {}
    begun: dict[str, tuple[int, float]] = {}
    said: set[str] = set()

    def tell(stage: str, step: int, steps: int, note: str) -> None:
        told(stage, step, steps, note)
        # A stage that is continued begins in its middle.
        if stage not in costs or stage in said or before.setdefault(stage, step) == step:
            return
        # What was made until it is first told of warms up; a GPU tells every 50 updates.
        now = time.monotonic()
        first, clock = begun.setdefault(stage, (step, now))
        if step < first + WATCHED:
            return
        said.add(stage)
        later = after + (config.segmentation_steps if stage == "student" else 0)
        update = (now - clock) / (step - first)
        span = _span(*(update * (steps - step + cost * later) for cost in costs[stage]))
        hedge = "; the second stage will tell more closely" if stage == "student" else ""
        say(f"this will take about {span} more on this machine{hedge}.")

    return tell


def _span(shortest: float, longest: float) -> str:
    """Say between what times something is.

    Examples
    --------
    >>> _span(20, 100), _span(600, 1500), _span(9000, 9001)
    ('20 seconds to 2 minutes', '10 to 25 minutes', '2.5 hours')
    """
    low, high = _duration(shortest), _duration(longest)
    unit = high.split()[-1]
    return low if low == high else f"{low.removesuffix(f' {unit}')} to {high}"


def _duration(seconds: float) -> str:
    """Say a time in the unit of people, which two digits are enough of.

    Examples
    --------
    >>> [_duration(seconds) for seconds in (20, 100, 1500, 9000, 300_000)]
    ['20 seconds', '2 minutes', '25 minutes', '2.5 hours', '3.5 days']
    """
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    if seconds < 5400:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.1f} hours" if seconds < 172_800 else f"{seconds / 86_400:.1f} days"
