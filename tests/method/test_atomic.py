import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from destseg.atomic import write_atomically

ROOT = Path(__file__).parents[1]


def test_a_file_is_written_and_replaced(tmp_path):
    path = tmp_path / "file"
    write_atomically(path, b"first")
    write_atomically(path, b"2nd")
    assert path.read_bytes() == b"2nd"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600)])
def test_the_umask_says_who_may_read_it(tmp_path, mask, mode):
    before = os.umask(mask)
    try:
        write_atomically(tmp_path / "file", b"")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == mode


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP, errno.EPERM])
def test_disks_that_know_no_modes_and_no_fsync_are_written_to(tmp_path, monkeypatch, number):
    def refuse(*_arguments, **_options):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    monkeypatch.setattr(os, "chmod", refuse)
    monkeypatch.setattr(Path, "chmod", refuse)
    write_atomically(tmp_path / "file", b"whole")
    assert (tmp_path / "file").read_bytes() == b"whole"


def test_a_missing_folder_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        write_atomically(tmp_path / "none" / "file", b"x")


@pytest.mark.parametrize(
    "error",
    [
        *(OSError(number, "") for number in (errno.ENOSPC, errno.EROFS, errno.EACCES)),
        KeyboardInterrupt(),
    ],
)
@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failure_leaves_the_old_file_and_no_litter(tmp_path, monkeypatch, step, error):
    path = tmp_path / "file"
    write_atomically(path, b"old")

    def fail(*_):
        raise error

    monkeypatch.setattr(os if step == "fsync" else Path, step, fail)
    with pytest.raises(type(error)):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


WRITER = """
import sys
from pathlib import Path
from destseg.atomic import write_atomically
letter, path = sys.argv[1].encode(), Path(sys.argv[2])
for number in range(60):
    write_atomically(path, letter * (100_000 + 1000 * number))
"""


def test_readers_see_whole_files_while_processes_write(tmp_path):
    path = tmp_path / "file"
    write_atomically(path, b"a" * 100_000)
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, letter, str(path)], cwd=ROOT)
        for letter in "abc"
    ]
    seen = set()
    try:
        while any(writer.poll() is None for writer in writers):
            content = path.read_bytes()
            assert len(content) >= 100_000
            assert content.count(content[:1]) == len(content), "parts of two writers"
            seen.add(content[:1])
    finally:
        codes = [writer.wait() for writer in writers]
    assert codes == [0, 0, 0]
    assert len(seen) > 1, "the writers did not meet"
    assert list(tmp_path.iterdir()) == [path]
