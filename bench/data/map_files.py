"""Files that hold one anomaly map: TIFF, grey PNG, NPY; which of them a suffix says."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from destseg.errors import InputError
from destseg.images import decoding_error, image_size

_TIFF_BITS = 258
_REMEDY = "store it as 32-bit TIFF, 8 or 16 bit grey PNG, or NPY"


def declared_shape(path: Path) -> tuple[int, ...]:
    """Return the shape that a file's head tells; empty where it tells none."""
    # What is wrong with a damaged file is for decoding to say.
    with suppress(Exception):
        if path.suffix.lower() == ".npy":
            with path.open("rb") as stream:
                old = np.lib.format.read_magic(stream) == (1, 0)
                read = (
                    np.lib.format.read_array_header_1_0
                    if old
                    else np.lib.format.read_array_header_2_0
                )
                return read(stream)[0]
        if path.suffix.lower() == ".png":
            return image_size(path)
        with tifffile.TiffFile(path) as file:
            pages = len(file.pages)
            shape: tuple[int, ...] = file.pages.first.shape
            return shape if pages == 1 else (pages, *shape)
    return ()


def decoded(path: Path) -> NDArray[Any]:
    """Decode a file.

    Raises
    ------
    InputError
        When it cannot be, or is no single map.
    """
    readers = {".npy": _read_npy, ".png": _read_png}
    try:
        return readers.get(path.suffix.lower(), _read_tiff)(path)
    except InputError:
        raise
    except Exception as error:  # decoders fed with damaged data raise nearly anything
        raise InputError(
            f"{path}: cannot be decoded ({decoding_error(error)}); write it again."
        ) from None


def _read_npy(path: Path) -> NDArray[Any]:
    values = np.load(path, allow_pickle=False)
    if not isinstance(values, np.ndarray):
        raise InputError(f"{path}: an archive of arrays; store one map with numpy.save.")
    return values.astype(values.dtype.newbyteorder("="), copy=False)


def _read_png(path: Path) -> NDArray[Any]:
    with Image.open(path) as image:
        image.load()
        # Pillow holds 16 bit grey in one of several integer modes.
        if image.mode != "L" and not image.mode.startswith("I"):
            raise InputError(f"{path}: a picture of mode {image.mode}; {_REMEDY}.")
        return np.asarray(image)


def _read_tiff(path: Path) -> NDArray[Any]:
    try:
        with tifffile.TiffFile(path) as file:
            pages = len(file.pages)
            palette = file.pages.first.photometric == tifffile.PHOTOMETRIC.PALETTE
            values = np.asarray(file.asarray())
    except Exception:
        return _read_compressed_tiff(path)
    if pages != 1:
        raise InputError(f"{path}: {pages} pages; give one map in a file.")
    if palette:
        raise InputError(f"{path}: a picture of palette colours; {_REMEDY}.")
    return values


def _read_compressed_tiff(path: Path) -> NDArray[Any]:
    """Read with Pillow, which has the codecs of libtiff, such as OpenCV's default, LZW."""
    with Image.open(path) as image:
        image.load()
        bits = getattr(image, "tag_v2", {}).get(_TIFF_BITS, (0,))
        grey = image.mode in ("L", "F") or image.mode.startswith("I")
        # Pillow turns 64 bits to 32.
        if not grey or bits > (32,):
            raise InputError(
                f"{path}: compressed {bits[0]} bit pixels of mode {image.mode}; {_REMEDY}."
            )
        return np.asarray(image)
