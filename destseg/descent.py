"""Gradient descent of one or more optimisers in lockstep over one stream of batches."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import torch
from torch import Tensor

B = TypeVar("B")

CHECK_EVERY = 50
"""Steps between looks at a loss on an accelerator: each look waits for it to catch up."""

OnStep = Callable[[int, float], None]


class Keeper(Protocol):
    """Keeps an unfinished stage, so that it can go on; see `destseg.application.resuming`."""

    @property
    def done(self) -> int:
        """Updates that were done; the batches given are those that follow."""

    def restore(self, optimiser: torch.optim.Optimizer) -> None:
        """Put networks and optimiser back to where they were."""

    def keep(self, step: int, optimiser: torch.optim.Optimizer) -> None:
        """Save, or not, after an update."""


class TrainingDiverged(ArithmeticError):
    """The loss is no longer a number; the message says after how many updates."""


@dataclass(frozen=True)
class Descent(Generic[B]):
    """What one optimiser updates, by batches of any form.

    Parameters
    ----------
    optimiser : torch.optim.Optimizer
        Of the parameters of one or more networks, none of which the others' losses depend on.
    losses : callable
        Batch -> the loss of each network.
    """

    optimiser: torch.optim.Optimizer
    losses: Callable[[B], Sequence[Tensor]]
    networks: int = 1
    """How many losses there are."""


def descend(
    descents: Sequence[Descent[B]],
    batches: Iterable[B],
    on_step: OnStep | None = None,
    keeper: Keeper | None = None,
) -> tuple[TrainingDiverged | None, ...]:
    """Make one update of each for each batch, and tell of every network whether it diverged.

    A network that did changes none of the others; when all have, the rest of the batches is left.
    Where a look at the losses costs time there are few, and a last. A keeper is of one descent.
    """
    courses = [_Course(descent) for descent in descents]
    done = 0
    if keeper is not None:
        keeper.restore(descents[0].optimiser)
        done = keeper.done
    step = seen = done
    left = courses
    for step, batch in enumerate(batches, start=done + 1):
        for course in left:
            course.update(batch)
        if step % CHECK_EVERY == 0 or _at_hand(left[0].losses[0]):
            seen = step
            left = _look(left, step, on_step)
            if not left:
                break
        if keeper is not None:
            keeper.keep(step, descents[0].optimiser)
    if seen < step:
        _look(left, step, on_step)
    return tuple(fault for course in courses for fault in course.faults)


class _Course(Generic[B]):
    """A descent on its way."""

    def __init__(self, descent: Descent[B]) -> None:
        self._descent = descent
        self.losses: Sequence[Tensor] = ()
        self.faults: list[TrainingDiverged | None] = [None] * descent.networks

    def update(self, batch: B) -> None:
        optimiser = self._descent.optimiser
        optimiser.zero_grad(set_to_none=True)
        self.losses = self._descent.losses(batch)
        torch.autograd.backward(self.losses)
        optimiser.step()


def _look(courses: Sequence[_Course[B]], step: int, on_step: OnStep | None) -> list[_Course[B]]:
    """Note what has diverged; return the courses on which something has not."""
    finite: list[float] = []
    for course in courses:
        for index, loss in enumerate(course.losses):
            value = float(loss.detach())
            if math.isfinite(value):
                finite.append(value)
            elif course.faults[index] is None:
                course.faults[index] = TrainingDiverged(
                    f"the loss is {value} after {step} updates; lower the learning rate"
                )
    if on_step is not None and finite:
        on_step(step, finite[0])
    return [course for course in courses if None in course.faults]


def _at_hand(loss: Tensor) -> bool:
    return loss.device.type == "cpu"
