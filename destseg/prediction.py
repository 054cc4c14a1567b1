"""What a trained model says of pictures: anomaly map, image score, overlay."""

import glob
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from destseg.errors import InputError, one_line
from destseg.files import is_image
from destseg.folders import images_below
from destseg.images import is_halved, read_rgb, to_rgb

Picture: TypeAlias = os.PathLike[str] | str | NDArray[Any] | Image.Image
"""The path of an image file, an array that holds what one can, or an image of Pillow's."""

CHANNELS = (1, 3, 4)
"""Of arrays (H, W, channels): grey, RGB, RGB and alpha."""

COLOURS = "inferno"
OPACITY = 0.65
"""Of the colours over the picture where they are strongest."""


CONTOUR = (0, 255, 255)
"""Of the line around what is above the limit: no colour of `COLOURS`, and rare on parts."""

ANOMALOUS, NORMAL, TEXT, STRIP = (255, 110, 90), (120, 220, 120), (230, 230, 230), (24, 24, 24)
"""Of the text below an overlay."""


@dataclass(frozen=True)
class Scale:
    """What the values of the anomaly maps of a model mean.

    Parameters
    ----------
    normal : float
        Where the colours of an overlay begin: a value that only one in a thousand pixels of the
        normal training images exceeds.
    anomalous : float
        Where they are strongest: the median of the pixels of synthetic anomalies, but at least as
        far above ``normal`` as that is above the median of the normal pixels.
    limit : float
        A picture with a larger image score is called anomalous, and pixels above it are marked. By
        default the largest image score of the normal training images, see
        `destseg.application.calibration.limit_for` for others. The default of all three suits a
        model of which nothing is known but that its maps are probabilities.
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
    source : Path, optional
        The picture's file, if it was read from one.
    """

    picture: NDArray[np.uint8]
    anomaly_map: NDArray[np.float32]
    score: float
    scale: Scale
    source: Path | None = None

    @property
    def anomalous(self) -> bool:
        """Whether the score is above the limit, by default that of every training image."""
        return self.score > self.scale.limit

    @property
    def mask(self) -> NDArray[np.bool_]:
        """Pixels above the limit, (H, W).

        The same limit serves pixels and pictures: a score is a mean of pixels, so that a picture
        above it has such pixels, at the model's size at least.
        """
        return self.anomaly_map > self.scale.limit

    @property
    def relative_score(self) -> float:
        """The score on the model's scale: 0 is the normal images' edge, 1 a synthetic anomaly."""
        return (self.score - self.scale.normal) / (self.scale.anomalous - self.scale.normal)

    def overlay(self, *, contour: bool = True) -> NDArray[np.uint8]:
        """Lay the map over the picture: colour where it leaves the normal range, and only there.

        Parameters
        ----------
        contour : bool
            Whether a line goes around what is above the limit.

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
        if contour:
            result[_outline(self.mask)] = CONTOUR
        return result

    def captioned(self) -> NDArray[np.uint8]:
        """Return the overlay with verdict, score, limit and the ends of the colours written below.

        Returns
        -------
        ndarray
            (H + text, W, 3) uint8 RGB, and as wide as the text where the picture is narrower.
        """
        verdict, sign = ("anomalous", ">") if self.anomalous else ("normal", "<=")
        limit = f"limit {self.scale.limit:.4g}"
        colours = f"{self.scale.normal:.4g} (purple) to {self.scale.anomalous:.4g} (yellow)"
        lines = (
            f"{verdict}: score {self.score:.4g} {sign} {limit}",
            f"line: pixels > {limit}",
            f"colours: {colours}",
        )
        return _with_text(self.overlay(), lines, ANOMALOUS if self.anomalous else NORMAL)


def _outline(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return a line around the regions of a mask, outside them, visible at the picture's size."""
    width = max(1, round(max(mask.shape) / 300))
    grown = Image.fromarray(mask.astype(np.uint8) * 255).filter(
        ImageFilter.MaxFilter(2 * width + 1)
    )
    outline: NDArray[np.bool_] = (np.asarray(grown) > 0) & ~mask
    return outline


def _with_text(
    picture: NDArray[np.uint8], lines: tuple[str, ...], colour: tuple[int, int, int]
) -> NDArray[np.uint8]:
    """Write lines on a dark strip below a picture, the first in a colour."""
    height, width = picture.shape[:2]
    font = ImageFont.load_default(size=min(max(width / 32, 11.0), 48.0))
    boxes = [font.getbbox(line) for line in lines]
    step = round(1.4 * max(box[3] for box in boxes))
    whole = max(width, round(max(box[2] for box in boxes)) + step)
    canvas = Image.new("RGB", (whole, height + step * len(lines) + step // 2), STRIP)
    canvas.paste(Image.fromarray(picture), (0, 0))
    pen = ImageDraw.Draw(canvas)
    for index, line in enumerate(lines):
        at = (step / 2, height + step * (index + 0.25))
        pen.text(at, line, font=font, fill=TEXT if index else colour)
    return np.asarray(canvas)


def top_pixels(size: int) -> int:
    """Count the pixels in an image score: the program's 100 at 256 px, else in proportion."""
    return max(round(100 * (size / 256) ** 2), 1)


def as_pictures(images: object) -> Iterator[object]:
    """Yield one picture or several, the files of a folder or a pattern one by one.

    Raises
    ------
    InputError
        When it is neither, or a folder or pattern has no images.
    """
    if isinstance(images, str | os.PathLike | np.ndarray | Image.Image):
        images = [images]
    if isinstance(images, bytes | bytearray) or not isinstance(images, Iterable):
        raise _no_picture(0, images)
    for image in images:
        if isinstance(image, str | os.PathLike):
            yield from files_of(Path(image))
        else:
            yield image


def files_of(given: Path) -> list[Path]:
    """Return a file alone, the images below a folder, or those of a pattern such as ``*.png``.

    A file that is not there is returned as well: who reads it tells so.

    Raises
    ------
    InputError
        When a folder or a pattern has no images.
    """
    if given.is_dir():
        return images_below(given, "give a folder that has some", own=True)
    if given.exists() or not glob.has_magic(str(given)):
        return [given]
    found = sorted(filter(is_image, map(Path, glob.glob(str(given), recursive=True))))  # noqa: PTH207
    if not found:
        raise InputError(f"{given}: no image has such a name; give a pattern that fits some.")
    return found


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
