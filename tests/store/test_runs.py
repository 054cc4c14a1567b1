import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.store import records
from bench.store.records import SCHEMA, DamagedRecord, Record
from bench.store.runs import DamagedArtifact, Failure, RunStore, check_writable
from destseg.errors import InputError
from tests.folders import empty, flip, truncate

ROOT = Path(__file__).parents[2]
KEY = "ab" + 62 * "0"


def record(key=KEY, **changes):
    values = {
        "key": key,
        "kind": "maps",
        "parents": ("1" * 64, "2" * 64),
        "parameters": {"size": 32, "lr": 0.1, "dilations": [1, 2]},
        "seconds": 1.25,
        "peak_memory": 2**33,
        "provenance": {"commit": "é", "threads": 1},
        "code": 3,
        "category": "bottle",
        "seed": 0,
        "metrics": {"pro": 0.1 + 0.2, "iap": None},
    }
    return Record(**{**values, **changes})


def failure(key=KEY, **changes):
    values = {
        "kind": "maps",
        "category": "bottle",
        "seed": 0,
        "cause": "raised",
        "message": "out of luck",
        "trace": ("line", "é"),
    }
    return Failure(key, **{**values, **changes})


@pytest.fixture
def stored(store):
    return store.put(record(artifact="maps.npy"), b"content of the artifact")


def test_records_and_artifacts_come_back_as_they_went(store):
    assert store.get(KEY) is None
    store.put(record())
    assert store.get(KEY) == record()
    assert store.get(KEY).metrics["pro"] == 0.1 + 0.2, "to the last digit"
    stored = store.put(record(artifact="maps.npy"), b"content of the artifact")
    assert store.get(KEY) == stored
    assert store.artifact(stored) == b"content of the artifact"


def test_the_record_is_written_last(store, monkeypatch):
    """Whoever is killed between the two files has not finished the stage."""
    written = []

    def note(path, content):
        written.append(path.name)
        path.write_bytes(content)

    monkeypatch.setattr("bench.store.runs.write_atomically", note)
    store.put(record(artifact="maps.npy"), b"x")
    assert written == ["maps.npy", "record.json"]


DAMAGE = {
    "half": lambda text: text[: len(text) // 2],
    "empty": lambda text: b"",
    "no text": lambda text: b"\xff" + text,
    "another field": lambda text: text.replace(b'"kind"', b'"kin"'),
    "no parents": lambda text: text.replace(b'"parents"', b'"parent"'),
    "another key": lambda text: text.replace(KEY.encode(), KEY[::-1].encode()),
    "list": lambda text: b"[" + text + b"]",
    "null": lambda text: b"null",
    "surplus field": lambda text: text.replace(b'"schema": 2', b'"schema": 2, "surplus": 2'),
    "another schema": lambda text: text.replace(b'"schema": 2', b'"schema": 1'),
    "a digit": lambda text: text.replace(b"1.25", b"1.26"),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_record_that_is_not_whole_counts_as_none(store, damage):
    store.put(record())
    path = store.folder(KEY) / "record.json"
    before = path.read_bytes()
    assert damage(before) != before
    path.write_bytes(damage(before))
    assert store.get(KEY) is None
    with pytest.raises(DamagedRecord, match="the record is not whole") as caught:
        store.read(KEY)
    assert str(path) in str(caught.value)
    store.put(record())
    assert store.get(KEY) == record()


def test_every_flipped_bit_of_a_record_is_seen(store):
    store.put(record())
    path = store.folder(KEY) / "record.json"
    before = path.read_bytes()
    for place in range(len(before)):
        path.write_bytes(before[:place] + bytes([before[place] ^ 1]) + before[place + 1 :])
        found = store.get(KEY)
        # JSON is blind to what white space there is.
        assert found is None or before[place : place + 1].isspace()
        assert found in (None, record())


def test_a_record_of_a_newer_schema_is_refused_and_kept(store, monkeypatch):
    with monkeypatch.context() as later:
        later.setattr(records, "SCHEMA", SCHEMA + 1)
        store.put(record())
    with pytest.raises(InputError) as caught:
        store.get(KEY)
    path = store.folder(KEY) / "record.json"
    assert str(path) in str(caught.value)
    assert f"schema {SCHEMA + 1}" in str(caught.value)
    assert path.exists()


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        *((damage, "not what its record says") for damage in (flip, truncate, empty)),
        (Path.unlink, "No such file"),
    ],
)
def test_a_damaged_artifact_is_noticed_and_named(store, stored, damage, said):
    path = store.folder(KEY) / "maps.npy"
    damage(path)
    with pytest.raises(DamagedArtifact, match=said) as caught:
        store.artifact(store.get(KEY))
    assert str(path) in str(caught.value)
    assert caught.value.key == KEY


