"""What the metrics take of an evaluation and of a grid: the parts of the miniature's stages."""

from __future__ import annotations

import json
import statistics
import time
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

import torch

from bench.commands.experiment_options import EXPERIMENTS
from bench.data.cache import cache_root
from bench.data.categories import load_category
from bench.data.kinds import find_kind
from bench.experiment.experiment import load_experiment
from bench.metrics import evaluate
from destseg.inference import anomaly_maps, distance_mapper, segmentation_mapper, upsample
from destseg.resnet import ResNet18
from destseg.teacher import Teacher
from destseg.training import build_segmentation, build_student

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

CATEGORY = "bottle"
LAYERS = 3


def evaluation_parts(repeats: int) -> list[str]:
    """Time the steps from test images to metrics on a category of the miniature, on one thread.

    Networks are those of the committed ablation, untrained: time does not depend on weights.

    Parameters
    ----------
    repeats : int
        Timed runs, of which the median is printed.

    Returns
    -------
    list of str
        A Markdown table.
    """
    experiment = load_experiment(EXPERIMENTS / "ablation.toml")
    protocol, sizes = experiment.protocol, experiment.model
    shape = (protocol.size, protocol.size)
    kind, size = find_kind(experiment.dataset.kind), experiment.dataset.size
    ref = kind.prepare(CATEGORY, size=size, protocol=protocol, data=None, cache=cache_root())
    data = load_category(ref)
    torch.set_num_threads(1)
    teacher = Teacher(ResNet18(sizes.width, LAYERS))
    plain = build_student(sizes, "encoder", seed=0).eval()
    student = build_student(sizes, "encoder-decoder", seed=0).eval()
    segmentation = build_segmentation(teacher.encoder.channels, sizes, seed=0).eval()
    mappers = {
        "none": distance_mapper(teacher, plain),
        "den+ed+seg": segmentation_mapper(teacher, student, segmentation),
    }
    of = f"the miniature's {CATEGORY}: {len(data.test)} test images at {protocol.size} px"
    lines = [
        f"{of}, medians of {repeats}",
        "",
        "| variant | maps, ms | upsampling, ms | six metrics, ms | share of the metrics |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for name, mapper in mappers.items():
        native, mapping = _timed(partial(anomaly_maps, mapper, data.test), repeats)
        maps, resizing = _timed(partial(upsample, native, shape), repeats)
        _, scoring = _timed(partial(evaluate, maps, data.masks, protocol), repeats)
        share = scoring / (mapping + resizing + scoring)
        times = " | ".join(f"{1e3 * seconds:.1f}" for seconds in (mapping, resizing, scoring))
        lines.append(f"| {name} | {times} | {share:.0%} |")
    return lines


def grid_parts(runs: Path) -> list[str]:
    """Sum the seconds of a run store by kind of stage.

    Parameters
    ----------
    runs : Path
        Such as ``results/runs``.

    Returns
    -------
    list of str
        A Markdown table; the evaluation holds the metrics and the upsampling before them.
    """
    seconds: Counter[str] = Counter()
    stages: Counter[str] = Counter()
    for path in runs.glob("*/*/record.json"):
        record = json.loads(path.read_bytes())
        seconds[record["kind"]] += record["seconds"]
        stages[record["kind"]] += 1
    total = sum(seconds.values())
    lines = [f"{runs}", "", "| stage | finished | s | share |", "| --- | ---: | ---: | ---: |"]
    for kind, spent in seconds.most_common():
        lines.append(f"| {kind} | {stages[kind]} | {spent:.1f} | {spent / total:.1%} |")
    return lines


def _timed(work: Callable[[], Any], repeats: int) -> tuple[Any, float]:
    """Return a result and the median of the seconds it takes, after one run to warm up."""
    result = work()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return result, statistics.median(seconds)
