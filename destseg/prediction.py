"""What a trained model says of pictures: anomaly map, image score, overlay."""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from destseg.images import read_rgb

Picture: TypeAlias = Path | str | NDArray[np.uint8]
"""The path of an image file, or (H, W, 3) uint8 RGB."""

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


def read_picture(picture: Picture) -> NDArray[np.uint8]:
    """Return a picture as (H, W, 3) uint8 RGB, read if it is a file."""
    return picture if isinstance(picture, np.ndarray) else read_rgb(Path(picture), None)


def resize_map(native: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Bring a map to its picture's size."""
    image = Image.fromarray(native).resize((shape[1], shape[0]), Image.Resampling.BILINEAR)
    return np.asarray(image)
