"""A lease's command: what agrees, when it ends, what goes home."""

import dataclasses
import subprocess
import sys
import tarfile
import time

import pytest
import torch

from bench.experiment.grid import Cell
from bench.regress.baseline import Baseline, Tolerance
from bench.regress.measured import Measured
from benchmarks import agreement, lease, steps
from benchmarks.agreement import Check, cells, told_checks
from benchmarks.carrying import pack
from benchmarks.command import main
from benchmarks.data import FULL
from benchmarks.steps import untrained
from destseg.config import ModelConfig

CELL = Cell("DeSTSeg", "none", "carpet", 0)


def measured(images="one", **values):
    return Measured("miniature", {"carpet": images}, ("paper",), {}, {CELL: values})


BASELINE = Baseline(
    "smoke", "", "records", measured(pixel_ap=0.5, pro=0.8), {}, {}, Tolerance({"pro": 0.01})
)


def test_a_cell_is_held_to_the_gates_tolerance():
    (found,) = cells(BASELINE, measured(pixel_ap=0.5005, pro=0.78))
    assert found.passed, "three times the spread is allowed"
    assert found.name.startswith("pro of DeSTSeg none")
    (found,) = cells(BASELINE, measured(pixel_ap=0.502, pro=0.8))
    assert not found.passed


@pytest.mark.parametrize(
    "now",
    [
        measured(pixel_ap=0.5),
        measured(pixel_ap=None, pro=0.8),
        measured("other", pixel_ap=0.5, pro=0.8),
        dataclasses.replace(BASELINE.measured, cells={}),
    ],
)
def test_what_is_missing_is_never_a_pass(now):
    assert not all(each.passed for each in cells(BASELINE, now))


def test_no_number_is_no_pass():
    assert not Check("loss", float("nan"), 1.0).passed
    assert "**fail**" in told_checks([Check("loss", float("nan"), 1.0)])


def test_a_device_agrees_with_itself_and_not_with_another_network(monkeypatch, threads):
    torch.set_num_threads(1)
    small = ModelConfig(4, 4, (1, 2))
    same = [*agreement._features(small, 64, "cpu"), *agreement._losses(small, 64, "cpu")]
    assert len(same) == 9
    assert all(each.deviation == 0 for each in same)
    seeds = iter((0, 1, 0, 0, 1, 1))
    monkeypatch.setattr(agreement, "untrained", lambda config: untrained(config, next(seeds)))
    other = [*agreement._features(small, 64, "cpu"), *agreement._losses(small, 64, "cpu")]
    assert not any(each.passed for each in other)


def test_batches_of_a_device_are_held_to_every_bit(monkeypatch, threads):
    assert agreement._batches(64, "cpu", FULL).passed
    drawn, one = steps.several_batches, iter((False, True))

    def off_by_a_bit(*sizes):
        batches = drawn(*sizes)
        batches[-1].mask[0, 0, 0, 0] += 1e-7 if next(one) else 0
        return batches

    monkeypatch.setattr(agreement, "several_batches", off_by_a_bit)
    assert not agreement._batches(64, "cpu", FULL).passed


def test_another_training_is_told(monkeypatch, threads):
    torch.set_num_threads(1)
    small = ModelConfig(4, 4, (1, 2))
    assert agreement._again(small, 64, "cpu").passed
    seeds = iter((0, 0, 1))
    monkeypatch.setattr(agreement, "untrained", lambda config: untrained(config, next(seeds)))
    assert not agreement._again(small, 64, "cpu").passed


def test_what_is_too_large_stays_and_the_records_go(tmp_path):
    results, out = tmp_path / "results", tmp_path / "out"
    out.mkdir()
    for name, size in {
        "runs/aa/aa1/record.json": 10,
        "runs/aa/aa1/weights.pt": 200_000,
        "runs/bb/bb1/record.json": 10,
        "runs/bb/bb1/maps.npy": 50_000,
        "runs/cc/cc1/maps.npy": 60_000,
        "bottle/cells.csv": 5_000,
    }.items():
        path = results / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(size))
    carried = pack(results, out, volume=80_000, volumes=2)
    assert [path.name for path in carried.left_out] == ["weights.pt"]
    assert all(path.stat().st_size <= 80_000 for path in carried.archives)
    home = tmp_path / "home"
    for path in carried.archives:
        with tarfile.open(path) as archive:
            archive.extractall(home, filter="data")
    found = {str(path.relative_to(home)) for path in home.rglob("*") if path.is_file()}
    assert found == {
        "runs/aa/aa1/record.json",
        "runs/bb/bb1/record.json",
        "runs/bb/bb1/maps.npy",
        "runs/cc/cc1/maps.npy",
        "bottle/cells.csv",
    }


def test_a_command_is_asked_twice_to_end_and_may_then_take_its_time():
    # As a run does: the first signal asks to finish, the second to stop, then come tables.
    code = (
        "import signal, time, sys\n"
        "seen = []\n"
        "signal.signal(signal.SIGTERM, lambda *_: seen.append(1))\n"
        "while len(seen) < 2: time.sleep(0.01)\n"
        "signal.signal(signal.SIGTERM, signal.SIG_DFL)\n"
        "time.sleep(0.5)\n"
        "sys.exit(7)\n"
    )
    assert lease.run_for([sys.executable, "-c", code], 0.5) == 7


def test_a_command_that_does_not_end_is_killed(monkeypatch):
    monkeypatch.setattr(lease, "CLOSING", lease.RESERVE + 0.2)
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
    start = time.monotonic()
    with pytest.raises(subprocess.TimeoutExpired):
        lease.run_for([sys.executable, "-c", code], 0.5)
    assert time.monotonic() - start < 30, "long before its own end"


def test_a_command_that_ends_is_not_ended():
    assert lease.run_for([sys.executable, "-c", "raise SystemExit(3)"], 60) == 3


def test_without_data_it_says_what_is_missing(tmp_path, capsys):
    assert main(["lease", "--device", "cpu", "--out", str(tmp_path), "--data", "d"]) == 2
    assert "--textures, --teacher: needed" in capsys.readouterr().err


def test_what_fails_leaves_the_time_to_the_rest(tmp_path, capsys):
    page = lease._Page(tmp_path / "lease.md")

    def broken():
        raise RuntimeError("no such kernel")

    assert not page.attempt(broken)
    assert page.attempt(lambda: True)
    assert "broken: RuntimeError: no such kernel" in (tmp_path / "lease.md").read_text()


@pytest.mark.slow
def test_the_whole_way_on_the_smallest_sizes(tmp_path, capfd):
    out = tmp_path / "out"
    command = ["lease", "--device", "cpu", "--smoke", "--out", str(out)]
    assert main([*command, "--work", str(tmp_path / "work")]) == 0
    page = (out / "lease.md").read_text()
    assert "| pass |" in page
    assert "**fail**" not in page
    assert "the grid is finished" in page
    assert "| none " in page
    assert sorted(path.name for path in out.iterdir()) == [
        "benchmark.json",
        "carried-1.tar",
        "lease.md",
    ]
