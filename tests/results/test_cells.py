import csv
import io

import pytest

from bench.experiment.grid import Grid
from bench.metrics import METRICS
from bench.planning.stages import plan
from bench.results.cells import PROVENANCE, collect_cells
from bench.store.records import Record
from bench.store.runs import RunStore

LEADING = [
    "dataset",
    "method",
    "category",
    "variant",
    "den",
    "ed",
    "seg",
    "seed",
    "image_auroc",
    "pixel_auroc",
    "pixel_ap",
    "pro",
    "iap",
    "iap90",
]


@pytest.fixture
def store(tmp_path):
    return RunStore(tmp_path)


@pytest.fixture
def laid(tiny, tiny_inputs):
    cells = Grid(("bottle", "tile"), ("none", "den+seg"), (0, 1)).cells()
    return plan(tiny, cells, tiny_inputs)


def finish(store, stage, start=0.1):
    store.put(
        Record(
            key=stage.key,
            kind=stage.kind,
            parents=tuple(parent.key for parent in stage.parents),
            parameters=stage.parameters,
            seconds=0.25,
            peak_memory=1000,
            provenance=dict.fromkeys(PROVENANCE, "known"),
            code=1,
            category="bottle",
            seed=0,
            metrics={metric.key: start / (index + 3) for index, metric in enumerate(METRICS)},
        )
    )


def test_columns_are_those_of_the_specification_then_provenance(store, laid):
    for stage in laid.evaluations.values():
        finish(store, stage)
    frame = collect_cells(laid, store, dataset="a dataset")
    assert list(frame.columns[: len(LEADING)]) == LEADING
    rest = set(frame.columns[len(LEADING) :])
    parts = {"student", "l1", "fusion_input"}
    assert rest == parts | {"key", "images", "protocol", "seconds", "peak_memory", *PROVENANCE}
    assert set(frame["dataset"]) == {"a dataset"}
    assert set(frame["method"]) == {"DeSTSeg"}
    assert frame["key"].tolist() == [stage.key for stage in laid.evaluations.values()]
    assert set(frame["protocol"]) == {"paper v1 size=32 top_t=10"}
    assert (frame[list(PROVENANCE)] == "known").all(axis=None)


def test_rows_are_the_plans_cells_in_its_order(store, laid):
    for stage in reversed(laid.evaluations.values()):
        finish(store, stage)
    frame = collect_cells(laid, store, dataset="d")
    rows = frame[["category", "variant", "den", "ed", "seg", "seed"]].to_numpy().tolist()
    assert rows == [
        [c.category, (v := c.variant).name, v.den, v.ed, v.seg, c.seed] for c in laid.evaluations
    ]


def test_a_cell_that_is_not_finished_has_no_row(store, laid):
    done = list(laid.evaluations)[::2]
    for cell in done:
        finish(store, laid.evaluations[cell])
    frame = collect_cells(laid, store, dataset="d")
    assert len(frame) == len(done)
    assert set(zip(frame["category"], frame["seed"], strict=True)) == {
        (cell.category, cell.seed) for cell in done
    }


def test_without_a_record_there_is_a_table_without_rows(store, laid):
    frame = collect_cells(laid, store, dataset="d")
    assert list(frame.columns) == [*LEADING, "protocol"]
    assert len(frame) == 0


def test_values_keep_every_digit_in_a_file(store, laid):
    stage = next(iter(laid.evaluations.values()))
    finish(store, stage, start=0.1 + 0.2)
    frame = collect_cells(laid, store, dataset="d")
    (row,) = csv.DictReader(io.StringIO(frame.to_csv(index=False)))
    metrics = store.get(stage.key).metrics
    assert {name: float(row[name]) for name in metrics} == metrics


def test_an_undefined_metric_is_missing(store, laid):
    stage = next(iter(laid.evaluations.values()))
    finish(store, stage)
    record = store.get(stage.key)
    store.put(Record(**{**vars(record), "metrics": {**record.metrics, "pro": None}}))
    frame = collect_cells(laid, store, dataset="d")
    assert frame["pro"].isna().tolist() == [True]
    assert frame["iap"].notna().all()
    assert frame["pro"].dtype == float
