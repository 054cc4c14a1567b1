"""Gradient descent of one or more optimisers in lockstep over one stream of batches."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import torch
from torch import Tensor, nn

from destseg.recording import Recorded

B = TypeVar("B")

CHECK_EVERY = 50
"""Steps between looks at a loss on an accelerator: each look waits for it to catch up."""

OnStep = Callable[[int, float], None]


class Keeper(Protocol):
    """Keeps an unfinished training, so that it can go on; see `destseg.application.resuming`."""

    @property
    def done(self) -> int:
        """Updates that were done; the batches given are those that follow."""

    @property
    def state(self) -> Any:
        """What was kept then; None at the beginning."""

    def keep(self, step: int, state: Callable[[], Any]) -> None:
        """Save, or not, after an update; the state is of tensors and plain values."""


class _Unkept:
    done = 0
    state = None

    def keep(self, step: int, state: Callable[[], Any]) -> None:
        """Keep nothing."""


UNKEPT: Keeper = _Unkept()
"""Keeps nothing."""


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
    module: nn.Module | None = None
    """All whose weights and statistics the updates move; without it nothing can be kept."""
    alike: bool = False
    """Whether each update launches the same kernels, and waits for none: `destseg.recording`."""


def descend(
    descents: Sequence[Descent[B]],
    batches: Iterable[Any],
    on_step: OnStep | None = None,
    keeper: Keeper = UNKEPT,
    *,
    prepare: Callable[[Any], B] | None = None,
) -> tuple[TrainingDiverged | None, ...]:
    """Make one update of each for each batch, and tell of every network whether it diverged.

    A network that did changes none of the others; when all have, the rest of the batches is left.
    Where a look at the losses costs time there are few, and a last. What was kept is of the same
    descents, in their order. ``prepare`` turns what ``batches`` yields into what the losses take,
    and is recorded with the updates.
    """
    courses = [_Course(descent) for descent in descents]
    if keeper.state is not None:
        for course, state in zip(courses, keeper.state, strict=True):
            course.restore(state)
    step = seen = done = keeper.done
    left = [course for course in courses if None in course.faults]
    update = _together(left, prepare)
    for step, batch in enumerate(batches, start=done + 1):
        for course, losses in zip(left, update(batch), strict=True):
            course.losses = losses
        if step % CHECK_EVERY == 0 or _at_hand(left[0].losses[0]):
            seen, before = step, left
            left = _look(left, step, on_step)
            if not left:
                break
            if left != before:
                update = _together(left, prepare)
        keeper.keep(step, lambda: [course.state() for course in courses])
    if seen < step:
        _look(left, step, on_step)
    return tuple(fault for course in courses for fault in course.faults)


class _Course(Generic[B]):
    """A descent on its way."""

    def __init__(self, descent: Descent[B]) -> None:
        self._descent = descent
        self.losses: Sequence[Tensor] = ()
        self.faults: list[TrainingDiverged | None] = [None] * descent.networks
        self.alike = descent.alike

    def update(self, batch: B) -> list[Tensor]:
        """Make an update; return the losses."""
        optimiser = self._descent.optimiser
        optimiser.zero_grad(set_to_none=True)
        losses = self._descent.losses(batch)
        torch.autograd.backward(losses)
        optimiser.step()
        # Without what leads to them, which would hold on to this update's stream.
        return [loss.detach() for loss in losses]

    def state(self) -> dict[str, Any]:
        """Return all that the following updates depend on, and what has diverged."""
        module = self._descent.module
        assert module is not None
        faults = [None if fault is None else str(fault) for fault in self.faults]
        optimiser = self._descent.optimiser.state_dict()
        return {"module": module.state_dict(), "optimiser": optimiser, "faults": faults}

    def restore(self, state: Any) -> None:
        """Go back to where a state was taken."""
        module = self._descent.module
        assert module is not None
        module.load_state_dict(state["module"])
        self._descent.optimiser.load_state_dict(state["optimiser"])
        self.faults = [None if said is None else TrainingDiverged(said) for said in state["faults"]]


def _together(
    courses: Sequence[_Course[B]], prepare: Callable[[Any], B] | None
) -> Callable[[Any], list[list[Tensor]]]:
    """Return what makes an update of each, and returns its losses."""

    def update(given: Any) -> list[list[Tensor]]:
        batch = given if prepare is None else prepare(given)
        return [course.update(batch) for course in courses]

    return Recorded(update) if all(course.alike for course in courses) else update


def _look(courses: Sequence[_Course[B]], step: int, on_step: OnStep | None) -> list[_Course[B]]:
    """Note what has diverged; return the courses on which something has not."""
    finite: list[float] = []
    for course in courses:
        for index, loss in enumerate(course.losses):
            value = float(loss)
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
