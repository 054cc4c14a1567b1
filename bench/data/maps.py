"""Anybody's anomaly maps in the layout of MVTec's own evaluation.

``<category>/test/<defect>/<name>.tiff``, ``.png`` or ``.npy``, one for each test image of that name
(Bergmann et al., IJCV 2021, and the evaluation code published with it).
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import interpolate

from bench.data.layout import CategoryFiles
from bench.data.map_files import declared_shape, decoded
from bench.data.truth import read_truth
from bench.metrics import Protocol
from destseg.errors import InputError
from destseg.files import composed, irregular, unfit
from destseg.folders import entries_below

Map = NDArray[Any]
P = ParamSpec("P")
T = TypeVar("T")

SUFFIXES = (".tiff", ".tif", ".png", ".npy")

READING_VERSION = 1
"""Raised when the same files give other maps."""

MOST = 64
"""Values for each pixel of a map above which a file is refused undecoded, whatever it holds."""

LARGEST = 1e300
"""Scores of no larger size can be averaged; double precision ends at 1.8e308."""

_OVERLAY = "_overlay"


@dataclass(frozen=True)
class MapFiles:
    """The maps of a category's test images."""

    maps: tuple[Path | None, ...]  # one for each image, in their order; None where it is missing
    faults: tuple[str, ...]  # what is missing, twice there or of no image, a sentence each


