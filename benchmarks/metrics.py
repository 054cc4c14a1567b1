"""Time and memory of the metrics against other exact implementations.

Run as ``python -m benchmarks.metrics``. Each implementation gets a fresh process with one
thread and the same synthetic maps; times are medians, memory is the peak above the loaded input.
"""

import argparse
import math
import multiprocessing
import os
import resource
import statistics
import sys
import tempfile
import timeit
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from sklearn.metrics import average_precision_score, roc_auc_score

from bench.common.processor import choose_sort
from bench.metrics import evaluate

Maps = NDArray[np.float32]
Masks = NDArray[np.bool_]

SIDE: Final = 256
FPR_LIMIT: Final = 0.3
SCALES: Final = (100_000, 1_000_000, 10_000_000, 100_000_000)
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def synthetic_maps(images: int, seed: int = 0) -> tuple[Maps, Masks]:
    """Noisy maps of elliptic defects: 60 % of the images with about two regions each."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    maps = np.empty((images, SIDE, SIDE), np.float32)
    masks = np.zeros((images, SIDE, SIDE), np.bool_)
    for image in range(images):
        maps[image] = rng.standard_normal((SIDE, SIDE), dtype=np.float32)
        maps[image] *= 0.15
        for _ in range(2 if image % 5 < 3 else 0):
            row, column = rng.uniform(20, SIDE - 20, 2)
            height, width = rng.uniform(4, 28, 2)
            distance = ((rows - row) / height) ** 2 + ((columns - column) / width) ** 2
            masks[image] |= distance < 1
            maps[image] += np.exp(-distance).astype(np.float32)
    return maps, masks


def all_six(maps: Maps, masks: Masks) -> dict[str, float]:
    """Compute the six metrics of this package."""
    return evaluate(maps, masks)


def sklearn_two(maps: Maps, masks: Masks) -> dict[str, float]:
    """Compute pixel AUROC and AP with scikit-learn."""
    labels, scores = masks.reshape(-1), maps.reshape(-1)
    return {
        "pixel_auroc": float(roc_auc_score(labels, scores)),
        "pixel_ap": float(average_precision_score(labels, scores)),
    }


def bare_sort(maps: Maps, masks: Masks) -> dict[str, float]:
    """Sort the scores and no more: the floor of anything exact, and a mirror of the processor."""
    del masks
    np.sort(maps, axis=None)
    return {}


def definition_pro(maps: Maps, masks: Masks) -> dict[str, float]:
    """Compute PRO from its definition: the whole curve from one sort, then its area."""
    labels, sizes = _labelled(masks)
    order = np.argsort(-maps.reshape(-1))
    label = labels.reshape(-1)[order]
    ends = _tie_ends(maps.reshape(-1)[order])
    return {"pro": _pro_area(label, sizes, ends)}


def one_sort_reference(maps: Maps, masks: Masks) -> dict[str, float]:
    """Compute the five pixel metrics plainly from one sort of pixel indices."""
    labels, sizes = _labelled(masks)
    order = np.argsort(-maps.reshape(-1))
    scores, label = maps.reshape(-1)[order], labels.reshape(-1)[order]
    ends = _tie_ends(scores)
    tp = np.cumsum(label > 0)[ends]
    fp = ends + 1 - tp
    recall = np.concatenate(([0.0], tp / tp[-1]))
    fpr = np.concatenate(([0.0], fp / fp[-1]))
    precision = tp / (ends + 1)

    by_region = np.argsort(label, kind="stable")
    first = np.searchsorted(label[by_region], np.arange(1, sizes.size + 1))
    instance_scores = np.sort(scores[by_region[first + sizes // 2]])
    at = np.searchsorted(-scores[ends], -instance_scores)
    envelope = np.maximum.accumulate(precision[at])
    return {
        "pixel_auroc": float(np.diff(fpr) @ (recall[1:] + recall[:-1]) / 2),
        "pixel_ap": float(np.diff(recall) @ precision),
        "pro": _pro_area(label, sizes, ends),
        "iap": float(envelope.mean()),
        "iap90": float(envelope[sizes.size - math.ceil(round(0.9 * sizes.size, 9))]),
    }


def _labelled(masks: Masks) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Region number of each pixel, 0 for normal, and the size of each region."""
    labels = np.zeros(masks.shape, np.int32)
    regions = 0
    for image in np.flatnonzero(masks.any(axis=(1, 2))):
        found, count = ndimage.label(masks[image], np.ones((3, 3)))
        labels[image] = np.where(found > 0, found + regions, 0)
        regions += count
    return labels, np.bincount(labels.reshape(-1))[1:]


def _tie_ends(descending: Maps) -> NDArray[np.int64]:
    """Index of the last pixel of each group of equal scores."""
    return np.append(np.flatnonzero(np.diff(descending)), descending.size - 1)


