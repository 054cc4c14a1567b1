"""Figures are kept as JSON and compared with another commit's by their ratio."""

import json
from dataclasses import replace

import pytest

from benchmarks.command import main
from benchmarks.figures import (
    LOAD,
    Benchmark,
    Figure,
    Setting,
    comparison,
    markdown,
    read_benchmark,
    write_benchmark,
)
from destseg.errors import InputError


def benchmark(commit="a" * 40, machine="one", **values):
    figures = tuple(Figure(name, value, "ms") for name, value in values.items())
    return Benchmark(commit, {"cpu": machine}, Setting(rounds=3), {"steps": figures})


def test_what_was_written_is_read(tmp_path):
    path = tmp_path / "figures.json"
    write_benchmark(benchmark(first=1.5, second=2.0), path)
    assert read_benchmark(path) == benchmark(first=1.5, second=2.0)


def test_figures_of_two_commits_are_compared_by_their_ratio():
    text = comparison(benchmark(first=2.0, gone=1.0), benchmark("b" * 40, first=3.0, new=1.0))
    assert "| steps | first | 2 ms | 3 ms | 1.500 |" in text.splitlines()
    assert "only before: steps gone" in text
    assert "only now: steps new" in text
    assert "not the same" not in text


def test_a_value_has_four_digits_and_its_unit():
    assert Figure("a", 0.21344).text() == "0.2134"
    assert Figure("b", 24561.2, "ms").text() == "24561 ms"


def test_another_machine_is_told():
    text = comparison(benchmark(first=2.0), benchmark(machine="two", first=2.0))
    assert "not the same: cpu; ratios are of more than the commits" in text


def test_what_else_the_machine_does_is_told_and_never_the_same():
    quiet, busy = (
        replace(benchmark(first=2.0), machine={"cpu": "one", LOAD: load}) for load in ("0.1", "5.2")
    )
    text = comparison(quiet, busy)
    assert "load before 0.1" in text
    assert "load before 5.2" in text
    assert "not the same" not in text


def test_a_figure_of_nothing_has_no_ratio():
    assert "| 0 ms | 1 ms | – |" in comparison(benchmark(first=0.0), benchmark(first=1.0))


def test_the_table_says_where_it_was_measured():
    lines = markdown(benchmark(first=1234.5)).splitlines()
    assert "| steps | first | 1234 ms |" in lines
    assert lines[-1] == "Commit aaaaaaaaaaaa; cpu one; medians of 3."


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"schema": 1, "sections": 3}', '{"schema": 1, "sections": {}}']
)
def test_what_is_no_benchmark_is_named(tmp_path, text):
    path = tmp_path / "figures.json"
    path.write_text(text)
    with pytest.raises(InputError, match="not a benchmark"):
        read_benchmark(path)


def test_another_version_is_told(tmp_path):
    path = tmp_path / "figures.json"
    path.write_text(json.dumps({"schema": 0}))
    with pytest.raises(InputError, match="another version"):
        read_benchmark(path)


def test_two_files_are_compared_without_measuring(tmp_path, capsys):
    for name, value in (("old", 4.0), ("new", 1.0)):
        write_benchmark(benchmark(first=value), tmp_path / f"{name}.json")
    paths = ["--from", str(tmp_path / "new.json"), "--against", str(tmp_path / "old.json")]
    assert main(paths) == 0
    assert "| 4 ms | 1 ms | 0.250 |" in capsys.readouterr().out


def test_a_section_that_is_not_there_is_told(capsys):
    assert main(["stepps"]) == 2
    assert "stepps: no section; did you mean steps?" in capsys.readouterr().err
