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


def test_a_precision_is_kept_where_there_is_one(tmp_path):
    assert "precisions" not in json.loads(dumped(small_baseline()))
    rounded = small_baseline(measured=measured(precisions={"DeSTSeg": "bf16"}))
    write_baseline(rounded, tmp_path / "bf16.json")
    assert read_baseline(tmp_path / "bf16.json").measured == rounded.measured


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


def edited(file, change):
    table = json.loads(file.read_text())
    change(table)
    file.write_text(json.dumps(table))
    return file


def set_metric(value):
    return lambda table: table["cells"][0][-1].update(pro=value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (set_metric(float("nan")), "NaN is no number of a metric; a missing one is null"),
        (set_metric(float("inf")), "Infinity is no number"),
        (set_metric(1.5), "pro of .* is 1.5; it must be from 0 to 1, or null"),
        (set_metric(-0.1), "is -0.1; it must be from 0 to 1"),
        (set_metric("0.5"), "is '0.5'; it must be"),
        (set_metric(True), "is True; it must be"),
        (lambda table: table["cells"][0][-1].update(prow=0.5), "'prow' is no metric"),
        (lambda table: table["cells"][0].__setitem__(3, "0"), "are not a method, a variant,"),
        (
            lambda table: table["tolerance"]["spread"].update(pro=9),
            "spread of pro is 9; it must",
        ),
        (lambda table: table["tolerance"]["spread"].update(pro=0.4), "pro may change by 1.2"),
        (
            lambda table: table["tolerance"].update(floor=1),
            "floor is 1; it must be from 0",
        ),
        (lambda table: table["tolerance"].update(floor="0"), "floor is '0'; it must be"),
        (lambda table: table["tolerance"].update(factor=-3), "factor is -3; it must be"),
        (lambda table: table["tolerance"].update(factor=1e9), "factor is 1000000000.0; it must be"),
    ],
)
def test_what_no_baseline_can_say_is_refused(file, change, said):
    """A baseline of NaN has passed with all its numbers compared, a tolerance of 9 everything."""
    with pytest.raises(InputError, match=rf"smoke\.json: not a baseline \(.*{said}"):
        read_baseline(edited(file, change))


def test_a_missing_value_is_null(file):
    read = read_baseline(edited(file, set_metric(None)))
    assert [values["pro"] for values in read.measured.cells.values()].count(None) == 1


def test_a_file_nested_too_deeply_is_no_baseline(file):
    file.write_text("[" * 100_000)
    with pytest.raises(InputError, match="not a baseline"):
        read_baseline(file)


def test_a_byte_order_mark_is_skipped(file, baseline):
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert read_baseline(file).measured == baseline.measured


def test_what_is_no_file_at_all_was_never_a_baseline(file):
    for path in (file.with_name("n" * 300), file.parent):
        with pytest.raises(InputError, match=r"not a baseline \(.*\); give another\.$"):
            read_baseline(path)