def test_a_damaged_artifact_is_forgotten_when_it_is_loaded(store, stored):
    assert store.load(KEY) == b"content of the artifact"
    flip(store.folder(KEY) / "maps.npy")
    with pytest.raises(DamagedArtifact, match="not what its record says"):
        store.load(KEY)
    assert store.get(KEY) is None
    with pytest.raises(DamagedArtifact, match="its record is gone"):
        store.load(KEY)


def test_a_discarded_stage_runs_again(store, stored):
    for _ in range(2):
        store.discard(KEY)
        assert store.get(KEY) is None


def test_a_failure_is_no_record_and_success_clears_it(store):
    assert store.failure(KEY) is None
    store.fail(failure())
    assert store.failure(KEY) == failure()
    assert store.get(KEY) is None
    store.put(record())
    assert store.failure(KEY) is None


def test_attempts_of_a_failing_stage_add_up(store):
    store.fail(failure(attempts=2))
    assert store.fail(failure(message="again")) == failure(message="again", attempts=3)
    assert store.failure(KEY).attempts == 3


def test_a_damaged_note_of_a_failure_is_none(store):
    store.fail(failure())
    path = store.folder(KEY) / "failure.json"
    path.write_bytes(path.read_bytes()[:-9])
    assert store.failure(KEY) is None
    store.fail(failure())
    assert store.failure(KEY) == failure()


def test_stages_are_listed_measured_and_removed(store):
    assert list(store.keys()) == list(store.records()) == []
    store.put(record(artifact="maps.npy"), b"content of the artifact")
    other = "cd" + 62 * "1"
    store.put(record(key=other))
    store.fail(failure(key="ab" + 62 * "5"))
    assert list(store.keys()) == [KEY, "ab" + 62 * "5", other]
    assert [found.key for found in store.records()] == [KEY, other]
    files = [path.stat().st_size for path in store.folder(KEY).iterdir()]
    assert store.size(KEY) == sum(files) > len(b"content of the artifact")
    store.remove(other)
    assert list(store.keys()) == [KEY, "ab" + 62 * "5"]
    assert not (store.root / "cd").exists()
    store.remove(KEY)
    store.remove(KEY)
    assert list(store.keys()) == ["ab" + 62 * "5"]


def test_files_travel_from_store_to_store(store, stored, tmp_path):
    there = RunStore(tmp_path / "there")
    there.fail(failure())
    there.unpack(KEY, store.pack(KEY))
    assert there.get(KEY) == stored
    assert there.artifact(stored) == b"content of the artifact"
    assert there.failure(KEY) is None
    assert store.pack("0" * 64) == {}


def test_a_number_that_is_none_is_not_stored(store):
    with pytest.raises(ValueError, match="not JSON compliant"):
        store.put(record(metrics={"pro": float("nan")}))
    assert store.get(KEY) is None


WRITER = """
import sys
from pathlib import Path
from bench.store import records
from bench.store.records import Record
from bench.store.runs import RunStore
store = RunStore(Path(sys.argv[1]))
for number in range(40):
    key = f"{number:064x}"
    record = Record(key, "maps", (), {}, 0.0, 0, {}, 1, "bottle", 0, artifact="a")
    store.put(record, key.encode() * 2000)
"""


def test_a_folder_may_come_while_it_is_asked_for(tmp_path, monkeypatch):
    store, key = RunStore(tmp_path), f"{0:064x}"

    def another_makes_it(question):
        def asked(path, **options):
            there = question(path, **options)
            if not there and Path(path) == store.folder(key).parent:
                Path(path).mkdir(parents=True)
            return there

        return asked

    monkeypatch.setattr(Path, "is_dir", another_makes_it(Path.is_dir))
    monkeypatch.setattr(os.path, "lexists", another_makes_it(os.path.lexists))
    store.put(Record(key, "maps", (), {}, 0.0, 0, {}, 1, "bottle", 0, artifact="a"), b"content")
    assert store.get(key) is not None


