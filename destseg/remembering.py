"""Frozen networks that several others look at: each batch goes through them once."""

import copy
from collections import deque
from typing import Any, TypeVar

from torch import nn

N = TypeVar("N", bound=nn.Module)


def remembering(network: N, last: int = 2) -> N:
    """Return a frozen network with the same weights that remembers its ``last`` results.

    It is known by what it is given, the same object, which must not change meanwhile.
    """
    twin, forward = copy.copy(network), network.forward
    seen: deque[tuple[Any, Any]] = deque(maxlen=last)

    def remembered(shown: Any) -> Any:
        for before, found in seen:
            if before is shown:
                return found
        found = forward(shown)
        seen.append((shown, found))
        return found

    twin.forward = remembered
    return twin