class FaultyMaps(Exception):
    """Everything that is wrong with a category's maps and masks."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__(f"{len(faults)} faults")
        self.faults = faults


def scan_maps(folder: Path, names: Sequence[str], unread: Collection[str] = ()) -> MapFiles:
    """Find in a category's folder of maps that of each test image, decoding nothing.

    The images are named by their paths below ``test`` without suffix, such as ``hole/000``. Maps of
    ``unread`` ones, ``test/hole/001``, are left alone.
    """
    tests = folder / "test"
    if not tests.is_dir():
        lack = f"{tests}: no such folder; the category's maps belong there."
        return MapFiles((None,) * len(names), (lack,))
    faults = []
    wanted = {composed(name) for name in names}
    ignored = {composed(name) for name in unread}
    found: dict[str, Path] = {}
    told: set[str] = set()
    for path in sorted(entries_below(tests)):
        if path.suffix.lower() not in SUFFIXES:
            continue
        inner = path.relative_to(tests).with_suffix("").as_posix()
        name = composed(inner)
        if name not in wanted:
            # `python -m destseg predict` writes a picture beside each map.
            if not (path.name.endswith(f"{_OVERLAY}.png") or f"test/{name}" in ignored):
                faults.append(f"{path}: there is no test image {inner}; remove it.")
        elif (fault := unfit(path)) is not None:
            faults.append(f"{path}: {fault}; write the map again.")
            told.add(name)
        elif name in found:
            faults.append(f"{found[name]} and {path}: two maps of one image; remove one.")
        else:
            found[name] = path
    for name in wanted - found.keys() - told:
        for place in (tests / f"{name}{suffix}" for suffix in SUFFIXES):
            if place.is_dir():
                faults.append(f"{place}: {irregular(place)}; write the map again.")
                told.add(name)
    faults += _missing(tests, names, {*found, *told})
    return MapFiles(tuple(found.get(composed(name)) for name in names), tuple(faults))


def _missing(tests: Path, names: Sequence[str], there: Collection[str]) -> list[str]:
    """Say which images have no map: of a folder that has none in one sentence."""
    folders: dict[str, dict[str, bool]] = {}
    for name in names:
        folders.setdefault(str(Path(name).parent), {})[name] = composed(name) in there
    faults = []
    for inner, known in folders.items():
        lacking = [f"{tests / name}{SUFFIXES[0]}" for name, found in known.items() if not found]
        if len(lacking) == len(known) > 1:
            first = Path(lacking[0]).name
            count = f"all {len(lacking)} maps are"
            faults.append(f"{tests / inner}: {count} missing, {first} the first; write them.")
        else:
            faults += [f"{path}: missing; write the image's map." for path in lacking]
    return faults


def read_map(path: Path, native: tuple[int, int], size: int) -> Map:
    """Read a map at the size it is scored at.

    A map of ``size`` by ``size`` pixels is taken as it is, in its own type. One of its image's own
    size is resized bilinearly, with antialias where it shrinks, as the paper's masks are (torch's
    ``interpolate`` with ``align_corners=False``), in float32, or in float64 where float32 does not
    hold its values. Before it is resized every value must be finite.

    Parameters
    ----------
    path : Path
        TIFF of one page with floating or integer pixels, grey PNG of 8 or 16 bits, or an
        ``.npy`` file of a two-dimensional array; its suffix says which.
    native : tuple of int
        Height and width of the image.

    Returns
    -------
    ndarray
        (size, size), finite.

    Raises
    ------
    InputError
        When the file cannot be decoded, or is not a map of one of the two sizes.
    """
    if (fault := unfit(path)) is not None:
        raise InputError(f"{path}: {fault}; write the map again.")
    square = (size, size)
    # A small file can decode to gigabytes.
    declared = declared_shape(path)
    if len(declared) == 2 and declared not in (native, square):
        raise _other_size(path, declared, native, square)
    if prod(declared) > MOST * max(prod(native), prod(square)):
        raise _no_map(path, declared)
    values = decoded(path)
    if values.ndim != 2:
        raise _no_map(path, values.shape)
    if values.dtype.kind not in "fiu" or values.dtype.itemsize > 8:
        raise InputError(f"{path}: values of type {values.dtype}; give floating or integer ones.")
    if values.shape not in (native, square):
        raise _other_size(path, values.shape, native, square)
    bad = ~np.isfinite(values)
    if bad.any():
        row, column = (int(i) for i in np.unravel_index(int(bad.argmax()), bad.shape))
        raise InputError(
            f"{path}: {values[row, column]} at row {row}, column {column} "
            f"({np.count_nonzero(bad)} such pixels); give finite scores."
        )
    # Only double precision holds such values.
    if values.dtype.itemsize == 8 and (largest := np.abs(values).max()) > LARGEST:
        raise InputError(
            f"{path}: values up to {largest:.0e}, which have no mean; scale them down."
        )
    return values if values.shape == square else _resized(values, size)


def maps_and_masks(
    data: CategoryFiles,
    maps: MapFiles,
    protocol: Protocol,
    *,
    size_of: Callable[[Path], tuple[int, int]],
    on_map: Callable[[], object],
) -> Iterator[tuple[Map, NDArray[np.bool_]]]:
    """Read the maps and masks of a category, pair after pair; ``on_map`` is called for each image.

    ``size_of`` gives the height and width of an image, or raises what is wrong with it.

    Yields
    ------
    maps : ndarray
        (1, size, size), see `read_map`.
    masks : ndarray of bool
        (1, size, size), see `bench.metrics.resize_mask`.

    Raises
    ------
    FaultyMaps
        At the end, with the faults of the names and of the files: after the first, the others
        are read for theirs alone.
    """
    faults = [*data.faults, *maps.faults]
    for image, mask, path in zip(data.test, data.masks, maps.maps, strict=True):
        on_map()
        native = _attempt(faults, size_of, image)
        if native is None:
            continue
        scores = None if path is None else _attempt(faults, read_map, path, native, protocol.size)
        truth = _attempt(faults, _truth, mask, native, protocol)
        if scores is not None and truth is not None and not faults:
            yield scores[None], truth[None]
    if faults:
        raise FaultyMaps(faults)


def _attempt(
    faults: list[str], read: Callable[P, T], *args: P.args, **kwargs: P.kwargs
) -> T | None:
    """Read something, or note what is wrong with it."""
    try:
        return read(*args, **kwargs)
    except InputError as error:
        faults.append(str(error))
        return None


def _truth(mask: Path | None, native: tuple[int, int], protocol: Protocol) -> NDArray[np.bool_]:
    if mask is None:
        return np.zeros((protocol.size, protocol.size), np.bool_)
    return read_truth(mask, native, protocol)


def _other_size(
    path: Path, found: tuple[int, ...], native: tuple[int, int], square: tuple[int, int]
) -> InputError:
    return InputError(
        f"{path}: {_pixels(found)} pixels, its image has {_pixels(native)}; give a map "
        f"of that size or of the protocol's, {_pixels(square)}."
    )


def _no_map(path: Path, shape: tuple[int, ...]) -> InputError:
    return InputError(f"{path}: an array of shape {shape}; give one map (height, width).")


def _resized(values: Map, size: int) -> Map:
    exact = np.float32 if np.can_cast(values.dtype, np.float32, "safe") else np.float64
    tensor = torch.from_numpy(values.astype(exact))[None, None]
    resized = interpolate(
        tensor, size=(size, size), mode="bilinear", align_corners=False, antialias=True
    )
    return resized[0, 0].numpy()


def _pixels(shape: tuple[int, ...]) -> str:
    return f"{shape[1]}x{shape[0]}"
