import pytest

from bench.methods.destseg.steps import TrainStudent
from bench.store.runs import RunStore

BEFORE = TrainStudent.version


@pytest.fixture
def raised(monkeypatch):
    """The student's code is of another version now than when the results were made."""
    monkeypatch.setattr(TrainStudent, "version", BEFORE + 1)


def test_first_it_only_shows(bench, raised, results, listing):
    before = listing(results)
    code, out = bench("accept", "--reason", "renamed")
    assert code == 0
    assert "7 records would be taken over; add --yes" in out
    assert f"{BEFORE} -> {BEFORE + 1}" in out
    assert listing(results) == before


def test_with_yes_everything_is_there_again(bench, raised, results):
    assert bench("status")[0] == 3
    code, out = bench("accept", "--reason", "renamed", "--yes")
    assert (code, "7 records taken over" in out) == (0, True)
    assert bench("status")[0] == 0
    assert "nothing to run" in bench("plan")[1]
    assert "accepted from" in bench("explain", "bottle none seed 0")[1]
    assert "nothing to take over" in bench("accept", "--reason", "again", "--yes")[1]


def test_a_damaged_artifact_ends_with_3(bench, raised, results):
    path = next(results.rglob("maps.npy"))
    path.write_bytes(path.read_bytes()[:-1])
    code, out = bench("accept", "--reason", "renamed", "--yes")
    assert code == 3
    assert f"not taken over: {path}" in out


def test_an_empty_reason_is_refused(bench, raised, results, capsys):
    assert bench("accept", "--reason", " ", "--yes")[0] == 2
    assert not any(record.accepted for record in RunStore(results / "runs").records())
