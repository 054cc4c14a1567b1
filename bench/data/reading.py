"""How the files of a category are to be read, found once for all of them and remembered.

The 16-bit images of a category have one depth, and a mask may hold labels. Both follow from the
files. Where they are not what everybody has, they enter the digest: results on the same files read
in another way are others.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.data.cache import content_digest, publish
from bench.data.layout import CategoryFiles
from destseg.errors import InputError
from destseg.images import bit_depth
from destseg.masks import holds_labels

VERSION = 1
"""Raised when the same files are to be read in another way."""


@dataclass(frozen=True)
class Reading:
    """What decoding a category's files needs to know."""

    # Of the files' relative paths and contents; of the reading too where it is unusual.
    digest: str
    depth: int | None  # bits of the images that are stored with 16, see `bit_depth`


def reading_of(folder: Path, files: CategoryFiles, cache: Path) -> Reading:
    """Find out how a category is to be read, unless the cache knows; damage is passed over.

    Raises
    ------
    NotCached
        Inside `only_cached`, when the cache does not know.
    """
    digest = content_digest(folder, files.paths, cache)
    memory = cache / "readings" / f"{digest}-v{VERSION}"
    publish(memory, lambda draft: _find(files, draft / "reading.json"))
    found = json.loads((memory / "reading.json").read_text(encoding="utf-8"))
    depth, labels = found["depth"], found["labels"]
    if depth not in (None, 16) or labels:
        unusual = f"{digest} depth {depth} labels {labels}"
        digest = hashlib.sha256(unusual.encode()).hexdigest()
    return Reading(digest, depth)


def _find(files: CategoryFiles, memory: Path) -> None:
    masks = [mask for mask in files.masks if mask is not None]
    found = {"depth": bit_depth((*files.train, *files.test)), "labels": _any_labels(masks)}
    memory.write_text(json.dumps(found), encoding="utf-8")


def _any_labels(masks: Sequence[Path]) -> bool:
    for mask in masks:
        try:
            if holds_labels(mask):
                return True
        except InputError:  # decoding tells
            continue
    return False
