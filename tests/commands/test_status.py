import dataclasses

from bench.cli import main
from bench.store.records import encode
from bench.store.runs import Failure, RunStore
from tests.commands.conftest import TWO


def test_all_is_done(bench, rows):
    code, out = bench("status")
    assert code == 0
    assert out.startswith("small on the embedded miniature")
    assert rows(out)["student"] == ["2", "0", "0", "0", "0"]
    assert rows(out)["bottle"] == ["7", "0", "0", "0", "0"]
    assert "environments" not in out


def test_stale_stages_end_with_3(bench, rows):
    code, out = bench("status", edits={"top_t = 10": "top_t = 5"})
    assert code == 3
    assert rows(out)["evaluation"] == ["0", "0", "0", "2", "0"]
    assert rows(out)["maps"] == ["2", "0", "0", "0", "0"]


def test_missing_stages_end_with_3(small, tmp_path, capsys, rows):
    assert main(["status", str(small()), "--results", str(tmp_path / "new")]) == 3
    assert rows(capsys.readouterr().out)["bottle"] == ["0", "0", "0", "0", "7"]
    assert not (tmp_path / "new").exists()


def test_with_an_empty_cache_records_are_neither_missing_nor_stale(
    bench, tmp_path, monkeypatch, rows, capsys
):
    monkeypatch.setenv("DESTSEG_BENCH_CACHE", str(tmp_path / "cache"))
    code, out = bench("status")
    assert code == 3
    assert "unprepared" in out.splitlines()[2]
    assert rows(out)["bottle"] == ["0", "0", "0", "0", "7", "0"]
    _, out = bench("status", edits={"top_t = 10": "top_t = 5"})
    assert rows(out)["evaluation"] == ["0", "0", "0", "2", "0", "0"]


def test_a_terminal_gets_colours_and_what_fits(bench, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "30")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    _, out = bench("status")
    assert "\x1b[32m2\x1b[0m" in out
    assert "left out, since the terminal is 30 wide: damaged, stale, missing; --wide" in out
    monkeypatch.setenv("NO_COLOR", "1")
    _, out = bench("status", "--wide")
    assert "\x1b" not in out
    assert "missing" in out.splitlines()[2]


def test_two_methods_are_told_apart(bench, rows, with_example):
    code, out = bench("status", edits=TWO)
    assert code == 3
    assert rows(out)["maps"] == ["2", "0", "0", "0", "0"]
    assert rows(out)["mean-patch.means"] == rows(out)["mean-patch.maps"] == ["0"] * 4 + ["1"]
    assert rows(out)["evaluation"] == ["2", "0", "0", "0", "1"]
    assert bench("status", "--method", "DeSTSeg", edits=TWO)[0] == 0
    assert bench("status", "--method", "mean-patch", edits=TWO)[0] == 3


def test_failures_damage_and_environments_are_named(bench, results):
    store = RunStore(results / "runs")
    records = {record.kind: record for record in store.records()}
    maps, evaluation, student = (records[kind] for kind in ("maps", "evaluation", "student"))
    store.discard(evaluation.key)
    store.fail(Failure(evaluation.key, "evaluation", "bottle", 0, "memory", "no more", attempts=3))
    damaged = store.folder(maps.key) / "record.json"
    damaged.write_bytes(damaged.read_bytes()[:-20])
    provenance = {**student.provenance, "commit": "f" * 40}
    other = dataclasses.replace(student, provenance=provenance)
    (store.folder(student.key) / "record.json").write_bytes(encode(other))
    code, out = bench("status")
    assert code == 3
    said = "bottle seed 0 evaluation of maps (encoder): memory: no more (3 attempts, 20"
    assert said in out
    assert f"{damaged}: the record is not whole (bottle seed 0 maps (encoder))" in out
    assert "different environments" in out
    assert [line.split() for line in out.splitlines() if "f" * 40 in line] == [
        ["commit", "f" * 40, "1"]
    ]


def test_a_method_that_was_edited_is_told(bench, monkeypatch):
    monkeypatch.setattr(
        "bench.inspection.edits.edited_methods", lambda stages, find: (f"mine, {len(stages)}",)
    )
    code, out = bench("status")
    assert code == 0
    assert "\nmine, 7.\n" in out