def _pro_area(label: NDArray[np.int32], sizes: NDArray[np.int64], ends: NDArray[np.int64]) -> float:
    weight = np.concatenate(([0.0], 1 / (sizes.size * sizes)))
    overlap = np.concatenate(([0.0], np.cumsum(weight[label])[ends]))
    normal = np.cumsum(label == 0)
    fpr = np.concatenate(([0.0], normal[ends] / normal[-1]))
    inside = fpr < FPR_LIMIT
    x = np.append(fpr[inside], FPR_LIMIT)
    y = np.append(overlap[inside], np.interp(FPR_LIMIT, fpr, overlap))
    return float(np.diff(x) @ (y[1:] + y[:-1]) / 2 / FPR_LIMIT)


IMPLEMENTATIONS: Final[Mapping[str, Callable[[Maps, Masks], dict[str, float]]]] = {
    "bench.metrics, all six": all_six,
    "PRO by its definition": definition_pro,
    "one-sort numpy, five": one_sort_reference,
    "scikit-learn, AUROC + AP": sklearn_two,
    "np.sort of the scores alone": bare_sort,
}


@dataclass(frozen=True, slots=True)
class Measurement:
    """Median seconds, peak bytes above the input, and the values of one implementation."""

    seconds: float
    extra_bytes: int
    values: dict[str, float]


def measure(name: str, folder: Path, repeats: int) -> Measurement:
    """Run one of `IMPLEMENTATIONS` in a fresh process on what `_store` wrote into a folder.

    A first run warms up and is measured for memory, the repeats are timed.
    """
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=context) as pool:
        return pool.submit(_measure_here, name, folder, repeats).result()


def _measure_here(name: str, folder: Path, repeats: int) -> Measurement:
    maps, masks = np.load(folder / "maps.npy"), np.load(folder / "masks.npy")
    run = IMPLEMENTATIONS[name]
    before = _peak_bytes()
    values = run(maps, masks)
    extra = _peak_bytes() - before
    seconds = timeit.repeat(lambda: run(maps, masks), repeat=repeats, number=1)
    return Measurement(statistics.median(seconds), extra, values)


def _peak_bytes() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _store(images: int, folder: Path) -> tuple[Maps, Masks]:
    """Make maps and masks of so many images, and write them for the fresh processes."""
    maps, masks = synthetic_maps(images)
    np.save(folder / "maps.npy", maps)
    np.save(folder / "masks.npy", masks)
    return maps, masks


def compare(images: int, repeats: int) -> list[str]:
    """Compare all implementations on one set of maps, in the lines of a Markdown table.

    It has the time, its ratio to PRO by its definition, the peak memory above the input, and the
    largest deviation of a value from ours.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        maps, masks = _store(images, folder)
        results = {key: measure(key, folder, repeats) for key in IMPLEMENTATIONS}
    ours, baseline = (results[key] for key in list(IMPLEMENTATIONS)[:2])
    regions, defective = _labelled(masks)[1].size, int(masks.any(axis=(1, 2)).sum())
    size = f"{images} maps of {SIDE}x{SIDE}, {maps.nbytes / 1e6:.0f} MB of scores"
    lines = [
        f"{size}, {regions} regions in {defective} images; medians of {repeats}",
        "",
        "| implementation | ms | ÷ PRO | extra MB | largest deviation |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for key, result in results.items():
        deviation = max(
            (abs(value - ours.values[name]) for name, value in result.values.items()), default=0.0
        )
        lines.append(
            f"| {key} | {result.seconds * 1e3:.0f} | {result.seconds / baseline.seconds:.2f} "
            f"| {result.extra_bytes / 1e6:.0f} | {deviation:.0e} |"
        )
    return lines


def scaling(pixels: Sequence[int], repeats: int) -> list[str]:
    """Time the six metrics on growing test sets, in the lines of a Markdown table.

    The last column stays level or falls where time grows as n log n.
    """
    lines = ["| pixels | ms | extra MB | ns per n log2 n |", "| ---: | ---: | ---: | ---: |"]
    for wanted in pixels:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            n = _store(max(1, round(wanted / SIDE**2)), folder)[0].size
            result = measure("bench.metrics, all six", folder, repeats)
        lines.append(
            f"| {n} | {result.seconds * 1e3:.1f} | {result.extra_bytes / 1e6:.0f} "
            f"| {result.seconds * 1e9 / (n * math.log2(n)):.2f} |"
        )
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.metrics", description=__doc__)
    parser.add_argument("--images", type=int, default=100, help="maps in the comparison")
    parser.add_argument("--repeats", type=int, default=5, help="timed runs, of which the median")
    parser.add_argument(
        "--scale",
        type=int,
        nargs="*",
        default=SCALES,
        metavar="N",
        help="pixels in the scaling table, the largest of which takes minutes; "
        f"default: {' '.join(map(str, SCALES))}",
    )
    options: Any = parser.parse_args(arguments)
    for variable in _THREAD_VARIABLES:  # read by the fresh processes when they start
        os.environ[variable] = "1"
    choose_sort()
    print("\n".join(compare(options.images, options.repeats)), end="\n\n", flush=True)
    print("\n".join(scaling(options.scale, options.repeats)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
