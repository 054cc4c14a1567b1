import dataclasses
import json
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.metrics import ALL_METRICS, METRICS, PROTOCOLS
from bench.results.cells_file import read_cells
from bench.results.costs import Cost
from bench.results.files import (
    joined_with,
    read_results,
    with_costs,
    write_curve,
    write_results,
)
from destseg.errors import InputError, tell

COMMITTED = Path(__file__).parents[2] / "results" / "ablation"


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "ablation"
    folder.mkdir()
    shutil.copy(COMMITTED / "cells.csv", folder)
    shutil.copy(COMMITTED / "heading.json", folder)
    return folder


def test_the_committed_files_are_those_that_would_be_written(folder):
    write_results(folder, read_results(COMMITTED))
    for name in ("cells.csv", "heading.json"):
        assert (folder / name).read_bytes() == (COMMITTED / name).read_bytes()


def test_results_come_back_as_they_were(folder):
    committed = read_results(COMMITTED)
    rng = np.random.default_rng(0)
    count = len(committed.cells)
    drawn = {metric.key: rng.uniform(size=count) for metric in ALL_METRICS.values()}
    cells = committed.cells.assign(**drawn, protocol=PROTOCOLS["crop224"].label)
    cells.loc[3, "pro"] = np.nan
    mine = cells.iloc[:1].assign(method="Mine", variant="", den=None, student=None)
    written = dataclasses.replace(
        committed,
        cells=pd.concat([cells, mine], ignore_index=True).astype({"den": object}),
        dataset="a folder of own images, 64 px — ±",
        standing="resized",
        variants={**committed.variants, "Mine": ("",)},
        protocol=PROTOCOLS["crop224"],
        metrics=tuple(ALL_METRICS.values()),
        paper_setting=True,
        remarks=("One.", "Two."),
        costs={"DeSTSeg": COST},
    )
    write_results(folder, written)
    read = read_results(folder)
    pd.testing.assert_frame_equal(read.cells, written.cells, check_dtype=False, check_exact=True)
    for field in dataclasses.fields(read):
        if field.name not in ("cells", "curve"):
            assert getattr(read, field.name) == getattr(written, field.name)


CELL = read_cells(COMMITTED / "cells.csv")["key"][0]
COST = Cost("k", CELL, "cpu", 1, 2, 3.5, 4.25, 0.0, 5.0, 0.125, 6)


def costs_text(**changes):
    return json.dumps({"DeSTSeg": dataclasses.asdict(COST) | changes})


def test_costs_of_methods_that_are_not_there_are_left_out(folder):
    both = json.loads(costs_text()) | {"Nobody": {"key": 1}}
    (folder / "costs.json").write_text(json.dumps(both), encoding="utf-8")
    assert read_results(folder).costs == {"DeSTSeg": COST}


@pytest.mark.parametrize("cell", ["another", None])
def test_costs_of_another_run_are_left_out_and_told(folder, caplog, cell):
    tell.cache_clear()
    values = json.loads(costs_text(cell=cell))
    if cell is None:
        del values["DeSTSeg"]["cell"]
    (folder / "costs.json").write_text(json.dumps(values), encoding="utf-8")
    assert read_results(folder).costs == {}
    assert "the costs of DeSTSeg are of other cells than cells.csv has" in caplog.text


def test_a_part_has_the_costs_of_the_whole_that_it_is_of(folder):
    (folder / "costs.json").write_text(costs_text(), encoding="utf-8")
    cells = read_results(folder).cells
    part = dataclasses.replace(read_results(folder), cells=cells[cells["key"] != CELL], costs={})
    assert with_costs(part, folder).costs == {"DeSTSeg": COST}
    others = dataclasses.replace(part, cells=part.cells.assign(key="other"))
    assert with_costs(others, folder).costs == {}


def test_a_precision_comes_back_and_must_be_one(folder):
    ours = read_results(folder)
    method = ours.cells["method"]
    trained = ours.cells.assign(precision=method.map({"DeSTSeg": "bf16"}))
    write_results(folder, dataclasses.replace(ours, cells=trained))
    found = read_results(folder)
    assert found.precisions == {"DeSTSeg": "bf16"}
    assert set(found.cells["precision"][method != "DeSTSeg"]) == {"float32"}
    with_value(folder, "precision", "half")
    with pytest.raises(InputError, match="line 3: precision is 'half'; it must be one of float32"):
        read_results(folder)
    with_value(folder, "precision", "")
    with pytest.raises(InputError, match="DeSTSeg was trained in bf16 and in float32; keep"):
        read_results(folder)


def test_what_a_card_computed_in_before_precisions_were_told_is_unknown(folder):
    ours = read_results(folder)
    cells = ours.cells.assign(device="NVIDIA H200")
    write_results(folder, dataclasses.replace(ours, cells=cells, settings={}))
    found = read_results(folder)
    assert found.precisions == {"DeSTSeg": "unknown"}
    write_results(folder, found)
    assert read_results(folder).precisions == {"DeSTSeg": "unknown"}
    assert "precision" not in (folder / "cells.csv").read_text(), (
        "what is concluded is not on record"
    )
    settings = {"configs": {"DeSTSeg": {"training": {"precision": "bf16"}}}}
    write_results(folder, dataclasses.replace(ours, cells=cells, settings=settings))
    assert read_results(folder).precisions == {"DeSTSeg": "bf16"}


