"""How long it takes to read all records of a large run store.

Synthetic records are written into a temporary folder; reading their files as plain JSON, in the
same process, is what that is compared with.
"""

import hashlib
import json
import statistics
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.common.provenance import record_provenance
from bench.data.miniature import CATEGORIES
from bench.metrics import METRICS, PAPER
from bench.store.records import Record, encode
from bench.store.runs import RECORD, RunStore
from benchmarks.figures import Figure, Setting
from benchmarks.timing import in_turns, median_ratio, seconds

RECORDS, SMALL = 10_000, 30


def fill(store: RunStore, count: int) -> None:
    """Write records of evaluations, as large as real ones.

    They are written plainly: what a store does to make them safe on disk is not measured here.
    """
    provenance = record_provenance("cpu", datetime.now(UTC), "python -m bench reproduce")
    parameters = {"images": "0" * 64, "protocol": PAPER.identity()}
    for index in range(count):
        record = Record(
            key=hashlib.sha256(str(index).encode()).hexdigest(),
            kind="evaluation",
            parents=("0" * 64,),
            parameters=parameters,
            seconds=0.1,
            peak_memory=10**9,
            provenance=provenance,
            code=1,
            category=CATEGORIES[index % len(CATEGORIES)],
            seed=index // len(CATEGORIES),
            metrics={metric.key: index / count for metric in METRICS},
        )
        folder = store.folder(record.key)
        folder.mkdir(parents=True)
        (folder / RECORD).write_bytes(encode(record))


def read_plainly(store: RunStore) -> list[Any]:
    """Read all files of records as JSON, checking nothing."""
    return [json.loads(path.read_bytes()) for path in store.root.glob(f"*/*/{RECORD}")]


def measure(setting: Setting) -> list[Figure]:
    """Time both ways of reading a store, in turns."""
    count = SMALL if setting.smoke else RECORDS
    with tempfile.TemporaryDirectory() as name:
        store = RunStore(Path(name))
        fill(store, count)
        assert len(list(store.records())) == len(read_plainly(store)) == count
        works = {
            "plain JSON": lambda: seconds(lambda: read_plainly(store)),
            "RunStore.records": lambda: seconds(lambda: list(store.records())),
        }
        found = in_turns("readings", works, setting.rounds)
    figures = [
        Figure(f"{count} records, {name}", statistics.median(times), "s")
        for name, times in found.items()
    ]
    ratio = median_ratio(found["RunStore.records"], found["plain JSON"])
    return [*figures, Figure("RunStore.records ÷ plain JSON", ratio)]
