import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.store import DamagedArtifact, Record, RunStore, check_writable
from destseg.errors import InputError

ROOT = Path(__file__).parents[1]
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
        "metrics": {"pro": 0.1 + 0.2, "iap": None},
    }
    return Record(**{**values, **changes})


@pytest.fixture
def store(tmp_path):
    return RunStore(tmp_path / "runs")


@pytest.fixture
def stored(store):
    return store.put(record(artifact="maps.npy"), b"content of the artifact")


def test_a_record_comes_back_as_it_went(store):
    store.put(record())
    assert store.get(KEY) == record()
    assert store.get(KEY).metrics["pro"] == 0.1 + 0.2, "to the last digit"


def test_an_artifact_comes_back_as_it_went(store, stored):
    assert store.get(KEY) == stored
    assert store.artifact(store.get(KEY)) == b"content of the artifact"


def test_a_stage_that_is_not_done_has_no_record(store):
    assert store.get(KEY) is None
    store.fail(KEY, {"message": "no"})
    assert store.get(KEY) is None


def test_the_record_is_written_last(store, monkeypatch):
    """Whoever is killed between the two files has not finished the stage."""
    written = []

    def note(path, content):
        written.append(path.name)
        path.write_bytes(content)

    monkeypatch.setattr("bench.store.write_atomically", note)
    store.put(record(artifact="maps.npy"), b"x")
    assert written == ["maps.npy", "record.json"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda text: b"",
        lambda text: b"\xff" + text,
        lambda text: text.replace(b'"kind"', b'"kin"'),
        lambda text: text.replace(b'"parents"', b'"parent"'),
        lambda text: text.replace(KEY.encode(), KEY[::-1].encode()),
        lambda text: b"[" + text + b"]",
        lambda text: b"null",
        lambda text: text.replace(b'"schema": 1', b'"schema": 1, "surplus": 2'),
    ],
    ids=[
        "half",
        "empty",
        "no text",
        "another field",
        "no parents",
        "another key",
        "list",
        "null",
        "surplus field",
    ],
)
def test_a_record_that_is_not_whole_counts_as_none(store, damage):
    store.put(record())
    path = store.folder(KEY) / "record.json"
    before = path.read_bytes()
    assert damage(before) != before
    path.write_bytes(damage(before))
    assert store.get(KEY) is None
    store.put(record())
    assert store.get(KEY) == record()


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (flip, "not what its record says"),
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), "not what its record says"),
        (lambda path: path.write_bytes(b""), "not what its record says"),
        (Path.unlink, "No such file"),
    ],
    ids=["flipped bit", "short", "empty", "gone"],
)
def test_a_damaged_artifact_is_noticed_and_named(store, stored, damage, said):
    path = store.folder(KEY) / "maps.npy"
    damage(path)
    with pytest.raises(DamagedArtifact, match=said) as caught:
        store.artifact(store.get(KEY))
    assert str(path) in str(caught.value)


def test_a_discarded_stage_runs_again(store, stored):
    store.discard(KEY)
    assert store.get(KEY) is None
    store.discard(KEY)


def test_success_clears_an_earlier_failure(store):
    store.fail(KEY, {"message": "out of luck"})
    failure = store.folder(KEY) / "failure.json"
    assert json.loads(failure.read_text()) == {"message": "out of luck"}
    store.put(record())
    assert not failure.exists()


def test_a_number_that_is_none_is_not_stored(store):
    with pytest.raises(ValueError, match="not JSON compliant"):
        store.put(record(metrics={"pro": float("nan")}))
    assert store.get(KEY) is None


WRITER = """
import sys
from pathlib import Path
from bench.store import Record, RunStore
store = RunStore(Path(sys.argv[1]))
for number in range(40):
    key = f"{number:064x}"
    store.put(Record(key, "maps", (), {}, 0.0, 0, {}, artifact="a"), key.encode() * 2000)
"""


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


def test_a_writable_folder_is_made_and_left_empty(tmp_path):
    check_writable(tmp_path / "a" / "b")
    assert list((tmp_path / "a" / "b").iterdir()) == []


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
