"""Procedural textures: anomaly sources for whoever has no others at hand."""

import numpy as np
from numpy.random import default_rng
from numpy.typing import NDArray

from destseg.procedural import FAMILIES, colour, draw

VERSION = 1
"""Raised when the textures change."""

VARIATIONS = 3
"""Textures of each family in a set."""


def procedural_texture(index: int, size: int) -> NDArray[np.uint8]:
    """Draw one texture, a pure function of the version, the index and the size.

    Returns
    -------
    ndarray
        (size, size, 3) uint8.
    """
    rng = default_rng((VERSION, index))
    family = list(FAMILIES)[index % len(FAMILIES)]
    pattern = draw(rng, family, size, rng.uniform(3, 12, 1), rng.uniform(0, np.pi, 1))
    painted = colour(rng, pattern, contrast=(0.3, 0.8))[0]
    result: NDArray[np.uint8] = (painted * 255 + 0.5).astype(np.uint8)
    return result


def procedural_textures(size: int) -> NDArray[np.uint8]:
    """Draw a set, (N, size, size, 3) uint8."""
    count = VARIATIONS * len(FAMILIES)
    return np.stack([procedural_texture(index, size) for index in range(count)])
