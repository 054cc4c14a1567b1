"""Images from files, whatever their mode, or an error that names the file."""

import os
import statistics
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

from destseg.errors import InputError, one_line, tell
from destseg.files import unfit

DEPTHS = (8, 10, 12, 14, 16)
"""Bits of cameras whose images are stored with 16."""

FAR_BITS = 3
"""So many bits more than most images need make those dark: an eighth of their levels is left."""


def read_rgb(path: Path, size: int | None, *, depth: int | None = None) -> NDArray[np.uint8]:
    """Read any image as 8-bit RGB, resized as the paper's program does it.

    Greyscale, palette and CMYK images are converted by Pillow. 16-bit greyscale keeps the
    highest 8 of its bits (Pillow alone would clip it at 255). Pixels that are really
    transparent are shown over white, as a viewer shows them; an opaque alpha channel is
    dropped. The orientation of EXIF is not applied, since masks are drawn for the stored
    pixels.

    Parameters
    ----------
    path : Path
        The file; its content decides the format, not its suffix.
    size : int or None
        Side of the square it is resized to (Pillow ``BILINEAR``, which is antialiased;
        the aspect ratio is ignored), or None to keep its own size.
    depth : int, optional
        How many bits of 16 its camera uses, the same for all images of a set, see `bit_depth`.
        Without it an image that seems to use fewer than 16 is refused.

    Returns
    -------
    ndarray
        (size, size, 3), or (H, W, 3) without a size; uint8.

    Raises
    ------
    InputError
        When the file is missing, empty, damaged, not an image, or nearly black at this depth.
    """
    image, halved = decode(path)
    rgb = to_rgb(image, str(path), depth, halved=halved)
    return resize_rgb(rgb, size) if size is not None else rgb


def to_rgb(
    image: Image.Image, where: str, depth: int | None = None, *, halved: bool = False
) -> NDArray[np.uint8]:
    """Convert a decoded image to (H, W, 3) uint8 as `read_rgb` does; errors begin with ``where``.

    ``halved`` says that its file has 16 bits for a colour, of which Pillow keeps the high 8.

    Raises
    ------
    InputError
        As `read_rgb`.
    """
    largest = _largest(image) if halved or is_deep(image) else 0
    if largest > 0:
        own = _depth_of(largest)
        if own < 16 and (depth is None or (halved and depth < 16)):
            raise InputError(
                f"{where}: its 16 bits hold values up to {largest}, so that it would be nearly "
                "black; scale it to 0 to 65535, or store it with 8 bits."
            )
        if depth is not None and own > depth:
            raise InputError(
                f"{where}: values up to {largest}, but the other images have {depth} bits; store "
                "all with the same number of bits."
            )
    if not is_deep(image):
        return np.array(flatten(where, image, "RGB", background=255))
    values = np.asarray(image)
    if values.min() < 0 or values.max() > 65535:
        raise InputError(
            f"{where}: values from {values.min()} to {values.max()} are beyond 16 bits; store it "
            "with 8 or 16."
        )
    grey = (values >> ((depth or 16) - 8)).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=-1)


def bit_depth(files: Iterable[Path]) -> int | None:
    """Find how many bits the images of a set use that are stored with 16: one for all of them.

    Returns
    -------
    int or None
        The smallest of `DEPTHS` that holds the largest value; None where all images have 8 bits.
        Files that cannot be decoded are passed over: reading them tells.

    Notes
    -----
    Where most images would do with fewer bits, so that single pixels make all of them dark, that is
    told, once.
    """
    largest: dict[Path, int] = {}
    for file in files:
        try:
            with _quiet(), Image.open(file) as image:
                if is_deep(image) or is_halved(image):
                    image.load()
                    largest[file] = _largest(image)
        except Exception:  # noqa: S112 - decoders fed with damaged data raise nearly anything
            continue
    if not largest:
        return None
    brightest = max(largest, key=lambda file: largest[file])
    depth = _depth_of(largest[brightest])
    usual = _depth_of(int(statistics.median_low(largest.values())))
    if depth >= usual + FAR_BITS:
        tell(
            f"{brightest}: has values up to {largest[brightest]}; half of all {len(largest)} "
            f"images of its set need but {usual} bits, and all are read as of {depth} and are "
            "dark. Mend or remove it if it is a fault"
        )
    return depth


def resize_rgb(image: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Resize (H, W, 3) uint8 to (size, size, 3) with Pillow's antialiased ``BILINEAR``."""
    resized = Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR)
    return np.array(resized)


def image_size(path: Path) -> tuple[int, int]:
    """Read an image's height and width from its head alone.

    Raises
    ------
    InputError
        When it has none.
    """
    _require_file(path)
    try:
        with _quiet(), Image.open(path) as image:
            return image.height, image.width
    except (OSError, Image.DecompressionBombError) as error:
        _require_content(path)
        raise InputError(
            f"{path}: cannot be decoded ({decoding_error(error)}); copy it again."
        ) from None


