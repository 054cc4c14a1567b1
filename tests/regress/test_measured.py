import pandas as pd
import pytest

from bench.metrics import METRICS
from bench.regress.baseline import CellId
from bench.regress.cells import read_cells
from destseg.errors import InputError


@pytest.fixture
def frame():
    rows = [
        {
            "dataset": "miniature",
            "category": "tile",
            "variant": variant,
            "seed": 0,
            **{metric.key: 0.25 for metric in METRICS},
            "images": "ab",
            "protocol": "paper v1",
            "torch": "2.0",
            "numpy": "2.1",
        }
        for variant in ("none", "den")
    ]
    return pd.DataFrame(rows)


@pytest.fixture
def write(tmp_path):
    def to_file(frame):
        path = tmp_path / "cells.csv"
        frame.to_csv(path, index=False)
        return path

    return to_file


def test_cells_are_read(frame, write):
    run = read_cells(write(frame))
    assert (run.dataset, run.images, run.protocols) == ("miniature", {"tile": "ab"}, ("paper v1",))
    assert run.versions == {"torch": "2.0", "numpy": "2.1"}
    assert run.cells[CellId("tile", "none", 0)] == {metric.key: 0.25 for metric in METRICS}


def test_a_hole_is_none_and_a_lost_column_is_no_key(frame, write):
    frame.loc[0, "pro"] = None
    run = read_cells(write(frame.drop(columns="iap")))
    scores = run.cells[CellId("tile", "none", 0)]
    assert scores["pro"] is None
    assert "iap" not in scores


def test_no_rows_are_no_cells(frame, write):
    assert read_cells(write(frame.iloc[:0])).cells == {}


@pytest.mark.parametrize("name", ["images", "protocol", "seed"])
def test_what_says_what_it_is_must_be_there(frame, write, name):
    with pytest.raises(InputError, match=f"no column '{name}'"):
        read_cells(write(frame.drop(columns=name)))


def test_cells_of_two_runs_are_refused(frame, write):
    with pytest.raises(InputError, match="twice"):
        read_cells(write(pd.concat([frame, frame])))


def test_missing_file(tmp_path):
    with pytest.raises(InputError, match="run the experiment"):
        read_cells(tmp_path / "cells.csv")
