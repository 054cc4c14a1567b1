"""A small grid from nothing, by one worker and by two: the whole, the stages, who was busy."""

import statistics
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from bench.experiment.library import find_experiment
from bench.experiment.reading import load_experiment
from bench.planning.inputs import Sources
from bench.running.runner import Summary
from bench.running.workers import Children, InProcess, Workers
from bench.workflows.reproduction import reproduce
from benchmarks.figures import Figure, Setting
from benchmarks.timing import median_ratio
from destseg.application.progress import progress

WORKERS = (1, 2)
CATEGORIES = ("carpet", "metal_nut")


def cold(workers: Workers, device: str, *, smoke: bool) -> tuple[float, Summary]:
    """Run the smoke grid with neither cache nor results, and return its seconds."""
    experiment = load_experiment(find_experiment(Path("smoke")))
    experiment = experiment.narrowed(
        methods=("DeSTSeg",),
        variants=("none",) if smoke else (),
        categories=CATEGORIES[:1] if smoke else CATEGORIES,
        seeds=(0,),
    )
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        summary, outputs = reproduce(
            experiment,
            Sources(None, None, folder / "cache"),
            folder / "results",
            experiment.name,
            workers,
            jobs=workers.size,
            device=device,
            command="python -m benchmarks grid",
        )
        outputs.write()
        return time.perf_counter() - start, summary


def measure(setting: Setting) -> list[Figure]:
    """Time the grid with each number of workers in turn."""
    found: dict[int, list[tuple[float, Summary]]] = defaultdict(list)
    counts = WORKERS[:1] if setting.smoke else WORKERS
    turns = [count for _ in range(setting.rounds) for count in counts]
    for count in progress(turns, "grids", len(turns), unit="grid"):
        device = setting.device
        workers = InProcess(device) if setting.smoke else Children([device] * count)
        found[count].append(cold(workers, device, smoke=setting.smoke))
    figures: list[Figure] = []
    for count, runs in found.items():
        words = "1 worker" if count == 1 else f"{count} workers"
        busy = [s.busy / (s.wall * s.workers) for _, s in runs]
        parts = {
            "all, preparation and report included": (
                statistics.median(whole for whole, _ in runs),
                "s",
            ),
            "running the stages": (statistics.median(s.wall for _, s in runs), "s"),
            "sum of the stages": (statistics.median(s.busy for _, s in runs), "s"),
            "busy": (100 * statistics.median(busy), "%"),
        }
        figures += [Figure(f"{words}, {name}", *value) for name, value in parts.items()]
    if len(found) > 1:
        one, two = ([summary.wall for _, summary in found[count]] for count in counts)
        figures.append(Figure("2 workers ÷ 1 worker, running the stages", median_ratio(two, one)))
    return figures
