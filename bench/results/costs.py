"""What a method costs."""

import math
from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Cost:
    """What a method costs for one category and seed.

    Of what several share, such as a model trained once for all categories, it has its part.

    Attributes
    ----------
    key
        Of the stage that gave the maps of the cell that was looked at.
    cell
        Of that cell: its column ``key``.
    device
        Where, by name.
    numbers
        Numbers that the trainings leave behind: weights, running statistics, kept patches.
    pretrained
        Parameters of the frozen backbones that predictions need.
    training_macs, training_seconds
        Multiply-accumulates, and the mean wall time over all the cells as they were run.
    shared_macs
        Of trainings that serve several cells, once; their parts are in `training_macs`.
    prediction_macs, prediction_seconds
        Of an image, in the batches of the evaluation, on a single thread of a CPU.
    peak_memory
        Largest resident size of a process that does nothing else, in bytes.

    Raises
    ------
    ValueError
        When one is no text, or no finite number of at least 0.
    """

    key: str
    cell: str
    device: str
    numbers: int
    pretrained: int
    training_macs: float
    training_seconds: float
    shared_macs: float
    prediction_macs: float
    prediction_seconds: float
    peak_memory: int

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.type is str and not isinstance(value, str):
                raise ValueError(f"{field.name} is {value!r}; it must be a text")
            if field.type is not str and not _is_amount(value):
                raise ValueError(
                    f"{field.name} is {value!r}; it must be a finite number, not below 0"
                )


def _is_amount(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value) and value >= 0
