"""What a trained model says of pictures: anomaly map, image score, overlay."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from destseg.errors import InputError, one_line
from destseg.images import is_halved, read_rgb, to_rgb

Picture: TypeAlias = os.PathLike[str] | str | NDArray[Any] | Image.Image
"""The path of an image file, an array that holds what one can, or an image of Pillow's."""

CHANNELS = (1, 3, 4)
"""Of arrays (H, W, channels): grey, RGB, RGB and alpha."""

COLOURS = "inferno"
OPACITY = 0.65
"""Of the colours over the picture where they are strongest."""


@dataclass(frozen=True)
class Scale:
    """What the values of the anomaly maps of a model mean.

    Parameters
    ----------
    normal : float
        Where the colours of an overlay begin: a value that only one in a thousand pixels of the
        normal training images exceeds.
    anomalous : float
        Where they are strongest: the median of the pixels of synthetic anomalies.
    limit : float
        The largest image score of the normal training images; a picture above it is called
        anomalous. The default of all three suits a model of which nothing is known but that its
        maps are probabilities.
    """

    normal: float = 0.0
    anomalous: float = 1.0
    limit: float = 0.5


@dataclass(frozen=True)
class Prediction:
    """What a model says of one picture.

    Parameters
    ----------
    picture : ndarray
        (H, W, 3) uint8 RGB, as read.
    anomaly_map : ndarray
        (H, W) float32, larger is more anomalous.
    score : float
        The image score: mean of the largest values of the map at the model's own size, see
        `top_pixels`.
    scale : Scale
        Of the model.
    """

    picture: NDArray[np.uint8]
    anomaly_map: NDArray[np.float32]
    score: float
    scale: Scale

    @property
    def anomalous(self) -> bool:
        """Whether the score is above that of every normal training image."""
        return self.score > self.scale.limit

    @property
    def relative_score(self) -> float:
        """The score on the model's scale: 0 is the normal images' edge, 1 a synthetic anomaly."""
        return (self.score - self.scale.normal) / (self.scale.anomalous - self.scale.normal)

    def overlay(self) -> NDArray[np.uint8]:
        """Lay the map over the picture: colour where it leaves the normal range, and only there.

        Returns
        -------
        ndarray
            (H, W, 3) uint8 RGB. The colours mean the same for all pictures of a model.
        """
        # Here and not above: a training need not wait for matplotlib.
        from matplotlib import colormaps

        span = self.scale.anomalous - self.scale.normal
        heat = np.clip((self.anomaly_map - self.scale.normal) / span, 0, 1)
        # The upper part of the map alone: its dark end would look like a shadow.
        colour = colormaps[COLOURS](0.35 + 0.6 * heat)[..., :3] * 255
        opacity = OPACITY * np.sqrt(heat)[..., None]
        blended = (1 - opacity) * self.picture + opacity * colour
        result: NDArray[np.uint8] = (blended + 0.5).astype(np.uint8)
        return result


def top_pixels(size: int) -> int:
    """Count the pixels in an image score: the program's 100 at 256 px, else in proportion."""
    return max(round(100 * (size / 256) ** 2), 1)


def as_pictures(images: object) -> Iterable[object]:
    """Return one picture as a list of it, and several as they come.

    Raises
    ------
    InputError
        When it is neither.
    """
    if isinstance(images, str | os.PathLike | np.ndarray | Image.Image):
        return [images]
    if isinstance(images, bytes | bytearray) or not isinstance(images, Iterable):
        raise _no_picture(0, images)
    return images


def read_picture(picture: object, position: int, depth: int | None) -> NDArray[np.uint8]:
    """Return a picture as (H, W, 3) uint8 RGB, as a file of its kind is read.

    Raises
    ------
    InputError
        When it is none; ``position`` says which of several.
    """
    if isinstance(picture, str | os.PathLike):
        return read_rgb(Path(picture), None, depth=depth)
    where = f"picture {position}"
    if isinstance(picture, Image.Image):
        if 0 in picture.size:
            raise _no_picture(position, picture)
        halved = is_halved(picture)
        try:
            picture.load()
        except Exception as error:  # a damaged file raises nearly anything
            raise InputError(
                f"{where}: truncated or damaged image ({one_line(error)}); give another."
            ) from error
        return to_rgb(picture, where, depth, halved=halved)
    if not isinstance(picture, np.ndarray) or picture.size == 0:
        raise _no_picture(position, picture)
    if picture.dtype == np.uint16 and picture.ndim == 2:
        return to_rgb(Image.fromarray(picture), where, depth)
    channels = 1 if picture.ndim == 2 else picture.shape[-1]
    if picture.dtype != np.uint8 or picture.ndim not in (2, 3) or channels not in CHANNELS:
        raise _no_picture(position, picture)
    if channels == 3:
        return picture
    flat = picture[..., 0] if picture.ndim == 3 and channels == 1 else picture
    return to_rgb(Image.fromarray(flat), where, depth)


def _no_picture(position: int, found: object) -> InputError:
    what = type(found).__name__
    if isinstance(found, np.ndarray):
        what = f"an array of shape {found.shape} and type {found.dtype}"
    return InputError(
        f"picture {position}: {what}; give a path, a Pillow image or an array "
        "(H, W, 3) uint8 RGB, as grey (H, W)."
    )


def resize_map(native: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Bring a map to its picture's size."""
    image = Image.fromarray(native).resize((shape[1], shape[0]), Image.Resampling.BILINEAR)
    return np.asarray(image)