def decoded_size(path: Path) -> tuple[int, int]:
    """Decode an image completely, and return its height and width.

    Raises
    ------
    InputError
        When it cannot be.
    """
    image, _ = decode(path)
    return image.height, image.width


def is_turned(path: Path) -> bool:
    """Tell an image that viewers turn by its EXIF; not a TIFF, which Pillow turns too."""
    try:
        with _quiet(), Image.open(path) as image:
            if image.format == "TIFF" or "exif" not in image.info:
                return False
            upright = image.getexif().get(ExifTags.Base.Orientation, 1) in (0, 1)
    except Exception:  # decoding tells
        return False
    return not upright


def decoding_error(error: Exception) -> str:
    """Say in a line what a decoder met."""
    # Pillow's own words for that repeat the path.
    return "in no known format" if isinstance(error, UnidentifiedImageError) else one_line(error)


def _require_file(path: Path) -> None:
    if not os.path.lexists(path):
        raise InputError(f"{path}: no such file; check the path.")
    if (fault := unfit(path)) is not None:
        raise InputError(f"{path}: {fault}; replace or remove it.")


def _require_content(path: Path) -> None:
    if path.stat().st_size == 0:
        raise InputError(f"{path}: the file is empty (0 bytes); copy it again.") from None


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence Pillow, which warns of odd metadata and of images from 90 to 180 million pixels.

    Both are still read; beyond that it raises.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def decode(path: Path) -> tuple[Image.Image, bool]:
    """Open and decode a file completely; tell whether its colours have lost their low bytes."""
    _require_file(path)
    try:
        with _quiet(), Image.open(path) as image:
            halved = is_halved(image)
            image.load()
            pages = _equal_pages(path)
    except UnidentifiedImageError:
        _require_content(path)
        raise InputError(
            f"{path}: not an image in a format that Pillow knows; replace or remove it."
        ) from None
    except Image.DecompressionBombError:
        raise InputError(
            f"{path}: more pixels than Pillow's safety limit of "
            f"{2 * (Image.MAX_IMAGE_PIXELS or 0):,}; store it smaller."
        ) from None
    except PermissionError:
        raise InputError(f"{path}: no permission to read it; change its mode.") from None
    # Decoders fed with damaged data raise nearly anything: OSError, SyntaxError,
    # ValueError, struct.error, IndexError, zlib.error.
    except Exception as error:
        raise InputError(
            f"{path}: truncated or damaged image ({one_line(error)}); copy or download it again."
        ) from error
    if pages > 1:
        raise InputError(f"{path}: {pages} images in one file; store each in its own.")
    return image, halved


def _equal_pages(path: Path) -> int:
    """Count the pages of a file whose second has the first one's size, and is no preview."""
    with Image.open(path) as image:
        count = getattr(image, "n_frames", 1)
        # Cameras put previews behind a photograph.
        if count == 1 or image.format == "MPO":
            return 1
        first = image.size
        image.seek(1)
        return count if image.size == first else 1


def is_deep(image: Image.Image) -> bool:
    """Tell 16-bit greyscale, which Pillow holds in one of several integer modes."""
    return image.mode == "I" or image.mode.startswith("I;")


def is_halved(image: Image.Image) -> bool:
    """Tell an image, opened but not decoded, whose file has 16 bits for each of its colours."""
    return not is_deep(image) and any(";16" in str(tile[3]) for tile in getattr(image, "tile", ()))


def _largest(image: Image.Image) -> int:
    """Return the largest value of a 16-bit image, or a bound of it where low bytes are lost."""
    values = np.asarray(image)
    if is_deep(image):
        return int(values.max())
    high = int((values[..., :-1] if image.mode.endswith("A") else values).max())
    return high * 256 + 255 if high else 0


def _depth_of(largest: int) -> int:
    return next((depth for depth in DEPTHS if largest < 2**depth), 16)


def flatten(where: str, image: Image.Image, mode: str, *, background: int) -> Image.Image:
    """Convert to ``mode``, showing transparent pixels over a grey ``background``."""
    if image.mode == "F":
        raise InputError(
            f"{where}: floating-point pixels, whose white is unknown; store it with 8 or 16 bits."
        )
    try:
        if not image.has_transparency_data:
            return image.convert(mode)
        coloured = image.convert("RGBA")
        if np.asarray(coloured)[..., 3].min() < 255:
            paper = Image.new("RGBA", image.size, (background, background, background, 255))
            coloured = Image.alpha_composite(paper, coloured)
        return coloured.convert(mode)
    except ValueError:
        raise InputError(
            f"{where}: pixels of mode {image.mode} cannot be converted to {mode}; store it as RGB."
        ) from None
