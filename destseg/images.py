"""Images and masks from files, whatever their mode, or an error that names the file."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from destseg.errors import InputError, one_line

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff"})
LISTED_FAULTS = 10
"""Faults spelt out in one message; the rest are counted."""


def read_rgb(path: Path, size: int | None) -> NDArray[np.uint8]:
    """Read any image as 8-bit RGB, resized as the paper's program does it.

    Greyscale, palette and CMYK images are converted by Pillow. 16-bit greyscale keeps its
    high byte (Pillow alone would clip it at 255). Pixels that are really transparent are
    shown over white, as a viewer shows them; an opaque alpha channel is dropped. The
    orientation of EXIF is not applied, since masks are drawn for the stored pixels.

    Parameters
    ----------
    path : Path
        The file; its content decides the format, not its suffix.
    size : int or None
        Side of the square it is resized to (Pillow ``BILINEAR``, which is antialiased;
        the aspect ratio is ignored), or None to keep its own size.

    Returns
    -------
    ndarray
        (size, size, 3), or (H, W, 3) without a size; uint8.

    Raises
    ------
    InputError
        When the file is missing, empty, damaged or not an image.
    """
    image = _decode(path)
    if _is_deep(image):
        grey = np.clip(np.asarray(image) >> 8, 0, 255).astype(np.uint8)
        rgb = Image.fromarray(grey).convert("RGB")
    else:
        rgb = _flatten(path, image, "RGB", background=255)
    return resize_rgb(np.asarray(rgb), size) if size is not None else np.array(rgb)


def resize_rgb(image: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Resize (H, W, 3) uint8 to (size, size, 3) with Pillow's antialiased ``BILINEAR``."""
    resized = Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR)
    return np.array(resized)


def read_mask(path: Path) -> NDArray[np.uint8]:
    """Read a ground truth mask as 8-bit grey at its own size.

    A mask with a single value besides 0 marks anomalies with that value, be it 255 as in
    MVTec AD, 1, 65535 or a palette's colour: it is returned as 0 and 255. Other masks keep
    their grey levels. Transparent pixels are unmarked.

    Returns
    -------
    ndarray
        (H, W) uint8.

    Raises
    ------
    InputError
        When the file is missing, empty, damaged or not an image.
    """
    image = _decode(path)
    deep = _is_deep(image)
    levels: NDArray[Any] = np.asarray(image if deep else _flatten(path, image, "L", background=0))
    marked = levels[levels != 0]
    if marked.size and (marked == marked[0]).all():
        return np.where(levels != 0, np.uint8(255), np.uint8(0))
    grey = np.clip(levels >> 8, 0, 255) if deep else levels
    return np.array(grey, dtype=np.uint8)


def image_files(folder: Path) -> list[Path]:
    """List the image files directly in a folder, sorted; hidden files are left out."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if is_image(path))


def require_folder(folder: Path, remedy: str) -> None:
    """Refuse what is no folder; the remedy ends the sentence.

    Raises
    ------
    InputError
        When it is missing or a file.
    """
    if not folder.is_dir():
        what = "is not a folder" if folder.exists() else "no such folder"
        raise InputError(f"{folder}: {what}; {remedy}.")


def images_below(folder: Path, remedy: str) -> list[Path]:
    """List every image below a folder, in the order of the relative paths.

    Raises
    ------
    InputError
        When there is no folder or no image in it; the remedy ends the sentence.
    """
    require_folder(folder, remedy)
    files = [path for path in folder.rglob("*") if is_image(path) and path.is_file()]
    if not files:
        raise InputError(f"{folder}: no images in it; {remedy}.")
    return sorted(files, key=lambda path: path.relative_to(folder).as_posix())


def is_image(path: Path) -> bool:
    """Tell by its name whether a file is an image and not, say, macOS's ``._000.png``."""
    return path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")


def input_faults(subject: str, faults: Sequence[str]) -> InputError:
    """Put all faults of a folder into one error: a sentence, then a line for each fault."""
    count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
    lines = [f"{subject}: {count} found; mend the files listed here and start again:"]
    lines += [f"  - {fault}" for fault in faults[:LISTED_FAULTS]]
    if len(faults) > LISTED_FAULTS:
        lines.append(f"  - and {len(faults) - LISTED_FAULTS} more")
    return InputError("\n".join(lines))


def _decode(path: Path) -> Image.Image:
    """Open and decode a file completely."""
    try:
        # Pillow warns of odd metadata and of images from 90 to 180 million pixels, which
        # are still read; beyond that it raises.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path) as image:
                image.load()
                return image
    except UnidentifiedImageError:
        if path.stat().st_size == 0:
            raise InputError(f"{path}: the file is empty (0 bytes); copy it again.") from None
        raise InputError(
            f"{path}: not an image in a format that Pillow knows; replace or remove it."
        ) from None
    except Image.DecompressionBombError:
        raise InputError(
            f"{path}: more pixels than Pillow's safety limit of "
            f"{2 * (Image.MAX_IMAGE_PIXELS or 0):,}; store it smaller."
        ) from None
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; check the path.") from None
    except PermissionError:
        raise InputError(f"{path}: no permission to read it; change its mode.") from None
    # Decoders fed with damaged data raise nearly anything: OSError, SyntaxError,
    # ValueError, struct.error, IndexError, zlib.error.
    except Exception as error:
        raise InputError(
            f"{path}: truncated or damaged image ({one_line(error)}); copy or download it again."
        ) from error


def _is_deep(image: Image.Image) -> bool:
    """Tell 16-bit greyscale, which Pillow holds in one of several integer modes."""
    return image.mode == "I" or image.mode.startswith("I;")


def _flatten(path: Path, image: Image.Image, mode: str, *, background: int) -> Image.Image:
    """Convert to ``mode``, showing transparent pixels over a grey ``background``."""
    if image.mode == "F":
        raise InputError(
            f"{path}: floating-point pixels, whose white is unknown; store it with 8 or 16 bits."
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
            f"{path}: pixels of mode {image.mode} cannot be converted to {mode}; store it as RGB."
        ) from None
