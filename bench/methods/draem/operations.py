"""DRAEM's ten operations on textures, on 8-bit images, as imgaug, OpenCV and Pillow do them.

The specification's section 4.2. Channels are called R, G, B here, which is what the program's
operations take its BGR images for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from bench.methods._perlin import rotated
from bench.methods.draem.colours import SPACES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.random import Generator
    from numpy.typing import NDArray

Pixels: TypeAlias = "NDArray[np.uint8]"
"""(H, W, 3)."""

AT_A_TIME = 3
"""Different operations on one texture, in random order."""


def gamma(image: Pixels, exponents: Sequence[float]) -> Pixels:
    """Raise each channel to a power of its own."""
    levels = np.arange(256, dtype=np.float32) / np.float32(255)
    tables = [
        np.floor(np.float32(255) * levels ** np.float32(exponent)).astype(np.uint8)
        for exponent in exponents
    ]
    return np.stack([table[image[..., c]] for c, table in enumerate(tables)], axis=-1)


def brightness(
    image: Pixels, space: str, factor: float, offset: int, *, multiply_first: bool
) -> Pixels:
    """Multiply, and add to, the lightness channel of a colour space of `SPACES`."""
    conversion = SPACES[space]
    converted = conversion.there(image)
    channel = converted[..., conversion.lightness].astype(np.float64)
    for multiplies in (multiply_first, not multiply_first):
        changed = channel * factor if multiplies else channel + offset
        channel = np.floor(np.clip(changed, 0, 255))
    converted[..., conversion.lightness] = channel.astype(np.uint8)
    return conversion.back(converted)


def sharpness(image: Pixels, factor: float) -> Pixels:
    """Blend with the smoothed image: 0 smooths, 1 changes nothing, 2 sharpens."""
    return np.asarray(ImageEnhance.Sharpness(Image.fromarray(image)).enhance(factor))


def hue_and_saturation(image: Pixels, hue: int, saturation: int) -> Pixels:
    """Add to hue, where 255 is the full circle, and to saturation."""
    conversion = SPACES["HSV"]
    converted = conversion.there(image).astype(np.int64)
    converted[..., 0] = (converted[..., 0] + int(hue * 180 / 255)) % 180
    converted[..., 1] = np.clip(converted[..., 1] + saturation, 0, 255)
    return conversion.back(converted.astype(np.uint8))


def solarize(image: Pixels, threshold: float) -> Pixels:
    """Invert the values from a threshold on."""
    return np.where(image >= int(threshold), 255 - image, image)


def posterize(image: Pixels, bits: int) -> Pixels:
    """Keep the first bits of each value."""
    return image - image % (1 << (8 - bits)) if bits < 8 else image


def invert(image: Pixels) -> Pixels:
    """Invert all values."""
    return 255 - image


def autocontrast(image: Pixels, cutoff: int) -> Pixels:
    """Stretch each channel, leaving a percentage out at either end."""
    return np.asarray(ImageOps.autocontrast(Image.fromarray(image), cutoff))


def equalize(image: Pixels) -> Pixels:
    """Equalise each channel's histogram."""
    return np.asarray(ImageOps.equalize(Image.fromarray(image)))


def _draw_brightness(image: Pixels, rng: Generator) -> Pixels:
    return brightness(
        image,
        str(rng.choice(list(SPACES))),
        rng.uniform(0.8, 1.2),
        round(rng.uniform(-30, 30)),
        multiply_first=bool(rng.integers(2)),
    )


def _draw_solarize(image: Pixels, rng: Generator) -> Pixels:
    threshold = rng.uniform(32, 128)
    return solarize(image, threshold) if rng.random() < 0.5 else image


OPERATIONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "gamma": lambda image, rng: gamma(image, rng.uniform(0.5, 2, size=3)),
    "brightness": _draw_brightness,
    "sharpness": lambda image, rng: sharpness(image, rng.uniform(0, 2)),
    "hue and saturation": lambda image, rng: hue_and_saturation(
        image, *map(int, rng.integers(-50, 51, size=2))
    ),
    "solarize": _draw_solarize,
    "posterize": lambda image, rng: posterize(image, int(rng.integers(1, 9))),
    "invert": lambda image, _: invert(image),
    "autocontrast": lambda image, rng: autocontrast(image, int(rng.integers(21))),
    "equalize": lambda image, _: equalize(image),
    "rotate": lambda image, rng: rotated(image, rng.uniform(-45, 45)),
}
"""(image, random generator) -> image, the parameters drawn as the program draws them."""

PAPER = tuple(name for name in OPERATIONS if name not in ("gamma", "invert", "rotate"))
"""Those that the paper names."""


def augment(image: Pixels, rng: Generator, pool: Sequence[str]) -> Pixels:
    """Apply three different operations of a pool, drawn with their order and parameters."""
    for name in rng.choice(list(pool), AT_A_TIME, replace=False):
        image = OPERATIONS[name](image, rng)
    return image
