import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from bench.experiment.grid import ABLATION
from bench.metrics import METRICS, PROTOCOLS
from bench.presentation.heading import Heading
from bench.presentation.tables import TABLES
from bench.results.cells import tidy
from bench.results.files import read_results, write_heading
from destseg.errors import InputError

COMMITTED = Path(__file__).parents[2] / "results" / "ablation"

HEADING = Heading(
    experiment="any",
    dataset="a folder of own images, 64 px — ±",
    is_mvtec=False,
    categories=("bottle", "tile"),
    variants=tuple(ABLATION),
    seeds=(4, 7),
    provenance=("Command: x", "Date: y"),
    protocol=PROTOCOLS["crop224"],
    method="Mine",
    paper_setting=True,
)


@pytest.fixture
def folder(tmp_path):
    shutil.copy(COMMITTED / "cells.csv", tmp_path)
    shutil.copy(COMMITTED / "heading.json", tmp_path)
    return tmp_path


def test_a_heading_comes_back_as_it_was(folder):
    write_heading(folder, HEADING)
    assert read_results(folder)[1] == HEADING


def test_cells_come_back_digit_by_digit(folder):
    rng = np.random.default_rng(0)
    row = {"method": "Mine", "category": "tile", "variant": "", "seed": 3, "protocol": "paper v1"}
    cells = tidy(
        [
            {**row, **{metric.key: rng.uniform() for metric in METRICS}},
            {**row, "variant": "none", "pro": float("nan"), "iap": 0.1},
        ]
    )
    cells.to_csv(folder / "cells.csv", index=False, lineterminator="\n")
    read = read_results(folder)[0]
    assert read["variant"].tolist() == ["", "none"]
    for metric in METRICS:
        np.testing.assert_array_equal(read[metric.key], cells[metric.key])


def test_the_committed_tables_are_those_of_the_committed_cells():
    cells, heading = read_results(COMMITTED)
    written = {path.name: path.read_text("utf-8") for path in (COMMITTED / "tables").iterdir()}
    names = {name.partition(".")[0] for name in written}
    assert "claims" in names
    for name in names:
        table = TABLES[name](cells, heading)
        assert written[f"{name}.md"] == table.markdown()
        assert written[f"{name}.csv"] == table.csv()
        assert written[f"{name}.tex"] == table.latex()


def test_no_committed_verdict_of_the_miniature_is_a_reproduction():
    text = (COMMITTED / "tables" / "claims.md").read_text("utf-8")
    assert "does not hold on the embedded miniature v1" in text
    assert "reproduced" not in text
    assert "contradicted" not in text


@pytest.mark.parametrize("name", ["cells.csv", "heading.json"])
def test_a_missing_file_is_named_with_what_to_do(folder, name):
    (folder / name).unlink()
    with pytest.raises(InputError, match=f"{name}: no such file; the command that made the resul"):
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
    "change", [{"seeds": []}, {"variants": ["den+dem"]}, {"surplus": 1}, {"protocol": {"size": 0}}]
)
def test_a_heading_that_was_edited_is_refused(folder, change):
    record = json.loads((folder / "heading.json").read_text("utf-8"))
    (folder / "heading.json").write_text(json.dumps(record | change), encoding="utf-8")
    with pytest.raises(InputError, match=r"heading\.json: cannot be read"):
        read_results(folder)


def test_a_column_that_is_missing_is_named(folder):
    (folder / "cells.csv").write_text("method,category,variant,seed,protocol\n", encoding="utf-8")
    with pytest.raises(InputError, match="no column 'iap'"):
        read_results(folder)


def test_a_metric_without_any_value_is_missing_and_not_text(folder):
    cells, heading = read_results(folder)
    cells.assign(pro="").to_csv(folder / "cells.csv", index=False)
    read = read_results(folder)[0]
    assert read["pro"].isna().all()
    assert "—" in TABLES["main"](read, heading).text()
    assert dataclasses.asdict(heading)["seeds"] == (0, 1, 2)
