"""The ground truth of one image at the protocol's size, or why it is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from destseg.errors import InputError, tell
from destseg.images import image_size
from destseg.labels import even_area
from destseg.masks import HALF, read_mask

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from bench.metrics import Protocol  # needs torch

LEAST = {"floor": 255, "any": 1}
"""The grey level that marks a pixel at a mask's own size, where a rule has another than half."""


def least_of(rule: str) -> int:
    """Return the grey level that marks a pixel of a mask by a protocol's rule."""
    return LEAST.get(rule, HALF)


def read_truth(mask: Path, native: tuple[int, int] | None, protocol: Protocol) -> NDArray[np.bool_]:
    """Read the mask of a defective image of ``native`` height and width, if they are known.

    Returns
    -------
    ndarray of bool
        (size, size), see `bench.metrics.resize_mask`. Marks that are lost in resizing leave it
        empty, as the paper's protocol does.

    Raises
    ------
    InputError
        When it cannot be decoded, is of another size than its image, marks nothing, or would lose
        an area.
    """
    from bench.metrics import resize_mask

    # The head tells the size; a small file can decode to gigabytes.
    found = image_size(mask)
    if native is not None and found != native:
        raise InputError(f"{other_size(mask, found, native)}.")
    levels = read_mask(mask)
    if (fault := unmarked(levels, protocol.mask_rule)) is not None:
        raise InputError(f"{mask}: {fault}.")
    _tell_inverted(mask, levels >= least_of(protocol.mask_rule))
    if (grey := ((levels > 63) & (levels < 192)).mean()) > 0.5:
        tell(f"{mask}: {grey:.0%} of it is neither black nor white; is it a mask?")
    return resize_mask(levels, protocol)


def unmarked(levels: NDArray[np.uint8], rule: str = "antialias") -> str | None:
    """Say why a mask's grey levels mark nothing at its own size, or not all; else nothing."""
    least = least_of(rule)
    largest = int(levels.max())
    if largest >= least:
        found = even_area(levels, least)
        if found is None:
            return None
        level, row, column = found
        return (
            f"an area of level {level} at row {row}, column {column} would not be marked (marks "
            f"begin at {least}), and is no soft edge; paint what is anomalous with 255, the rest "
            "with 0, and store it as PNG"
        )
    what = "all of it is 0" if largest == 0 else f"its levels reach {largest} of 255"
    return (
        f"marks nothing ({what}, marks begin at {least}), but its image is in a defect folder; "
        "paint what is anomalous with 255"
    )


def _tell_inverted(mask: Path, marked: NDArray[np.bool_]) -> None:
    """Tell of a mask that marks most of its image and all corners, as an inverted one does."""
    if marked.mean() > 0.5 and marked[:: len(marked) - 1 or 1, :: marked.shape[1] - 1 or 1].all():
        tell(
            f"{mask}: marks {marked.mean():.0%} of its image, all corners among it; where white "
            "means normal in it, or the background is not black, store it the other way round"
        )


def other_size(mask: Path, found: tuple[int, ...], wanted: tuple[int, ...]) -> str:
    """Describe a mask whose size is not its image's."""
    return (
        f"{mask}: {found[1]}x{found[0]} pixels, its image has {wanted[1]}x{wanted[0]}; "
        "give the mask at the image's size"
    )
