"""The whole road, from the command line to the tables, on a tiny grid."""

import csv
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from itertools import product
from pathlib import Path

import pytest

from bench.cli import main
from bench.experiment.grid import Cell
from bench.methods.destseg.variants import ABLATION, VARIANTS
from bench.metrics import METRICS
from bench.store.runs import RunStore
from tests.conftest import leave_undrawn

pytestmark = pytest.mark.usefixtures("undrawn")

ROOT = Path(__file__).parents[2]
IDENTITY = ("dataset", "method", "category", "variant", "den", "ed", "seg", "seed")
NUMBERS = tuple(metric.key for metric in METRICS)
CELLS = 2 * 8 * 2
PART = ("--category", "tile", "--variant", "none", "--variant", "seg", "--variant", "den+ed+seg")
PART_CELLS = 3 * 2
PART_STAGES = 10 * 2
"""Of each seed two students, two nets beside them, three times maps and evaluations."""
DEADLINE = 300


@pytest.fixture(scope="module")
def whole(tmp_path_factory, tiny_path, shared_cache):
    """The results of the whole grid, run by one process."""
    results = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DESTSEG_BENCH_CACHE", str(shared_cache))
        leave_undrawn(patch)
        assert main(["reproduce", str(tiny_path), "--results", str(results), "--in-process"]) == 0
    return results


