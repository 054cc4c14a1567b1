import dataclasses

import pandas as pd
import pytest

from bench.experiment.grid import Cell
from bench.metrics import METRICS
from bench.results.cells import PROVENANCE, cell_row, precisions_of, tidy, with_precisions
from bench.store.records import Record
from destseg.errors import InputError

LEADING = ["dataset", "method", "category", "variant", "den", "ed", "seg", "seed"]
SIX = ["image_auroc", "pixel_auroc", "pixel_ap", "pro", "iap", "iap90"]
REST = ["key", "images", "protocol", "seconds", "peak_memory", *PROVENANCE]

CELL = Cell("DeSTSeg", "den+ed+seg+no-l1", "tile", 3)


@pytest.fixture
def record(tiny):
    return Record(
        key="0" * 64,
        kind="evaluation",
        code=1,
        category="tile",
        seed=3,
        parents=("1" * 64,),
        parameters={"images": "digest", "protocol": tiny.protocol.identity()},
        seconds=0.25,
        peak_memory=1000,
        provenance=dict.fromkeys(PROVENANCE, "known"),
        metrics={metric.key: 0.3 / (index + 3) for index, metric in enumerate(METRICS)},
    )


def test_columns_are_identity_metrics_parts_and_provenance(record):
    row = cell_row(record, CELL, dataset="miniature")
    assert list(row) == [*LEADING, *SIX, "student", "l1", "fusion_input", *REST]
    assert [row[name] for name in LEADING] == [
        "miniature", "DeSTSeg", "tile", CELL.variant, True, True, True, 3,
    ]  # fmt: skip
    assert [row[name] for name in ("student", "l1", "fusion_input")] == [
        "encoder-decoder", False, "product",
    ]  # fmt: skip
    assert row["protocol"] == "paper v1 size=32 top_t=10"
    assert {name: row[name] for name in record.metrics} == record.metrics


def test_the_device_is_that_of_the_scores(record):
    scores = dataclasses.replace(record, provenance={"device": "GPU", "threads": 7})
    row = cell_row(record, CELL, dataset="d", scores=scores)
    assert row == {**cell_row(record, CELL, dataset="d"), "device": "GPU"}


def test_further_metrics_follow_the_six(record):
    more = {"image_f1max": 0.5, **record.metrics}
    row = cell_row(dataclasses.replace(record, metrics=more), CELL, dataset="d")
    assert list(row)[8:16] == [*SIX, "image_f1max", "student"]


@pytest.mark.parametrize("cell", [Cell("noise", "", "tile", 0), Cell("DeSTSeg", "", "tile", 0)])
def test_what_is_no_variant_of_a_known_method_has_no_factors(record, cell):
    row = cell_row(record, cell, dataset="d")
    assert {row[name] for name in ("den", "ed", "seg", "student", "l1", "fusion_input")} == {None}


def test_a_precision_is_told_of_every_row_or_of_none(record):
    rows = [
        cell_row(record, CELL, dataset="d", precision=kind) for kind in ("float32", "bf16", "tf32")
    ]
    assert "precision" not in tidy(rows[:1])
    frame = tidy(rows)
    assert list(frame)[-1] == "precision"
    assert frame["precision"].tolist() == ["float32", "bf16", "tf32"]


def test_one_method_is_of_one_precision():
    kinds = {"DeSTSeg": "bf16", "Rival": "float32", "Other": None}
    cells = pd.DataFrame(kinds.items(), columns=["method", "precision"])
    assert precisions_of(cells, "here") == {"DeSTSeg": "bf16"}
    assert precisions_of(cells.drop(columns="precision"), "here") == {}
    twice = pd.concat([cells, cells.assign(precision="tf32")])
    with pytest.raises(InputError, match="here: DeSTSeg was trained in bf16 and in tf32; keep"):
        precisions_of(twice, "here")


def test_factors_and_parts_of_other_methods_come_last(record, monkeypatch):
    from bench.methods import PAPER, methods

    rival = dataclasses.replace(
        methods()[PAPER],
        name="rival",
        variants={"small": 1, "large": 9},
        default=(),
        full="large",
        factors={"big": lambda size: size > 5},
        parts={"size": str},
    )
    known = {**methods(), "rival": rival}
    monkeypatch.setattr("bench.results.cells.methods", lambda: known)
    row = cell_row(record, Cell("rival", "large", "tile", 0), dataset="d")
    assert list(row)[-2:] == ["big", "size"]
    assert (row["big"], row["size"], row["den"]) == (True, "9", None)
    frame = tidy([cell_row(record, CELL, dataset="d"), row])
    assert list(frame.columns[-2:]) == ["big", "size"]
    assert frame["big"].isna().tolist() == [True, False]


def test_without_a_record_there_is_a_table_without_rows():
    frame = tidy([])
    assert list(frame.columns) == [*LEADING, *SIX, "key", "images", "protocol"]
    assert len(frame) == 0


def test_an_undefined_metric_is_missing(record):
    lacking = dataclasses.replace(record, metrics={**record.metrics, "pro": None})
    frame = tidy([cell_row(lacking, CELL, dataset="d")])
    assert frame["pro"].isna().tolist() == [True]
    assert frame["iap"].notna().all()
    assert frame["pro"].dtype == float


def test_a_precision_of_before_its_column_is_what_the_settings_say_or_unknown():
    rows = [("DeSTSeg", "NVIDIA H200"), ("STFPM", "NVIDIA H200"), ("pixel-nn", "cpu")]
    cells = pd.DataFrame(rows, columns=["method", "device"])

    def told(cells, **training):
        settings = {"configs": {"DeSTSeg": {"training": training}, "pixel-nn": {}}}
        return precisions_of(with_precisions(cells, settings), "here").get("DeSTSeg", "float32")

    assert told(cells, precision="bf16") == "bf16"
    assert told(cells, precision="float32") == "float32"
    assert told(cells, steps=3) == "unknown"
    assert told(cells.assign(device="cpu"), steps=3) == "float32"
    assert told(cells.drop(columns="device")) == "float32"
    assert told(cells.assign(precision="tf32"), precision="bf16") == "tf32", "the column is right"
    assert "precision" not in with_precisions(cells[2:], {})
    floors = cells.assign(method="mean-image")
    another = {"configs": {"mean-image": {"precision": 0.5}}}
    assert "precision" not in with_precisions(floors, another), "it may mean something else"