def test_processes_may_share_a_store(tmp_path):
    store = RunStore(tmp_path)
    keys = [f"{number:064x}" for number in range(40)]
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], cwd=ROOT) for _ in range(3)
    ]
    early = 0
    try:
        while any(writer.poll() is None for writer in writers):
            for key in keys:
                if (found := store.get(key)) is not None:
                    assert store.artifact(found) == key.encode() * 2000
                    early += 1
    finally:
        codes = [writer.wait() for writer in writers]
    assert codes == [0, 0, 0]
    assert early > 0
    assert all(store.get(key) is not None for key in keys)
    assert not list(tmp_path.rglob("*.part"))


def test_a_writable_folder_is_not_made(tmp_path):
    check_writable(tmp_path / "a" / "b")
    assert list(tmp_path.iterdir()) == []
    check_writable(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_no_folder_for_results(tmp_path):
    (tmp_path / "file").write_text("mine")
    for folder in (tmp_path / "file", tmp_path / "file" / "runs"):
        with pytest.raises(InputError) as caught:
            check_writable(folder)
        assert str(folder) in str(caught.value)
        assert "--results" in str(caught.value)
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.skipif(os.geteuid() == 0, reason="permissions do not bind root")
def test_a_read_only_folder_is_refused(tmp_path):
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(InputError, match="Permission denied"):
            check_writable(tmp_path / "runs")
    finally:
        tmp_path.chmod(0o755)


# What is no file where one is expected


def instead(kind):
    """Put something else in the place of a file."""

    def replace(path):
        path.unlink(missing_ok=True)
        if kind == "folder":
            (path / "below").mkdir(parents=True)
        elif kind == "pipe":
            os.mkfifo(path)
        elif kind == "link to itself":
            path.symlink_to(path)
        elif kind == "deep":
            path.write_text("[" * 100_000)
        else:
            path.write_text('{"schema": Infinity, "sha256": ""}')

    return replace


NO_FILES = ("folder", "pipe", "link to itself")


@pytest.mark.parametrize("kind", [*NO_FILES, "deep", "infinite"])
def test_what_lies_in_the_place_of_a_record_is_named_and_made_way_of(store, kind):
    store.put(record())
    path = store.folder(KEY) / "record.json"
    instead(kind)(path)
    assert store.get(KEY) is None
    assert list(store.records()) == []
    with pytest.raises(DamagedRecord) as caught:
        store.read(KEY)
    assert str(path) in str(caught.value)
    store.discard(KEY)
    instead(kind)(path)
    store.put(record())
    assert store.get(KEY) == record()


@pytest.mark.parametrize("kind", NO_FILES)
def test_what_lies_in_the_place_of_an_artifact_is_named_and_made_way_of(store, stored, kind):
    path = store.folder(KEY) / "maps.npy"
    instead(kind)(path)
    with pytest.raises(DamagedArtifact, match=f"{path}: "):
        store.load(KEY)
    again = store.put(record(artifact="maps.npy"), b"content of the artifact")
    assert store.artifact(again) == b"content of the artifact"


@pytest.mark.parametrize("kind", [*NO_FILES, "deep"])
def test_what_lies_in_the_place_of_a_failure_is_none(store, kind):
    store.fail(failure())
    instead(kind)(store.folder(KEY) / "failure.json")
    assert store.failure(KEY) is None
    store.fail(failure())
    assert store.failure(KEY) == failure()
    instead(kind)(store.folder(KEY) / "failure.json")
    store.put(record())
    assert store.failure(KEY) is None


@pytest.mark.parametrize("level", ["stage", "group"])
@pytest.mark.parametrize("kind", ["file", "link to itself"])
def test_a_file_in_the_place_of_a_folder_is_made_way_of(store, level, kind):
    place = store.folder(KEY) if level == "stage" else store.folder(KEY).parent
    place.parent.mkdir(parents=True)
    if kind == "file":
        place.write_text("")
    else:
        place.symlink_to(place)
    assert store.get(KEY) is None
    assert store.failure(KEY) is None
    assert list(store.records()) == []
    store.discard(KEY)
    store.put(record(artifact="maps.npy"), b"x")
    assert store.artifact(store.get(KEY)) == b"x"


def test_a_folder_in_the_place_of_a_file_of_results_is_refused_before_the_run(tmp_path):
    (tmp_path / "cells.csv").mkdir()
    check_writable(tmp_path, "heading.json")
    with pytest.raises(InputError, match=r"cells\.csv: is a folder in the place of a file"):
        check_writable(tmp_path, "heading.json", "cells.csv")