def rows(results):
    with (results / "tiny" / "cells.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def numbers(results):
    """The metric columns as they stand in the file, byte for byte, by cell."""
    return {
        tuple(row[name] for name in ("category", "variant", "seed")): tuple(
            row[name] for name in NUMBERS
        )
        for row in rows(results)
    }


def command(tiny_path, results, *options):
    words = ["reproduce", str(tiny_path), "--results", str(results), *options]
    return [sys.executable, "-m", "bench", *words]


def records(results):
    return {path: path.stat().st_mtime_ns for path in results.rglob("record.json")}


def test_cells_have_the_specified_columns_and_every_digit(whole):
    found = rows(whole)
    assert tuple(found[0])[: len(IDENTITY) + len(NUMBERS)] == (*IDENTITY, *NUMBERS)
    assert len(tuple(found[0])) > len(IDENTITY) + len(NUMBERS), "provenance follows"
    assert [(row["seed"], row["category"], row["variant"]) for row in found] == [
        *product(("0", "1"), ("bottle", "tile"), ABLATION)
    ]
    assert len(set(numbers(whole).values())) == len(found) == CELLS, "all are really different"
    values = [row[name] for row in found for name in NUMBERS]
    assert all(0 <= float(value) <= 1 for value in values)
    assert all(repr(float(value)) == value for value in values), "as short as exact, no rounding"
    assert sum(len(value) >= 11 for value in values) > len(values) / 2, "9 digits and more"
    for row in found:
        variant = VARIANTS[row["variant"]]
        for flag in ("den", "ed", "seg"):
            assert row[flag] == str(getattr(variant, flag))
        assert row["method"] == "DeSTSeg"
        assert "miniature" in row["dataset"]


def test_the_table_says_what_the_cells_say(whole):
    """Mean over categories, then over seeds, recomputed from the file by hand."""
    found = numbers(whole)
    column = NUMBERS.index("pixel_ap")
    values = [
        float(found[category, "den+ed", seed][column])
        for category in ("bottle", "tile")
        for seed in ("0", "1")
    ]
    text = (whole / "tiny" / "tables" / "ablation.md").read_text(encoding="utf-8")
    (line,) = (line for line in text.splitlines() if re.match(r"\| *den\+ed +\|", line))
    assert f"{25 * sum(values):.1f} ±" in line


def assert_ends_with_the_table(out):
    *_, table, where = out.rstrip().split("\n\n")
    assert table.splitlines()[-1].startswith("den+ed+seg")
    assert where.endswith("cells.csv, tables, figures and report.html.")


def test_running_again_computes_nothing(whole, tiny_path, capsys, caplog, monkeypatch):
    edited = "bench.workflows.reproduction.edited_methods"
    monkeypatch.setattr(edited, lambda stages, find: (f"{len(stages)} stages",))
    before, cells = records(whole), numbers(whole)
    assert main(["reproduce", str(tiny_path), "--results", str(whole), "--in-process"]) == 0
    out = capsys.readouterr().out
    assert f"0 cells computed; {CELLS} were there." in out
    assert "note: 96 stages" in caplog.text, "of methods that were edited"
    assert_ends_with_the_table(out)
    assert records(whole) == before
    assert numbers(whole) == cells


def test_lost_maps_of_figures_are_computed_again_and_the_run_leaves_nothing_missing(
    whole, tiny_path, tmp_path, capsys
):
    results = shutil.copytree(whole, tmp_path / "results")
    store = RunStore(results / "runs")
    keys = {
        Cell(*(row[name] for name in ("method", "variant", "category", "seed"))): row["key"]
        for row in rows(results)
    }
    damaged = store.get(keys[Cell("DeSTSeg", "den+ed+seg", "bottle", "0")])
    path = store.folder(damaged.parents[0]) / "maps.npy"
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    gone = store.get(keys[Cell("DeSTSeg", "none", "tile", "0")])
    store.remove(gone.parents[0])
    # No figure shows these.
    other = store.get(keys[Cell("DeSTSeg", "none", "tile", "1")])
    store.remove(other.parents[0])
    arguments = [str(tiny_path), "--results", str(results)]
    assert main(["reproduce", *arguments, "--in-process"]) == 0
    assert f"2 cells computed; {CELLS - 2} were there" in capsys.readouterr().out
    assert path.read_bytes() == content
    assert store.get(gone.parents[0]) is not None
    assert store.get(other.parents[0]) is None
    assert numbers(results) == numbers(whole)
    assert store.get(damaged.key) is not None
    assert main(["reproduce", *arguments, "--in-process"]) == 0
    assert f"0 cells computed; {CELLS} were there" in capsys.readouterr().out


def test_other_results_that_cannot_be_joined_are_refused_before_the_run(
    write_tiny, tmp_path, capsys
):
    path = write_tiny({'title = "tiny"': 'title = "tiny"\ninclude = ["score-mine"]'})
    results = tmp_path / "results"
    assert main(["reproduce", str(path), "--results", str(results), "--in-process"]) == 2
    assert "score-mine: no results" in capsys.readouterr().err
    assert not records(results)


@pytest.mark.parametrize(
    ("options", "variants", "count"),
    [
        ("--seed 1 --category tile --variant den+seg --variant none --variant den",
         ["none", "den", "den+seg"], 3),
        ("--seed 1 --seed 0 --category tile --category bottle --variant den+ed+seg",
         ["den+ed+seg"], 4),
    ],
)  # fmt: skip
def test_a_part_in_any_order_has_the_numbers_of_the_whole(
    whole, tiny_path, tmp_path, options, variants, count
):
    where = ["--results", str(tmp_path), "--in-process"]
    assert main(["reproduce", str(tiny_path), *options.split(), *where]) == 0
    part = numbers(tmp_path)
    assert list(dict.fromkeys(variant for _, variant, _ in part)) == variants
    assert len(part) == count
    assert part == {key: numbers(whole)[key] for key in part}


@pytest.mark.parametrize(
    "workers",
    [("--in-process",), pytest.param(("--jobs", "2"), marks=pytest.mark.slow)],
    ids=" ".join,
)
def test_killed_in_the_middle_and_run_again_it_ends_with_the_same_numbers(
    whole, tiny_path, tmp_path, capsys, workers
):
    """One process made the whole; another, or two workers of it, begin and die on the way."""
    with subprocess.Popen(
        command(tiny_path, tmp_path, *PART, *workers),
        cwd=ROOT,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        deadline = time.monotonic() + DEADLINE
        while len(records(tmp_path)) < PART_STAGES // 4:
            assert process.poll() is None, "it ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    survived = records(tmp_path)
    assert len(survived) < PART_STAGES, "nothing was left to do"

    words = ["reproduce", str(tiny_path), *PART, "--results", str(tmp_path), "--in-process"]
    assert main(words) == 0
    found = numbers(tmp_path)
    assert len(found) == PART_CELLS
    assert found == {key: numbers(whole)[key] for key in found}
    after = records(tmp_path)
    assert len(after) == PART_STAGES
    assert {path: after[path] for path in survived} == survived, "what was there ran again"
    out, err = capsys.readouterr()
    assert_ends_with_the_table(out)
    assert "seed 0 is complete" in out
    assert re.search(rf"tiny: 100%.* {PART_CELLS}/{PART_CELLS} \[.*cell.*\]\n", err)
    assert "\r" not in err


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2, 3])
def test_the_number_of_workers_changes_no_number(whole, tiny_path, tmp_path, jobs):
    arguments = command(tiny_path, tmp_path, "--jobs", str(jobs))
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, timeout=DEADLINE)
    assert done.returncode == 0, done.stderr
    assert numbers(tmp_path) == numbers(whole)
    assert list(numbers(tmp_path)) == list(numbers(whole))
