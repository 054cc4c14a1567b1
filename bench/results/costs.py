"""What a method costs."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Cost:
    """What a method costs for one category and seed.

    Of what several share, such as a model trained once for all categories, it has its part.

    Attributes
    ----------
    key
        Of the stage that gave the maps of the cell that was looked at.
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
    """

    key: str
    device: str
    numbers: int
    pretrained: int
    training_macs: float
    training_seconds: float
    shared_macs: float
    prediction_macs: float
    prediction_seconds: float
    peak_memory: int
