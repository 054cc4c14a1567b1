import hashlib
import os
import stat
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bench.data.cache import (
    CACHE_VARIABLE,
    SEAL,
    NotCached,
    _draft_of,
    cache_root,
    content_digest,
    only_cached,
    publish,
    require_whole,
    seal_digest,
)
from destseg.errors import InputError
from tests.folders import flip


@pytest.mark.parametrize(
    ("own", "xdg", "expected"),
    [
        (None, None, ".cache/destseg-bench"),
        (None, "HOME/xdg", "xdg/destseg-bench"),
        (None, "", ".cache/destseg-bench"),
        (None, "relative/folder", ".cache/destseg-bench"),
        ("~/mine", "HOME/xdg", "mine"),
        ("here", None, "here"),
    ],
)
def test_root_follows_own_variable_then_an_absolute_xdg(monkeypatch, tmp_path, own, xdg, expected):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for name, value in {CACHE_VARIABLE: own, "XDG_CACHE_HOME": xdg}.items():
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value.replace("HOME", str(tmp_path)))
    assert cache_root() == tmp_path / expected


def test_publish_fills_a_folder_once_with_its_parents_and_the_usual_mode(tmp_path):
    (tmp_path / "plain").mkdir()
    drafts = []
    for _ in range(2):
        folder = publish(tmp_path / "a" / "b", lambda draft: drafts.append(draft.stat()))
        assert [entry.name for entry in folder.parent.iterdir()] == ["b"]
    assert len(drafts) == 1
    assert stat.S_IMODE(folder.stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


@pytest.mark.parametrize(
    "error", [InputError("bad file"), OSError(28, "No space left on device")], ids=["file", "disk"]
)
def test_failed_fill_leaves_nothing(tmp_path, error):
    def fill(draft: Path) -> None:
        (draft / "half").touch()
        raise error

    with pytest.raises(InputError, match=r"bad file|No space left on device"):
        publish(tmp_path / "f", fill)
    assert list(tmp_path.iterdir()) == []


def test_concurrent_publishers_agree(tmp_path):
    def one(number: int) -> str:
        def fill(draft: Path) -> None:
            for name in "ab":
                (draft / name).write_text(str(number))

        folder = publish(tmp_path / "f", fill)
        return (folder / "a").read_text() + (folder / "b").read_text()

    with ThreadPoolExecutor(8) as pool:
        seen = set(pool.map(one, range(32)))
    assert len(seen) == 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["f"]


def test_later_winner_is_kept_when_ours_comes_second(tmp_path):
    folder = tmp_path / "f"

    def fill(draft: Path) -> None:
        (draft / "x").write_text("ours")
        folder.mkdir()
        (folder / "x").write_text("theirs")

    publish(folder, fill)
    assert (folder / "x").read_text() == "theirs"
    assert [entry.name for entry in tmp_path.iterdir()] == ["f"]


@pytest.fixture
def sealed(tmp_path):
    """A published folder with two files, and what fills it."""

    def fill(draft: Path) -> None:
        (draft / "below").mkdir()
        (draft / "a.npy").write_bytes(bytes(range(40)))
        (draft / "below" / "b.png").write_bytes(b"content")

    return publish(tmp_path / "f", fill), fill


FILES = ("a.npy", "below/b.png", SEAL)


def damages(folder):
    """Every flipped bit that JSON is not blind to, truncations, and what is no file."""
    for name in FILES:
        whole = (folder / name).read_bytes()
        for place in range(len(whole)):
            if not whole[place : place + 1].isspace():
                yield name, whole[:place] + bytes([whole[place] ^ 0x40]) + whole[place + 1 :]
        for length in (0, len(whole) // 2, len(whole) - 2):
            yield name, whole[:length]


def test_every_damage_of_a_published_folder_is_seen(sealed):
    folder, _ = sealed
    require_whole(folder)
    for name, content in damages(folder):
        before = (folder / name).read_bytes()
        (folder / name).write_bytes(content)
        with pytest.raises(InputError, match=r"start again, and `python -m bench reproduce`"):
            require_whole(folder)
        (folder / name).write_bytes(before)
    require_whole(folder)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("instead", [Path.mkdir, os.mkfifo, lambda path: path.symlink_to(path)])
def test_what_is_no_file_is_a_damage_too(sealed, name, instead):
    folder, _ = sealed
    (folder / name).unlink()
    instead(folder / name)
    with pytest.raises(InputError, match=name):
        require_whole(folder)


def test_a_damaged_folder_is_named_and_made_again(sealed, capsys):
    folder, fill = sealed
    before = seal_digest(folder)
    flip(folder / "a.npy")
    with only_cached(check=True), pytest.raises(NotCached):
        publish(folder, fill)
    with only_cached(check=False):
        assert publish(folder, fill) == folder
    assert capsys.readouterr().err == ""
    publish(folder, fill)
    told = f"{folder / 'a.npy'}: its content is not what was written there; it is made again\n"
    assert capsys.readouterr().err == told
    require_whole(folder)
    assert seal_digest(folder) == before
    assert [entry.name for entry in folder.parent.iterdir()] == ["f"]


def test_a_folder_without_a_seal_is_made_again(tmp_path, capsys):
    (tmp_path / "f").mkdir()
    publish(tmp_path / "f", lambda draft: (draft / "a").touch())
    assert "has no digests of its files, as older releases left it" in capsys.readouterr().err
    require_whole(tmp_path / "f")


def test_drafts_of_killed_processes_are_cleared_by_the_next(tmp_path):
    killed = subprocess.Popen(["true"])
    killed.wait()
    name = _draft_of(tmp_path / "f").name
    left = tmp_path / name.replace(f".{os.getpid()}.", f".{killed.pid}.")
    others = [tmp_path / name, tmp_path / f".g{left.name[2:]}", tmp_path / ".f.elsewhere.1.aa"]
    for draft in (left, *others):
        draft.mkdir()
    publish(tmp_path / "f", lambda draft: None)
    assert {entry.name for entry in tmp_path.iterdir()} == {"f", *(path.name for path in others)}


def test_without_a_home_folder_the_variable_is_named(monkeypatch):
    monkeypatch.delenv(CACHE_VARIABLE, raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(os.path, "expanduser", str)
    with pytest.raises(InputError, match=f"no home folder for the cache; set {CACHE_VARIABLE}"):
        cache_root()
    monkeypatch.setenv(CACHE_VARIABLE, "/somewhere")
    assert cache_root() == Path("/somewhere")


def test_cache_below_a_file_is_an_input_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"cannot be written.*DESTSEG_BENCH_CACHE"):
        publish(tmp_path / "file" / "f", lambda draft: None)


def written(root: Path, **files: str) -> list[Path]:
    root.mkdir()
    for name, text in files.items():
        (root / name).write_text(text)
    return sorted(root.iterdir(), reverse=True)


def test_digest_depends_on_names_and_contents_only(tmp_path):
    cache = tmp_path / "cache"
    digests = {
        name: content_digest(tmp_path / name, written(tmp_path / name, **files), cache)
        for name, files in {
            "one": {"a": "1", "b": "2"},
            "same": {"b": "2", "a": "1"},
            "content": {"a": "1", "b": "3"},
            "renamed": {"a": "1", "c": "2"},
            "swapped": {"a": "2", "b": "1"},
        }.items()
    }
    assert digests["one"] == digests["same"]
    assert len(set(digests.values())) == 4


def test_digest_is_the_documented_one(tmp_path):
    files = written(tmp_path / "d", a="1")
    content = hashlib.sha256(b"1").hexdigest()
    expected = hashlib.sha256(f"a\0{content}\n".encode()).hexdigest()
    assert content_digest(tmp_path / "d", files, tmp_path / "cache") == expected


def test_digest_is_remembered_until_a_file_changes(tmp_path, monkeypatch):
    monkeypatch.setattr("bench.data.changes.SMALL", 0)
    monkeypatch.setattr("bench.data.changes.TICK", -(10**12))  # as if written long ago
    files = written(tmp_path / "d", a="1")
    cache = tmp_path / "cache"
    first = content_digest(tmp_path / "d", files, cache)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", None)  # reading contents now would fail
        assert content_digest(tmp_path / "d", files, cache) == first
    times = files[0].stat()
    files[0].write_text("2")
    os.utime(files[0], ns=(times.st_atime_ns, times.st_mtime_ns))
    assert content_digest(tmp_path / "d", files, cache) != first


@pytest.mark.parametrize("small", [0, 1 << 20])
def test_a_file_written_twice_in_one_tick_is_read_twice(tmp_path, monkeypatch, small):
    """Of size and time alone one could not tell the second from the first."""
    monkeypatch.setattr("bench.data.changes.SMALL", small)
    monkeypatch.setattr("bench.data.changes.fingerprint", lambda status: "the same")
    files = written(tmp_path / "d", a="1")
    first = content_digest(tmp_path / "d", files, tmp_path / "cache")
    files[0].write_text("2")
    assert content_digest(tmp_path / "d", files, tmp_path / "cache") != first
    assert not (tmp_path / "cache").exists()
