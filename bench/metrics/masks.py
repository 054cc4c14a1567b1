"""From a full-resolution mask to the binary mask that is scored."""

import numpy as np
from numpy.typing import NDArray

from bench.metrics.protocol import Protocol

# Two rules come from programs that resize the 8-bit image itself, so they see the value rounded
# to 8 bits. It also keeps the float rounding of the filter weights out of "all" and "any".
_HALF_GREY_LEVEL = 0.5 / 255


def resize_mask(mask: NDArray[np.uint8 | np.bool_], protocol: Protocol) -> NDArray[np.bool_]:
    """Resize a mask to the protocol's size and make it binary by the protocol's rule.

    ============= =================================================================
    mask_rule     anomalous is
    ============= =================================================================
    ``antialias`` bilinear with antialias, at least 0.5 (the paper)
    ``bilinear``  bilinear without antialias, at least 0.5
    ``floor``     bilinear with antialias, full white after rounding to 8 bits
    ``any``       bilinear with antialias, not black after rounding to 8 bits
    ``nearest``   nearest neighbour (pixel centres), at least 0.5
    ============= =================================================================

    The filter is torchvision's on tensors, as in the paper's published program; Pillow's, on 8-bit
    images, moves pixels that lie at the threshold. The crop of a protocol is not applied here:
    `evaluate` cuts maps and masks together.

    Parameters
    ----------
    mask : ndarray of uint8 or bool, shape (H, W)
        0 to 255, or a boolean mask.
    protocol : Protocol
        Its `size` and `mask_rule` are used.

    Returns
    -------
    ndarray of bool, shape (size, size)

    Raises
    ------
    ValueError
        If the mask is not two-dimensional, not 8-bit or boolean, or is an 8-bit mask of zeros
        and ones, which would silently become empty.

    Examples
    --------
    >>> from bench.metrics import Protocol
    >>> half = np.array([[255, 0], [255, 0]], dtype=np.uint8)
    >>> resize_mask(half, Protocol(name="tiny", size=1)).item()
    True
    """
    if mask.ndim != 2 or mask.size == 0:
        raise ValueError(f"mask has shape {mask.shape}; expected (H, W)")
    if mask.dtype not in (np.bool_, np.uint8):
        raise ValueError(f"mask has dtype {mask.dtype}; expected uint8 or bool")
    if mask.dtype == np.uint8 and mask.max() == 1:
        raise ValueError("8-bit mask of zeros and ones; expected 0 to 255, or a bool array")
    # Here, because the names of the metrics and of the protocols do without torch.
    import torch
    from torchvision.transforms.v2 import InterpolationMode, functional

    rule = protocol.mask_rule
    white = 255 if mask.dtype == np.uint8 else 1
    resized = functional.resize(
        torch.from_numpy(mask.astype(np.float32))[None, None] / white,
        [protocol.size, protocol.size],
        InterpolationMode.NEAREST_EXACT if rule == "nearest" else InterpolationMode.BILINEAR,
        antialias=rule != "bilinear",
    )
    level = {"floor": 1 - _HALF_GREY_LEVEL, "any": _HALF_GREY_LEVEL}.get(rule, 0.5)
    result: NDArray[np.bool_] = (resized[0, 0] >= level).numpy()
    return result
