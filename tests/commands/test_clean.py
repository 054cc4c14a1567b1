import os
import time

import pytest

from bench.commands import clean
from bench.store.runs import RunStore

CHANGED = {"head_lr = 0.1": "head_lr = 0.2"}


@pytest.fixture(autouse=True)
def experiments(monkeypatch, tmp_path):
    """No experiment but the one given: laying them all out takes seconds."""
    monkeypatch.setattr(clean, "EXPERIMENTS", tmp_path / "experiments")
    return tmp_path / "experiments"


def test_what_the_given_experiment_refers_to_stays(bench, results, listing):
    before = listing(results)
    code, out = bench("clean", "--yes")
    assert (code, "nothing to delete" in out) == (0, True)
    assert listing(results) == before


def test_first_it_only_shows(bench, results, listing):
    before = listing(results)
    code, out = bench("clean", edits=CHANGED)
    assert code == 0
    assert "nothing was deleted; add --yes" in out
    assert listing(results) == before


def test_what_nothing_refers_to_goes(bench, results):
    store = RunStore(results / "runs")
    code, out = bench("clean", "--yes", edits=CHANGED)
    assert (code, "3 records and 0 temporary files deleted" in out) == (0, True)
    assert sorted(record.kind for record in store.records()) == [
        "evaluation",
        "maps",
        "student",
        "student",
    ]
    assert len(list(store.keys())) == 4


def test_every_experiment_at_hand_is_asked(bench, experiments, small):
    experiments.mkdir()
    small().rename(experiments / "first.toml")
    assert "nothing to delete" in bench("clean", edits=CHANGED)[1]


def test_what_is_to_be_kept_is_asked_too(bench, small, tmp_path):
    small().rename(tmp_path / "kept.toml")
    keep = ("--keep", str(tmp_path / "kept.toml"))
    assert "nothing to delete" in bench("clean", *keep, edits=CHANGED)[1]


def test_what_cannot_be_judged_here_stays_unless_it_is_to_go(bench, results, tmp_path, monkeypatch):
    store = RunStore(results / "runs")
    monkeypatch.setenv("DESTSEG_BENCH_CACHE", str(tmp_path / "cache"))
    assert "nothing to delete" in bench("clean", "--yes", edits=CHANGED)[1]
    assert len(list(store.records())) == 7
    assert "7 records" in bench("clean", "--yes", "--unknown", edits=CHANGED)[1]
    assert list(store.keys()) == []


def test_old_temporary_files_go(bench, results):
    part = results / "runs" / ".record.json.abc.part"
    part.write_text("x")
    assert "nothing to delete" in bench("clean", "--yes")[1], "it may be in use"
    day = time.time() - 90_000
    os.utime(part, (day, day))
    assert "0 records and 1 temporary files deleted" in bench("clean", "--yes")[1]
    assert not part.exists()


def test_a_part_of_a_grid_is_refused(bench, results):
    assert bench("clean", "--yes", "--category", "bottle", edits=CHANGED)[0] == 2
    assert len(list(RunStore(results / "runs").records())) == 7
