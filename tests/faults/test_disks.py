"""Disks that fill up and folders that turn read-only, on a small file system in memory."""

import subprocess
import time

import pytest

from bench.store.runs import RunStore
from tests.faults.conftest import DEADLINE, results

pytestmark = pytest.mark.faults

PART = ("--category", "bottle", "--seed", "0")


def mount(*arguments):
    return subprocess.run(["mount", *arguments], capture_output=True, check=False).returncode == 0


@pytest.fixture
def disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    if not mount("-t", "tmpfs", "-o", "size=64m", "tmpfs", str(folder)):
        pytest.skip("this user may not mount a file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def check_stopped(process, disk, reference, said):
    """One sentence tells why, and whatever was finished is there and right."""
    out, _ = process.communicate(timeout=DEADLINE)
    assert process.returncode == 3, out
    assert "Traceback" not in out
    assert f"stopped early: {disk / 'runs'}: {said}." in out
    kept = results(RunStore(disk / "runs"))
    assert 0 < len(kept) < len(reference)
    assert kept.items() <= reference.items()


def check_resumed(start, disk, reference):
    again = start(disk, *PART, "--in-process")
    out, _ = again.communicate(timeout=DEADLINE)
    assert again.returncode == 0, out
    assert results(RunStore(disk / "runs")) == reference


def test_a_disk_that_fills_up_loses_no_finished_stage(start, undisturbed, disk, tmp_path):
    reference = undisturbed(*PART)
    first = start(tmp_path / "sized", *PART, "--in-process")
    first.communicate(timeout=DEADLINE)
    sizes = RunStore(tmp_path / "sized" / "runs")
    room = sum(map(sizes.size, sizes.keys())) // 2
    assert mount("-o", f"remount,size={room}", str(disk))
    full = start(disk, *PART, "--jobs", "1")
    check_stopped(full, disk, reference, "No space left on device")
    assert mount("-o", "remount,size=64m", str(disk))
    check_resumed(start, disk, reference)


def test_a_folder_that_turns_read_only_loses_no_finished_stage(start, undisturbed, disk):
    reference = undisturbed(*PART)
    process = start(disk, *PART, "--jobs", "1")
    deadline = time.monotonic() + DEADLINE
    while len(list((disk / "runs").rglob("record.json"))) < 5:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    # Busy while a file is open for writing.
    while not mount("-o", "remount,ro", str(disk)):
        assert time.monotonic() < deadline
    check_stopped(process, disk, reference, "Read-only file system")
    assert mount("-o", "remount,rw", str(disk))
    check_resumed(start, disk, reference)