def test_a_curve_comes_back(folder):
    cells = read_results(folder).cells.head(4).assign(dataset="development")
    curve = cells.assign(factor=[0.5, 1.0, 2.0, 2.0])
    assert read_results(folder).curve is None
    write_curve(folder, curve)
    found = read_results(folder).curve
    pd.testing.assert_frame_equal(found, curve, check_dtype=False, check_exact=True)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("costs.json", "{"),
        ("costs.json", "[1]"),
        ("costs.json", '{"DeSTSeg": {"key": "k"}}'),
        ("costs.json", costs_text(numbers="x")),
        ("costs.json", costs_text(numbers=True)),
        ("costs.json", costs_text(training_macs=float("nan"))),
        ("costs.json", costs_text(training_macs=float("inf"))),
        ("costs.json", costs_text(prediction_seconds=-1)),
        ("costs.json", costs_text(device=7)),
        ("costs.json", costs_text(training_seconds=None)),
        ("curve.csv", "FACTOR OF 0"),
        ("curve.csv", "ANOTHER PROTOCOL"),
        ("curve.csv", "category,factor\nbottle,1\n"),
        ("curve.csv", "NO FACTOR"),
        ("curve.csv", "BAD FACTOR"),
        ("curve.csv", "TEST IMAGES"),
        ("curve.csv", "IMAGES OF TWO KINDS"),
        ("curve.csv", "ANOTHER PRECISION"),
    ],
)
def test_damaged_costs_and_curves_are_named(folder, name, text):
    cells = read_results(folder).cells.head(1).assign(dataset="development")
    if text == "NO FACTOR":
        text = cells.to_csv(index=False)
    elif text == "BAD FACTOR":
        text = cells.assign(factor="twice").to_csv(index=False)
    elif text == "FACTOR OF 0":
        text = cells.assign(factor=0).to_csv(index=False)
    elif text == "TEST IMAGES":
        text = cells.assign(factor=1, dataset="miniature").to_csv(index=False)
    elif text == "IMAGES OF TWO KINDS":
        twice = pd.concat([cells.assign(factor=1), cells.assign(factor=2, images="other")])
        text = twice.to_csv(index=False)
    elif text == "ANOTHER PRECISION":
        text = cells.assign(factor=1, precision="bf16").to_csv(index=False)
    elif text == "ANOTHER PROTOCOL":
        text = cells.assign(factor=1, protocol="other v1 size=9").to_csv(index=False)
    (folder / name).write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=name):
        read_results(folder)


def test_no_committed_verdict_of_the_miniature_is_a_reproduction():
    text = (COMMITTED / "tables" / "claims.md").read_text("utf-8")
    assert "does not hold on the embedded miniature v3" in text
    assert "reproduced" not in text
    assert "contradicted" not in text


def test_without_cells_the_results_at_hand_are_named(folder):
    with pytest.raises(InputError, match="visa: no results; there are ablation"):
        read_results(folder.parent / "visa")
    (folder / "cells.csv").unlink()
    with pytest.raises(InputError, match="no results; `python -m bench reproduce ablation` makes"):
        read_results(folder)


def test_a_missing_heading_is_named_with_what_to_do(folder):
    (folder / "heading.json").unlink()
    with pytest.raises(InputError, match=r"heading\.json: no such file; the command that made the"):
        read_results(folder)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("heading.json", "{"),
        ("heading.json", "[]"),
        ("heading.json", "{}"),
        ("heading.json", "\xff"),
        ("cells.csv", ""),
        ("cells.csv", 'a,"b\n1'),
    ],
)
def test_a_damaged_file_is_named(folder, name, content):
    (folder / name).write_text(content, encoding="latin-1")
    with pytest.raises(InputError, match=f"{name}: cannot be read"):
        read_results(folder)


@pytest.mark.parametrize(
    "change",
    [
        {"seeds": []},
        {"variants": {"DeSTSeg": ["den+dem"]}},
        {"variants": ["none"]},
        {"surplus": 1},
        {"protocol": {"size": 0}},
        {"metrics": ["accuracy"]},
        {"categories": "grid"},
        {"categories": [1]},
        {"seeds": ["0"]},
        {"dataset": 7},
        {"standing": "best"},
        {"protocol": "paper"},
    ],
)
def test_a_heading_that_was_edited_is_refused(folder, change):
    record = json.loads((folder / "heading.json").read_text("utf-8"))
    (folder / "heading.json").write_text(json.dumps(record | change), encoding="utf-8")
    with pytest.raises(InputError, match=r"heading\.json: "):
        read_results(folder)


