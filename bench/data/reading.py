"""How the files of a category are to be read, found once for all of them and remembered.

The 16-bit images of a category have one depth, and a mask may hold labels. Both follow from the
files. Where they are not what everybody has, they enter the digest: results on the same files read
in another way are others.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from bench.data.cache import content_digest, publish
from bench.data.layout import CategoryFiles
from destseg.errors import InputError
from destseg.images import bit_depth, is_turned
from destseg.labels import faint_regions
from destseg.masks import HALF, decode_mask

VERSION = 3
"""Raised when the same files are to be read in another way."""


@dataclass(frozen=True)
class Reading:
    """What decoding a category's files needs to know."""

    # Of the files' relative paths and contents; of the reading too where it is unusual.
    digest: str
    depth: int | None  # bits of the images that are stored with 16, see `bit_depth`
    # Masks of which a region is nowhere as much as half white, by their paths below the category.
    faint: tuple[str, ...] = ()
    # Images with masks that viewers turn by their EXIF, likewise.
    turned: tuple[str, ...] = ()


def reading_of(folder: Path, files: CategoryFiles, cache: Path) -> Reading:
    """Find out how a category is to be read, unless the cache knows; damage is passed over.

    Raises
    ------
    NotCached
        Inside `only_cached`, when the cache does not know.
    """
    digest = content_digest(folder, files.paths, cache)
    memory = cache / "readings" / f"{digest}-v{VERSION}"
    publish(memory, lambda draft: _find(folder, files, draft / "reading.json"))
    found = json.loads((memory / "reading.json").read_text(encoding="utf-8"))
    depth = found["depth"]
    return Reading(
        digest_as_read(digest, depth, found["labels"]),
        depth,
        tuple(found["faint"]),
        tuple(found["turned"]),
    )


def digest_as_read(digest: str, depth: int | None, labels: bool) -> str:
    """Turn the digest of files into that of what is read of them: another where it is unusual."""
    if depth in (None, 16) and not labels:
        return digest
    return hashlib.sha256(f"{digest} depth {depth} labels {labels}".encode()).hexdigest()


def _find(folder: Path, files: CategoryFiles, memory: Path) -> None:
    labels, faint, turned = False, [], []
    for image, path in zip(files.test, files.masks, strict=True):
        if path is None:
            continue
        if is_turned(image) and not is_turned(path):
            turned.append(image.relative_to(folder).as_posix())
        try:
            mask = decode_mask(path)
        except InputError:  # decoding tells
            continue
        labels |= mask.labels
        if faint_regions(mask.levels, HALF):
            faint.append(path.relative_to(folder).as_posix())
    depth = bit_depth((*files.train, *files.test))
    found = {"depth": depth, "labels": labels, "faint": faint, "turned": turned}
    memory.write_text(json.dumps(found), encoding="utf-8")
