"""Records as a run would leave them, made without one."""

import dataclasses
import hashlib
from pathlib import Path

from bench.data.categories import CategoryRef
from bench.data.teacher import TeacherRef
from bench.data.textures import TexturesRef
from bench.metrics import METRICS
from bench.planning.inputs import Inputs
from bench.store.records import Record, encode
from bench.store.runs import RECORD

INPUTS = Inputs(
    {
        name: CategoryRef(name, Path("cache"), f"images of {name}", 40, 34)
        for name in ("bottle", "tile")
    },
    TexturesRef(Path("cache"), "textures", 9),
    {("random", 8): TeacherRef(Path("cache"), "teacher", 8, "random")},
)
SECONDS = {"student": 10.0, "segmentation": 30.0, "maps": 2.0, "evaluation": 1.0}
PROVENANCE = {"commit": "c" * 40, "device": "cpu", "started": "2026-01-01T00:00:00+00:00"}


def record_of(stage, **changes):
    metrics = {metric.key: 0.5 for metric in METRICS} if stage.kind == "evaluation" else {}
    values = {
        "key": stage.key,
        "kind": stage.kind,
        "parents": tuple(parent.key for parent in stage.parents),
        "parameters": stage.parameters,
        "seconds": SECONDS.get(stage.kind, 1.0),
        "peak_memory": 0,
        "provenance": PROVENANCE,
        "metrics": metrics,
        "artifact": None if stage.kind == "evaluation" else "artifact",
        "code": stage.code,
        "category": stage.category,
        "seed": stage.seed,
    }
    return Record(**{**values, **changes})


def fill(store, stages, **changes):
    """Write records plainly: a store makes each safe on disk, which takes most of a test's time."""
    for stage in stages:
        content = stage.key.encode()
        record = record_of(stage, **changes)
        folder = store.folder(record.key)
        folder.mkdir(parents=True, exist_ok=True)
        if record.artifact is not None:
            record = dataclasses.replace(record, digest=hashlib.sha256(content).hexdigest())
            (folder / record.artifact).write_bytes(content)
        (folder / RECORD).write_bytes(encode(record))


def of_kind(laid, kind):
    return [stage for stage in laid.stages.values() if stage.kind == kind]
