"""8-bit colour spaces as OpenCV converts to and from them, for the change of brightness."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

Pixels: TypeAlias = "NDArray[np.uint8]"
Floats: TypeAlias = "NDArray[np.floating[Any]]"

VECTOR = 32
"""The way back from HSV is truncated in as many columns as go into vectors of this length."""

# sRGB to XYZ under D65, and that white.
_XYZ = np.array(
    [
        [0.412453, 0.357580, 0.180423],
        [0.212671, 0.715160, 0.072169],
        [0.019334, 0.119193, 0.950227],
    ]
)
_RGB = np.linalg.inv(_XYZ)
_WHITE = np.array([0.950456, 1.0, 1.088754])
_DARK = 0.008856  # of Y: below it lightness is linear
_SLOPE = 903.3
_WHITE_UV = 4 * _WHITE[0] / (_WHITE @ (1, 15, 3)), 9 * _WHITE[1] / (_WHITE @ (1, 15, 3))


class Space(NamedTuple):
    """Ways from (H, W, 3) uint8 RGB and back."""

    there: Callable[[Pixels], Pixels]
    back: Callable[[Pixels], Pixels]
    lightness: int  # the channel


def _rounded(*channels: Floats) -> Pixels:
    stacked = np.stack(channels, axis=-1)
    return np.clip(np.rint(stacked), 0, 255).astype(np.uint8)


def _split(image: Pixels, dtype: type = np.float64) -> list[Floats]:
    return [image[..., channel].astype(dtype) for channel in range(3)]


def _luma(red: Floats, green: Floats, blue: Floats) -> Floats:
    luma: Floats = 0.299 * red + 0.587 * green + 0.114 * blue
    return luma


def _to_ycrcb(image: Pixels) -> Pixels:
    red, green, blue = _split(image)
    y = np.rint(_luma(red, green, blue))
    return _rounded(y, 0.713 * (red - y) + 128, 0.564 * (blue - y) + 128)


def _from_ycrcb(image: Pixels) -> Pixels:
    y, cr, cb = _split(image)
    cr, cb = cr - 128, cb - 128
    return _rounded(y + 1.403 * cr, y - 0.714 * cr - 0.344 * cb, y + 1.773 * cb)


def _to_yuv(image: Pixels) -> Pixels:
    red, green, blue = _split(image)
    y = np.rint(_luma(red, green, blue))
    return _rounded(y, 0.492 * (blue - y) + 128, 0.877 * (red - y) + 128)


def _from_yuv(image: Pixels) -> Pixels:
    y, u, v = _split(image)
    u, v = u - 128, v - 128
    return _rounded(y + 1.140 * v, y - 0.395 * u - 0.581 * v, y + 2.032 * u)


def _hue(image: Pixels) -> tuple[Floats, Floats, Floats]:
    """Return hue in half degrees, and the largest and the smallest channel."""
    red, green, blue = _split(image)
    most, least = np.maximum(np.maximum(red, green), blue), np.minimum(np.minimum(red, green), blue)
    span = np.where(most > least, most - least, 1)
    sector = np.where(
        most == red,
        (green - blue) / span,
        np.where(most == green, 2 + (blue - red) / span, 4 + (red - green) / span),
    )
    return np.rint(30 * sector) % 180, most, least


def _to_hsv(image: Pixels) -> Pixels:
    hue, most, least = _hue(image)
    return _rounded(hue, 255 * (most - least) / np.maximum(most, 1), most)


def _from_hue(hue: Floats, most: Floats, least: Floats) -> list[Floats]:
    """Return the channels of a hue in half degrees between two values."""
    found = []
    for shift in (5, 3, 1):
        place = (hue / 30 + shift) % 6
        part = np.clip(np.minimum(place, 4 - place), 0, 1)
        found.append(most - (most - least) * part)
    return found


def _from_hsv(image: Pixels) -> Pixels:
    hue, saturation, value = _split(image, np.float32)
    stacked = np.stack(_from_hue(hue, value, value * (1 - saturation / 255)), axis=-1)
    vectors = VECTOR * (image.shape[1] // VECTOR)
    stacked[:, vectors:] = np.rint(stacked[:, vectors:])
    # What is whole but for float32 must not be cut down by one.
    found: Pixels = np.clip(np.floor(stacked + 1e-4), 0, 255).astype(np.uint8)
    return found


def _to_hls(image: Pixels) -> Pixels:
    hue, most, least = _hue(image)
    total = most + least
    room = np.where(total < 255, total, 510 - total)
    return _rounded(hue, total / 2, 255 * (most - least) / np.maximum(room, 1))


def _from_hls(image: Pixels) -> Pixels:
    hue, lightness, saturation = _split(image)
    reach = saturation / 255 * np.minimum(lightness, 255 - lightness)
    return _rounded(*_from_hue(hue, lightness + reach, lightness - reach))


def _to_xyz(image: Pixels) -> Floats:
    levels = np.arange(256) / 255
    linear = np.where(levels > 0.04045, ((levels + 0.055) / 1.055) ** 2.4, levels / 12.92)
    xyz: Floats = linear[image] @ _XYZ.T
    return xyz


def _from_xyz(xyz: Floats) -> Pixels:
    linear = np.clip(xyz @ _RGB.T, 0, 1)
    shown = np.where(linear > 0.0031308, 1.055 * linear ** (1 / 2.4) - 0.055, 12.92 * linear)
    found: Pixels = np.rint(255 * shown).astype(np.uint8)
    return found


def _lightness(y: Floats) -> Floats:
    return np.where(y > _DARK, 116 * np.cbrt(y) - 16, _SLOPE * y)


def _luminance(lightness: Floats) -> Floats:
    bright = lightness > _SLOPE * _DARK
    return np.where(bright, ((lightness + 16) / 116) ** 3, lightness / _SLOPE)


def _to_lab(image: Pixels) -> Pixels:
    part = _to_xyz(image) / _WHITE
    x, y, z = np.moveaxis(np.where(part > _DARK, np.cbrt(part), 7.787 * part + 16 / 116), -1, 0)
    lightness = _lightness(part[..., 1])
    return _rounded(lightness * 255 / 100, 500 * (x - y) + 128, 200 * (y - z) + 128)


def _from_lab(image: Pixels) -> Pixels:
    lightness, a, b = _split(image)
    y = _luminance(lightness * 100 / 255)
    root = np.where(y > _DARK, np.cbrt(y), 7.787 * y + 16 / 116)
    roots = np.stack([root + (a - 128) / 500, root - (b - 128) / 200], axis=-1)
    x, z = np.moveaxis(np.where(roots > 6 / 29, roots**3, (roots - 16 / 116) / 7.787), -1, 0)
    return _from_xyz(np.stack([x, y, z], axis=-1) * _WHITE)


def _to_luv(image: Pixels) -> Pixels:
    xyz = _to_xyz(image)
    weight = np.maximum(xyz @ (1, 15, 3), 1e-12)
    lightness = _lightness(xyz[..., 1])
    u = 13 * lightness * (4 * xyz[..., 0] / weight - _WHITE_UV[0])
    v = 13 * lightness * (9 * xyz[..., 1] / weight - _WHITE_UV[1])
    return _rounded(lightness * 255 / 100, (u + 134) * 255 / 354, (v + 140) * 255 / 262)


def _from_luv(image: Pixels) -> Pixels:
    first, second, third = _split(image)
    lightness = first * 100 / 255
    scale = 13 * lightness
    u = second * 354 / 255 - 134 + scale * _WHITE_UV[0]
    # Of dark colours 8 bits say nothing but that this is small.
    v = np.maximum(third * 262 / 255 - 140 + scale * _WHITE_UV[1], 1)
    xyz = np.stack([9 * u, 4 * v, 12 * scale - 3 * u - 20 * v], axis=-1)
    return _from_xyz(xyz * (_luminance(lightness) / (4 * v))[..., None])


SPACES: Mapping[str, Space] = {
    "YCrCb": Space(_to_ycrcb, _from_ycrcb, 0),
    "HSV": Space(_to_hsv, _from_hsv, 2),
    "HLS": Space(_to_hls, _from_hls, 1),
    "Lab": Space(_to_lab, _from_lab, 0),
    "Luv": Space(_to_luv, _from_luv, 0),
    "YUV": Space(_to_yuv, _from_yuv, 0),
}
"""By OpenCV's names."""
