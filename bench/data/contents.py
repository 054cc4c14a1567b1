"""What files of a dataset hold: each decoded and digested, or why it cannot be."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from joblib import Parallel, delayed, parallel_config

from bench.data.cache import combined_digest, file_digest
from bench.data.layout import CategoryFiles
from bench.data.truth import other_size, unmarked
from destseg.application.progress import progress
from destseg.errors import InputError
from destseg.images import bit_depth, read_rgb
from destseg.masks import decode_mask

WORTH_A_WORKER = 500
"""Files for each worker process at least: one takes seconds to start."""


@dataclass(frozen=True)
class Content:
    """One file, read: its digest and size, or why it cannot be read."""

    digest: str = ""
    size: tuple[int, int] = (0, 0)
    depth: int | None = None  # at which an image was read, see `bit_depth`
    unmarked: str | None = None  # why a mask marks nothing, or not all
    labels: bool = False  # see `Mask`
    fault: str | None = None


def category_contents(files: Mapping[str, CategoryFiles], jobs: int) -> dict[Path, Content]:
    """Read all files of categories."""
    depths: dict[Path, int | None] = {}
    masks: list[Path] = []
    for of in files.values():
        images = (*of.train, *of.test)
        depths |= dict.fromkeys(images, bit_depth(images))
        masks += (mask for mask in of.masks if mask is not None)
    return read_all(depths, masks, jobs)


def read_all(
    images: Mapping[Path, int | None], masks: Sequence[Path], jobs: int
) -> dict[Path, Content]:
    """Read images, each with its depth, and masks, in several processes where there are many."""
    reads = [delayed(_read)(image, depth) for image, depth in images.items()]
    reads += [delayed(_read_mask)(mask) for mask in masks]
    workers = min(jobs, ceil(len(reads) / WORTH_A_WORKER))
    with parallel_config(backend="loky", inner_max_num_threads=1):
        contents = Parallel(n_jobs=max(workers, 1), return_as="generator")(reads)
        shown = progress(contents, "verify", len(reads), unit="file")
        return dict(zip([*images, *masks], shown, strict=True))


def _read(file: Path, depth: int | None) -> Content:
    try:
        height, width = read_rgb(file, None, depth=depth).shape[:2]
        return Content(file_digest(file), (height, width), depth)
    except InputError as error:
        return _unreadable(error)


def _read_mask(file: Path) -> Content:
    try:
        mask = decode_mask(file)
        height, width = mask.levels.shape
        return Content(
            file_digest(file), (height, width), unmarked=unmarked(mask.levels), labels=mask.labels
        )
    except InputError as error:
        return _unreadable(error)


def _unreadable(error: InputError) -> Content:
    # The listed sentences have no full stop, like those of the layout.
    return Content(fault=str(error).removesuffix("."))


def content_faults(files: CategoryFiles, contents: Mapping[Path, Content]) -> Iterator[str]:
    """Tell of files that cannot be decoded, and of masks that do not fit or mark nothing."""
    for path in files.paths:
        if path in contents and (fault := contents[path].fault):
            yield fault
    for image, mask in zip(files.test, files.masks, strict=True):
        if mask is None or mask not in contents or contents[mask].fault:
            continue
        found, wanted = contents[mask].size, contents[image].size
        if not contents[image].fault and found != wanted:
            yield other_size(mask, found, wanted)
        if (why := contents[mask].unmarked) is not None:
            yield f"{mask}: {why}"


def whole_digest(root: Path, files: Iterable[Path], contents: Mapping[Path, Content]) -> str | None:
    """Return the digest of files by their paths below a folder; None unless all were read."""
    if not contents or any(contents[file].fault for file in files):
        return None
    return combined_digest(
        {file.relative_to(root).as_posix(): contents[file].digest for file in files}
    )


def sizes_of(images: Sequence[Path], contents: Mapping[Path, Content]) -> set[tuple[int, int]]:
    """Return the heights and widths of images, as far as they were read."""
    return {contents[file].size for file in images if file in contents and not contents[file].fault}
