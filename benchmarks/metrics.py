"""Time and memory of the metrics against other exact implementations.

On the same synthetic maps, with one thread: times are taken in turns in one process, memory, the
peak above the loaded input, in a fresh process for each.
"""

import math
import statistics
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from sklearn.metrics import average_precision_score, roc_auc_score

from bench.common.provenance import peak_memory
from bench.metrics import evaluate
from bench.running.isolation import alone
from benchmarks.figures import Figure, Setting
from benchmarks.timing import in_one_thread, in_turns, median_ratio, seconds
from destseg.application.progress import progress

T = TypeVar("T")

Maps = NDArray[np.float32]
Masks = NDArray[np.bool_]

SIDE: Final = 256
FPR_LIMIT: Final = 0.3
SCALES: Final = (100_000, 1_000_000, 10_000_000, 100_000_000)
OURS: Final = "bench.metrics, all six"
PRO: Final = "PRO by its definition"


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
    OURS: all_six,
    PRO: definition_pro,
    "one-sort numpy, five": one_sort_reference,
    "scikit-learn, AUROC + AP": sklearn_two,
    "np.sort of the scores alone": bare_sort,
}


@dataclass(frozen=True, slots=True)
class Observed:
    """Peak bytes above the input, and the values of one implementation."""

    extra_bytes: int
    values: dict[str, float]


def _observe(name: str, folder: Path) -> Observed:
    """Run one of `IMPLEMENTATIONS` once on what `_store` wrote into a folder."""
    maps, masks = np.load(folder / "maps.npy"), np.load(folder / "masks.npy")
    before = peak_memory()
    values = IMPLEMENTATIONS[name](maps, masks)
    return Observed(peak_memory() - before, values)


def _time(names: Iterable[str], folder: Path, rounds: int) -> dict[str, list[float]]:
    """Time some of `IMPLEMENTATIONS` in turns, each after a few maps to begin with."""
    maps, masks = np.load(folder / "maps.npy"), np.load(folder / "masks.npy")
    runs = {name: IMPLEMENTATIONS[name] for name in names}
    for run in runs.values():
        run(maps[:4], masks[:4])
    works = {name: partial(seconds, partial(run, maps, masks)) for name, run in runs.items()}
    return in_turns("metrics", works, rounds)


def _store(images: int, folder: Path) -> int:
    """Write maps and masks of so many images for the fresh processes; return the pixels."""
    maps, masks = synthetic_maps(images)
    np.save(folder / "maps.npy", maps)
    np.save(folder / "masks.npy", masks)
    return maps.size


def measure(setting: Setting) -> list[Figure]:
    """Compare all implementations on one test set, and time the six metrics on growing ones.

    The last figures stay level or fall where time grows as n log n.
    """
    images, scales = (4, (100_000,)) if setting.smoke else (100, SCALES)
    figures = _compared(images, setting)
    for wanted in progress(scales, "test sets", len(scales), unit="set"):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            n = _store(max(1, round(wanted / SIDE**2)), folder)
            median = statistics.median(_apart(setting, _time, [OURS], folder, setting.rounds)[OURS])
        figures.append(Figure(f"{n} pixels, six metrics", median * 1e3, "ms"))
        pace = median * 1e9 / (n * math.log2(n))
        figures.append(Figure(f"{n} pixels, six metrics per n log2 n", pace, "ns"))
    return figures


def _compared(images: int, setting: Setting) -> list[Figure]:
    """Measure time, the ratio to PRO by its definition, memory and deviation of each."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _store(images, folder)
        times = _apart(setting, _time, [*IMPLEMENTATIONS], folder, setting.rounds)
        found = {
            key: _apart(setting, _observe, key, folder)
            for key in progress(IMPLEMENTATIONS, "memory", len(IMPLEMENTATIONS), unit="way")
        }
    ours = found[OURS]
    figures = []
    for key, result in found.items():
        figures.append(Figure(f"{images} maps, {key}", statistics.median(times[key]) * 1e3, "ms"))
        if key != PRO:
            figures.append(Figure(f"{key} ÷ {PRO}", median_ratio(times[key], times[PRO])))
        # At the smallest sizes all is in one process, whose peak says nothing of one of them.
        if not setting.smoke:
            extra = result.extra_bytes / 1e6
            figures.append(Figure(f"{key}, memory beside the input", extra, "MB"))
        if result is not ours and result.values:
            worst = max(abs(value - ours.values[name]) for name, value in result.values.items())
            figures.append(Figure(f"{key}, largest deviation from ours", worst))
    return figures


def _apart(setting: Setting, work: Callable[..., T], *arguments: object) -> T:
    """Measure in a fresh process with one thread; at the smallest sizes in this one."""
    if setting.smoke:
        return work(*arguments)
    found: T = alone(in_one_thread, work, *arguments)
    return found
