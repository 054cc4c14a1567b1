"""A keeper that ends a training once it has kept it, and how to go on."""

import io

import torch


class Interrupted(Exception):
    pass


class Interrupting:
    """A `destseg.descent.Keeper` in memory, of what a file can hold."""

    def __init__(self, after=1):
        self.done, self.state, self._after = 0, None, after

    def keep(self, step, state):
        if step == self._after and not self.done:
            buffer = io.BytesIO()
            torch.save(state(), buffer)
            buffer.seek(0)
            self.done, self.state = step, torch.load(buffer, weights_only=True)
            raise Interrupted


def gone_on(compute, *arguments):
    """Compute, and go on where a keeper has interrupted it."""
    try:
        return compute(*arguments)
    except Interrupted:
        return compute(*arguments)
