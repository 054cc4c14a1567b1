"""The recipe of a training that names none: what fits the device and the number of parts."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import torch

from destseg.application.progress import OnProgress
from destseg.config import Precision, TrainingConfig
from destseg.errors import counted

SEGMENTATION_COST = 4
"""Updates of the student that take as long as one of the segmentation net: four on a CPU, three on
a GPU, see docs/scale.md."""

WATCHED = 5
"""Updates by which the time of a training is told, after one that warms up."""


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


def forecasting(told: OnProgress, config: TrainingConfig, say: Callable[[str], None]) -> OnProgress:
    """Pass progress on, and say once, by the first updates, how long all of them will take.

    Parameters
    ----------
    told : callable
        What progress is passed on to.
    config : TrainingConfig
        The recipe.
    say : callable
        Takes the sentence.
    """
    begun: dict[str, tuple[int, float]] = {}
    said = False

    def tell(stage: str, step: int, steps: int, note: str) -> None:
        nonlocal said
        told(stage, step, steps, note)
        if said or stage not in ("student", "segmentation"):
            return
        # A stage that is continued begins in its middle, and its first update warms up.
        first, clock = begun.setdefault(stage, (step, time.monotonic()))
        if step == first + 1:
            begun[stage] = (first, time.monotonic())
        elif step == first + 1 + WATCHED:
            said = True
            left = steps - step
            if stage == "student":
                left += SEGMENTATION_COST * config.segmentation_steps
            seconds = (time.monotonic() - clock) / WATCHED * left
            say(f"this will take about {_duration(seconds)} more on this machine.")

    return tell


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
