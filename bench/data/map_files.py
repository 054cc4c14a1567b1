"""Files that hold one anomaly map: TIFF, grey PNG, NPY; which of them a suffix says."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from destseg.errors import InputError
from destseg.images import decoding_error, image_size

_TIFF_BITS, _COLOURS, _TURNED = 258, 262, 274
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
        if (pages := getattr(image, "n_frames", 1)) != 1:
            raise InputError(f"{path}: {pages} pages; give one map in a file.")
        image.load()
        # Pillow holds 16 bit grey in one of several integer modes.
        if image.mode != "L" and not image.mode.startswith("I"):
            raise InputError(f"{path}: a picture of mode {image.mode}; {_REMEDY}.")
        return np.asarray(image)


def _read_tiff(path: Path) -> NDArray[Any]:
    try:
        with tifffile.TiffFile(path) as file:
            pages = len(file.pages)
            tags = {code: file.pages.first.tags.valueof(code) for code in (_COLOURS, _TURNED)}
            values = np.asarray(file.asarray())
    except Exception:
        return _read_compressed_tiff(path)
    if pages != 1:
        raise InputError(f"{path}: {pages} pages; give one map in a file.")
    _require_plain(path, tags)
    return values


def _require_plain(path: Path, tags: Mapping[int, Any]) -> None:
    """Refuse a TIFF whose values do not stand for themselves, or not in their places."""
    colours = tags.get(_COLOURS)
    if colours == tifffile.PHOTOMETRIC.PALETTE:
        raise InputError(f"{path}: a picture of palette colours; {_REMEDY}.")
    if colours == tifffile.PHOTOMETRIC.MINISWHITE:
        raise InputError(
            f"{path}: calls 0 white, so that a high score may be a low value; {_REMEDY}."
        )
    if tags.get(_TURNED) not in (None, 1):
        raise InputError(f"{path}: turned by its orientation tag; store it upright.")


def _read_compressed_tiff(path: Path) -> NDArray[Any]:
    """Read with Pillow, which has the codecs of libtiff, such as OpenCV's default, LZW."""
    with Image.open(path) as image:
        tags = dict(getattr(image, "tag_v2", {}))
        _require_plain(path, tags)
        image.load()
        bits = tags.get(_TIFF_BITS, (0,))
        grey = image.mode in ("L", "F") or image.mode.startswith("I")
        # Pillow turns 64 bits to 32.
        if not grey or bits > (32,):
            raise InputError(
                f"{path}: compressed {bits[0]} bit pixels of mode {image.mode}; {_REMEDY}."
            )
        return np.asarray(image)
