"""How long it takes to read all records of a large run store.

Run as ``python -m benchmarks.store``. Synthetic records are written into a temporary folder;
reading their files as plain JSON, in the same process, is what that is compared with.
"""

import argparse
import hashlib
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.common.provenance import record_provenance
from bench.data.miniature import CATEGORIES
from bench.metrics import METRICS, PAPER
from bench.store.records import Record, encode
from bench.store.runs import RECORD, RunStore
from destseg.application.options import positive


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


def compare(store: RunStore) -> list[str]:
    """Time both ways of reading a store, in the lines of a Markdown table."""
    # The plain way first: if the files are not in memory yet, it is the one to wait for them.
    plain, reference = _timed(lambda: read_plainly(store))
    records, seconds = _timed(lambda: list(store.records()))
    assert len(records) == len(plain)
    return [
        f"{len(records)} records",
        "",
        "| reading | s | µs each | ÷ plain |",
        "| --- | ---: | ---: | ---: |",
        *(
            f"| {name} | {spent:.1f} | {1e6 * spent / len(records):.0f} | {spent / reference:.2f} |"
            for name, spent in (("plain JSON", reference), ("RunStore.records", seconds))
        ),
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.store", description=__doc__)
    parser.add_argument("--records", type=positive, default=100_000, metavar="N")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        store = RunStore(Path(name))
        _, seconds = _timed(lambda: fill(store, options.records))
        print(f"written in {seconds:.0f} s", file=sys.stderr)
        print("\n".join(compare(store)))
    return 0


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    start = time.perf_counter()
    result = work()
    return result, time.perf_counter() - start


if __name__ == "__main__":
    sys.exit(main())
