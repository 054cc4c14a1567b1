import pandas as pd
import pytest

from bench.experiment.grid import Cell
from bench.metrics import METRICS
from bench.regress.measured import (
    measured_from,
    missing_values,
    read_measured,
    spread_between,
    told,
)
from destseg.errors import InputError
from tests.regress.small_baseline import CELL, cells_frame, measured, with_score

NONE, DEN = (Cell("DeSTSeg", variant, "tile", 0) for variant in ("none", "den"))


@pytest.fixture
def frame():
    return cells_frame(variants=("none", "den"), categories=("tile",), torch="2.0", numpy="2.1")


def test_what_is_compared_is_taken_out(frame, tmp_path):
    run = measured_from(frame, tmp_path)
    assert run.dataset == "miniature"
    assert run.images == {"tile": "images of tile"}
    assert run.protocols == ("paper v1",)
    assert run.versions == {"torch": "2.0", "numpy": "2.1"}
    assert run.metrics == tuple(metric.key for metric in METRICS)
    assert run.cells == {cell: {metric.key: 0.5 for metric in METRICS} for cell in (NONE, DEN)}


def test_a_file_is_read_as_its_table(frame, tmp_path):
    path = tmp_path / "cells.csv"
    frame.to_csv(path, index=False)
    assert read_measured(path) == measured_from(frame, path)
    frame.iloc[:0].to_csv(path, index=False)
    assert read_measured(path).cells == {}


def test_a_precision_is_taken_out_and_must_be_one(frame, tmp_path):
    assert measured_from(frame.assign(precision="tf32"), tmp_path).precision("DeSTSeg") == "tf32"
    assert measured_from(frame, tmp_path).precision("DeSTSeg") == "float32"
    with pytest.raises(InputError, match="DeSTSeg was trained in bf16 and in float32"):
        measured_from(frame.assign(precision=["float32", "bf16"]), tmp_path)


def test_what_a_cell_lacks_is_named(frame, tmp_path):
    frame.loc[0, "pro"] = None
    run = measured_from(frame.drop(columns="iap"), tmp_path)
    assert run.cells[NONE]["pro"] is None
    assert missing_values(run, run.metrics, "run") == [
        "iap of DeSTSeg den on tile, seed 0: not in the run",
        "pro of DeSTSeg none on tile, seed 0: not in the run",
        "iap of DeSTSeg none on tile, seed 0: not in the run",
    ]


def test_metrics_beyond_the_six_count_too(frame, tmp_path):
    run = measured_from(frame.assign(pixel_f1max=0.25), tmp_path)
    assert run.cells[DEN]["pixel_f1max"] == 0.25
    assert run.metrics == (*(metric.key for metric in METRICS), "pixel_f1max")


def test_methods_are_told_apart(frame, tmp_path):
    other = frame.iloc[:1].assign(method="Mean", variant="")
    run = measured_from(pd.concat([frame, other]), tmp_path)
    assert list(map(told, run.cells)) == [
        "DeSTSeg none on tile, seed 0",
        "DeSTSeg den on tile, seed 0",
        "Mean on tile, seed 0",
    ]


@pytest.mark.parametrize("changes", [{}, {"images": "others", "variant": "ed"}])
def test_cells_of_two_runs_are_refused(frame, tmp_path, changes):
    with pytest.raises(InputError, match="is there twice"):
        measured_from(pd.concat([frame, frame.assign(**changes)]), tmp_path)


def test_spread_is_the_largest_difference_over_runs():
    runs = {
        "a": with_score(measured(), CELL, "pro", 0.48),
        "b": with_score(measured(), CELL, "pro", 0.53),
    }
    spread = spread_between(measured(), runs)
    assert spread["pro"] == pytest.approx(0.03)
    assert spread["iap"] == 0


def test_other_cells_are_refused():
    with pytest.raises(InputError, match="--spread a: other cells"):
        spread_between(measured(), {"a": measured(seeds=(0,))})
    with pytest.raises(InputError, match="--spread a: another precision"):
        spread_between(measured(), {"a": measured(precisions={"DeSTSeg": "bf16"})})


def test_a_missing_metric_is_refused():
    with pytest.raises(InputError, match="no pro of DeSTSeg den on tile, seed 1"):
        spread_between(measured(), {"a": with_score(measured(), CELL, "pro", None)})
