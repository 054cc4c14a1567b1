import dataclasses
import json

import pytest

from bench.experiment.grid import Cell
from bench.metrics import METRICS
from bench.regress.baseline import Tolerance, dumped, read_baseline, write_baseline
from destseg.errors import InputError
from tests.regress.small_baseline import CELL, measured, small_baseline


@pytest.fixture
def baseline():
    return small_baseline()


@pytest.fixture
def file(tmp_path, baseline):
    path = tmp_path / "new" / "smoke.json"
    write_baseline(baseline, path)
    return path


def test_what_is_written_is_read(file, baseline):
    read = read_baseline(file)
    assert read.measured == baseline.measured
    assert read.tolerance == baseline.tolerance
    assert dumped(read) == dumped(baseline) == file.read_text()


def test_order_and_digits_do_not_show(baseline):
    cells = dict(reversed(baseline.measured.cells.items()))
    cells[CELL] = {name: value + 1e-9 for name, value in reversed(cells[CELL].items())}
    other = dataclasses.replace(baseline, measured=measured(cells=cells))
    assert dumped(other) == dumped(baseline)


def test_one_changed_cell_is_one_changed_line(baseline):
    cells = {**baseline.measured.cells, CELL: {metric.key: 0.25 for metric in METRICS}}
    other = dumped(dataclasses.replace(baseline, measured=measured(cells=cells)))
    pairs = zip(dumped(baseline).splitlines(), other.splitlines(), strict=True)
    assert sum(old != new for old, new in pairs) == 1


def test_no_tolerance_for_new_seeds(baseline):
    assert "tolerance" not in json.loads(dumped(small_baseline(comparison="seeds")))


def test_tolerance_has_a_floor():
    tolerance = Tolerance(spread={"pro": 0.01}, factor=3, floor=0.002)
    assert tolerance.allowed("pro") == pytest.approx(0.03)
    assert tolerance.allowed("iap") == 0.002


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": 2}', "nonsense"])
def test_no_baseline_is_one_sentence(tmp_path, text):
    path = tmp_path / "b.json"
    path.write_text(text)
    with pytest.raises(InputError, match="not a baseline"):
        read_baseline(path)


def test_missing_file_says_how_to_get_one(tmp_path):
    with pytest.raises(InputError, match="bench baseline"):
        read_baseline(tmp_path / "none.json")


def test_a_cell_twice_is_refused(file):
    table = json.loads(file.read_text())
    table["cells"].append(table["cells"][0])
    file.write_text(json.dumps(table))
    with pytest.raises(InputError, match="twice"):
        read_baseline(file)


def test_another_schema_is_left_to_the_comparison(file):
    file.write_text('{"schema": 7, "experiment": "smoke", "else": 1}')
    assert read_baseline(file).schema == 7


def test_cells_are_sorted_by_name_and_number(baseline):
    def named(method, variant, category, seed):
        return Cell(method, variant, category, seed), {"pro": 0.5}

    names = [("A", "x", "b", 2), ("A", "x", "b", 10), ("B", "", "a", 0)]
    cells = dict(named(*name) for name in reversed(names))
    written = json.loads(dumped(dataclasses.replace(baseline, measured=measured(cells=cells))))
    assert [tuple(cell[:4]) for cell in written["cells"]] == names
