"""What of a run's results is small enough to be carried home: archives of bounded size."""

import tarfile
from dataclasses import dataclass
from pathlib import Path

from bench.store.runs import RECORD

VOLUME = 15 * 2**20
"""Bytes of an archive."""

VOLUMES = 4

OVERHEAD = 1536
"""Bytes that an archive takes for a file's name, its padding and a share of its end."""


@dataclass(frozen=True)
class Carried:
    """The archives, and the files that are in none."""

    archives: tuple[Path, ...]
    left_out: tuple[Path, ...]


def pack(results: Path, out: Path, *, volume: int = VOLUME, volumes: int = VOLUMES) -> Carried:
    """Put a folder of results into archives, unpacked below another one with ``tar -xf``.

    Records and tables first, then the smallest files, so that weights are what is left out. A
    stage whose artifact is left out is computed again where somebody needs it; what is finished
    is not.
    """
    files = [path for path in results.rglob("*") if path.is_file()]
    files.sort(key=lambda path: (_is_artifact(path, results), path.stat().st_size, path))
    loads: list[list[Path]] = [[] for _ in range(volumes)]
    room = [volume - 10240] * volumes
    left_out = []
    for path in files:
        size = path.stat().st_size + OVERHEAD
        place = next((index for index in range(volumes) if size <= room[index]), None)
        if place is None:
            left_out.append(path)
        else:
            room[place] -= size
            loads[place].append(path)
    archives = []
    for index, load in enumerate(loads):
        if load:
            archives.append(out / f"carried-{index + 1}.tar")
            with tarfile.open(archives[-1], "w") as archive:
                for path in load:
                    archive.add(path, path.relative_to(results))
    return Carried(tuple(archives), tuple(left_out))


def _is_artifact(path: Path, results: Path) -> bool:
    return path.relative_to(results).parts[0] == "runs" and path.name != RECORD