@pytest.mark.parametrize("name", ["iap", "den", "images", "seed"])
def test_a_column_that_is_missing_is_named(folder, name):
    cells = pd.read_csv(folder / "cells.csv", dtype=str, keep_default_na=False)
    cells.drop(columns=name).to_csv(folder / "cells.csv", index=False)
    with pytest.raises(InputError, match=f"no column '{name}'"):
        read_results(folder)


def test_a_metric_without_any_value_is_missing_and_not_text(folder):
    results = read_results(folder)
    write_results(folder, dataclasses.replace(results, cells=results.cells.assign(pro=np.nan)))
    assert read_results(folder).cells["pro"].isna().all()
    assert [metric.key for metric in read_results(folder).metrics] == [m.key for m in METRICS]


def test_other_results_are_joined_by_the_name_of_their_folder(folder):
    ours = read_results(folder)
    theirs = ours.cells[ours.cells["variant"] == "ed"].assign(method="Mine", variant="")
    mine = dataclasses.replace(
        ours, cells=theirs, experiment="score-Mine", variants={"Mine": ("",)}
    )
    write_results(folder.parent / "score-Mine", mine)
    joined = joined_with(ours, ["score-Mine"], folder.parent)
    np.testing.assert_array_equal(
        joined.scores("iap", method="Mine"), ours.scores("iap", variant="ed")
    )
    other = theirs.assign(images="another digest")
    write_results(folder.parent / "score-Mine", dataclasses.replace(mine, cells=other))
    with pytest.raises(InputError, match="other images of bottle"):
        joined_with(ours, ["score-Mine"], folder.parent)
    with pytest.raises(InputError, match="score-Yours: no results; there are ablation, score-Mine"):
        joined_with(ours, ["score-Yours"], folder.parent)


NAMES = ("01", "1e3", "nan", "None", "True", "", "=1+1", "'=1", "+5V", "-x", "@y", "1_0", "a b,c")


def test_names_are_read_back_as_they_are(folder):
    """Public datasets number their categories, and a spreadsheet computes what begins with =."""
    committed = read_results(COMMITTED)
    bottle = committed.cells[committed.cells["category"] == "bottle"]
    cells = pd.concat([bottle.assign(category=name) for name in NAMES], ignore_index=True)
    written = dataclasses.replace(committed, cells=cells, categories=NAMES)
    write_results(folder, written)
    read = read_results(folder)
    assert (read.categories, read.cells["category"].tolist()) == (
        NAMES,
        cells["category"].tolist(),
    )
    assert not np.isnan(read.scores("iap")).any()
    text = (folder / "cells.csv").read_text("utf-8")
    assert not re.search("(^|,)[=+@-]", text, re.MULTILINE)


def with_value(folder, column, value):
    """Change the second row of the table."""
    cells = pd.read_csv(folder / "cells.csv", dtype=str, keep_default_na=False)
    cells.loc[1, column] = value
    cells.to_csv(folder / "cells.csv", index=False)


@pytest.mark.parametrize("value", ["7.5", "-1", "inf", "-inf", "0_1.5", "0x1", "1e400", "x", "٠"])
def test_a_metric_that_cannot_be_is_refused(folder, value):
    with_value(folder, "iap", value)
    place = rf"cells\.csv: line 3: iap is '{value}'; it must be a number from 0 to 1, or empty"
    with pytest.raises(InputError, match=place):
        read_results(folder)


@pytest.mark.parametrize(
    ("column", "value"), [("seed", "0.0"), ("seed", "1_0"), ("peak_memory", ""), ("seconds", "nan")]
)
def test_other_numbers_are_refused_too(folder, column, value):
    with_value(folder, column, value)
    with pytest.raises(InputError, match=f"line 3: {column} is '{value}'; it must be a"):
        read_results(folder)


@pytest.mark.parametrize("value", ["", "nan", "NaN"])
def test_an_empty_metric_is_missing(folder, value):
    with_value(folder, "iap", value)
    assert read_results(folder).cells["iap"].isna().tolist()[:3] == [False, True, False]


def test_a_row_that_is_there_twice_is_named(folder):
    path = folder / "cells.csv"
    path.write_bytes(path.read_bytes() + path.read_bytes().splitlines(keepends=True)[1])
    with pytest.raises(
        InputError, match=r"cells\.csv: the cell DeSTSeg none bottle 0 is there twi"
    ):
        read_results(folder)


@pytest.mark.parametrize("name", ["cells.csv", "heading.json"])
def test_a_byte_order_mark_is_skipped_and_a_pipe_is_not_waited_for(folder, name):
    whole = read_results(folder)
    path = folder / name
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert read_results(folder).cells.equals(whole.cells)
    path.unlink()
    os.mkfifo(path)
    said = {"cells.csv": "a pipe or device, not a file", "heading.json": "is not a plain file"}
    with pytest.raises(InputError, match=said[name]) as caught:
        read_results(folder)
    assert "'" not in str(caught.value)
    assert "[Errno" not in str(caught.value)


def test_a_heading_nested_too_deeply_is_refused(folder):
    (folder / "heading.json").write_text("[" * 100_000)
    with pytest.raises(InputError, match=r"heading\.json: cannot be read"):
        read_results(folder)
