import csv
import dataclasses

import pytest

from bench.planning.stages import plan
from bench.presentation.heading import ABLATION_METRICS
from bench.presentation.tables import TABLES
from bench.results.files import read_results
from bench.running.runner import run
from bench.running.workers import InProcess
from bench.store.runs import RunStore
from bench.workflows.outputs import Outputs
from bench.workflows.reporting import mend


@pytest.fixture
def outputs(tiny, tiny_inputs, tiny_grid, filled, tmp_path):
    return Outputs(
        experiment=tiny,
        grid=tiny_grid,
        inputs=tiny_inputs,
        plan=plan(tiny, tiny_grid.cells(), tiny_inputs),
        store=filled,
        folder=tmp_path / "tiny",
        command="python -m bench reproduce tiny.toml",
        device="cpu",
    )


def without(outputs, cells, tmp_path):
    """The outputs with some cells' evaluations removed."""
    store = RunStore(tmp_path / "copy")
    for cell, stage in outputs.plan.evaluations.items():
        maps = stage.parents[0]
        record = outputs.store.get(maps.key)
        store.put(record, outputs.store.artifact(record))
        if cell not in cells:
            store.put(outputs.store.get(stage.key))
    return dataclasses.replace(outputs, store=store)


def rows(folder):
    with (folder / "cells.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_everything_is_written(outputs):
    table = outputs.write()
    assert len(rows(outputs.folder)) == 8
    tables = {path.name for path in (outputs.folder / "tables").iterdir()}
    assert tables == {
        f"{name}.{suffix}" for name in outputs.experiment.tables for suffix in ("md", "csv", "tex")
    }
    figures = {path.name for path in (outputs.folder / "figures").iterdir()}
    assert figures == {
        f"{name}.{suffix}"
        for name in (
            *(f"{kind}_{m}" for kind in ("ablation", "seeds", "heatmap") for m in ABLATION_METRICS),
            *("curves", "examples", "missed", "false_alarms"),
        )
        for suffix in ("png", "svg")
    }
    page = (outputs.folder / "report.html").read_text(encoding="utf-8")
    assert outputs.command in page
    assert "2 + 3 steps of 4 images" in page
    text = " ".join(table.text().split())
    assert "2 seeds" in text
    assert "not on MVTec AD" in text
    foot = (outputs.folder / "tables" / "ablation.md").read_text()
    for part in (outputs.command, "Commit:", "Machine:", "2 + 3 steps of 4 images", "teacher"):
        assert part in foot


def test_what_is_written_makes_the_tables_again(outputs):
    outputs.write()
    cells, heading = read_results(outputs.folder)
    assert not heading.paper_setting
    for name in outputs.experiment.tables:
        written = (outputs.folder / "tables" / f"{name}.csv").read_text("utf-8")
        assert TABLES[name](cells, heading).csv() == written


def test_the_seeds_so_far_have_tables_but_no_figures(outputs):
    table = outputs.write(seeds=(1,))
    assert {row["seed"] for row in rows(outputs.folder)} == {"1"}
    assert "1 seed (1)" in " ".join(table.text().split())
    assert not (outputs.folder / "figures").exists()
    assert not (outputs.folder / "report.html").exists()


def test_what_is_known_is_not_drawn_again(outputs, monkeypatch):
    drawn = []

    def write_all(_findings, folder, command):
        drawn.append(command)
        (folder / "figures").mkdir(exist_ok=True)
        (folder / "report.html").touch()

    monkeypatch.setattr("bench.workflows.reporting.write_all", write_all)
    outputs.write()
    outputs.write()
    assert drawn == [outputs.command]
    (outputs.folder / "report.html").unlink()
    outputs.write()
    assert len(drawn) == 2
    # A table that is new, or says something else than the last time.
    more = dataclasses.replace(outputs.experiment, tables=(*outputs.experiment.tables, "loss"))
    dataclasses.replace(outputs, experiment=more).write()
    assert len(drawn) == 3


def test_a_seed_is_complete_when_all_its_cells_are(outputs, tmp_path):
    assert outputs.complete_seeds() == (0, 1)
    lost = [cell for cell in outputs.plan.evaluations if str(cell) == "tile none seed 0"]
    partial = without(outputs, lost, tmp_path)
    assert partial.complete_seeds() == (1,)
    assert len(rows_after_write(partial)) == 7


def rows_after_write(outputs):
    outputs.write(seeds=outputs.grid.seeds)
    return rows(outputs.folder)


def test_without_any_cell_the_tables_say_so(outputs, tmp_path):
    empty = without(outputs, list(outputs.plan.evaluations), tmp_path)
    assert empty.complete_seeds() == ()
    assert "—" in empty.write().text()
    assert rows(empty.folder) == []


def test_damaged_maps_are_left_out_and_computed_by_the_next_run(outputs, tmp_path, tiny):
    copy = without(outputs, [], tmp_path)
    cell = next(c for c in copy.plan.evaluations if str(c) == "bottle den+ed+seg seed 0")
    stage = copy.plan.evaluations[cell]
    path = copy.store.folder(stage.parents[0].key) / "maps.npy"
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    mend(copy.evidence(copy.grid.seeds))
    assert copy.store.get(stage.key) is None
    assert len(copy.evidence(copy.grid.seeds).cells) == 7
    run(copy.plan, tiny, copy.inputs, copy.store, InProcess("cpu"))
    assert path.read_bytes() == content
    assert copy.store.get(stage.key).metrics == outputs.store.get(stage.key).metrics
