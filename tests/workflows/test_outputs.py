import csv
import dataclasses

import pytest

from bench.experiment.grid import Cell
from bench.metrics import METRICS
from bench.presentation.tables import build_table
from bench.results.costs import Cost
from bench.results.files import read_results, write_results
from bench.store.runs import RunStore
from bench.workflows.outputs import Outputs

COST = Cost("k", "c", "cpu", 1, 2, 3.5, 4.25, 0.0, 5.0, 0.125, 6)


@pytest.fixture
def outputs(tiny, tiny_plan, filled, tmp_path):
    return Outputs(
        laid=tiny_plan(tiny),
        store=filled,
        folder=tmp_path / "tiny",
        command="python -m bench reproduce tiny.toml",
        device="cpu",
    )


def changed(outputs, **changes):
    """The outputs of the experiment with some of its values replaced."""
    experiment = dataclasses.replace(outputs.laid.experiment, **changes)
    return dataclasses.replace(
        outputs, laid=dataclasses.replace(outputs.laid, experiment=experiment)
    )


def without(outputs, cells, tmp_path):
    """The outputs with some cells' evaluations removed."""
    store = RunStore(tmp_path / "copy")
    for cell, stage in outputs.laid.plan.evaluations.items():
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
    table, _ = outputs.write()
    assert len(rows(outputs.folder)) == 8
    tables = {path.name for path in (outputs.folder / "tables").iterdir()}
    assert tables == {
        f"{name}.{suffix}"
        for name in outputs.laid.experiment.tables
        for suffix in ("md", "csv", "tex")
    }
    shown = [metric.key for metric in METRICS if metric.ablation]
    figures = {path.name for path in (outputs.folder / "figures").iterdir()}
    assert figures == {
        f"{name}.{suffix}"
        for name in (
            *(f"{kind}_{m}" for kind in ("ablation", "seeds", "heatmap") for m in shown),
            *("curves", "examples", "missed", "false_alarms"),
        )
        for suffix in ("png", "svg", "pdf")
    }
    page = (outputs.folder / "report.html").read_text(encoding="utf-8")
    assert outputs.command in page
    assert "2 + 3 steps of 4 images" in page
    text = " ".join(table.text().split())
    assert "2 seeds" in text
    assert "not on MVTec AD" in text
    foot = (outputs.folder / "tables" / "ablation.md").read_text()
    assert "(paper)" not in foot
    for part in ("2 + 3 steps of 4 images", "teacher", "date: heading.json"):
        assert part in foot
    heading = (outputs.folder / "heading.json").read_text()
    for part in (outputs.command, "Commit:", "Machine:", "Date:"):
        assert part in heading
        assert part not in foot


@pytest.mark.usefixtures("undrawn")
def test_what_is_written_makes_the_tables_again(outputs):
    outputs.write()
    results = read_results(outputs.folder)
    assert not results.paper_setting
    for name in outputs.laid.experiment.tables:
        written = (outputs.folder / "tables" / f"{name}.csv").read_text("utf-8")
        assert build_table(name, results).csv() == written


def test_the_seeds_so_far_have_tables_but_no_figures(outputs):
    table, _ = outputs.write(seeds=(1,))
    assert {row["seed"] for row in rows(outputs.folder)} == {"1"}
    assert "1 seed (1)" in " ".join(table.text().split())
    assert not (outputs.folder / "figures").exists()
    assert not (outputs.folder / "report.html").exists()


def test_what_is_known_is_not_drawn_again(outputs, undrawn, monkeypatch):
    reported = []
    monkeypatch.setattr(
        "bench.workflows.reporting.write_report", lambda *given: reported.append(given)
    )
    outputs.write()
    outputs.write()
    assert undrawn == [outputs.command]
    # As in a clone, where the page is not: the figures are, and another Matplotlib draws others.
    (outputs.folder / "report.html").unlink()
    outputs.write()
    assert len(undrawn) == len(reported) == 1
    # A table that is new, or says something else than the last time.
    changed(outputs, tables=(*outputs.laid.experiment.tables, "loss")).write()
    assert len(undrawn) == 2


def test_costs_are_measured_where_they_are_shown(outputs, monkeypatch):
    monkeypatch.setattr("bench.workflows.reporting.write_all", lambda *_: None)
    asked = []
    first = next(iter(outputs.laid.plan.evaluations.values()))
    cost = dataclasses.replace(COST, cell=first.key)

    def costs_of(_laid, variants, _store, known, device):
        asked.append((dict(variants), dict(known), device))
        return {"DeSTSeg": cost}

    monkeypatch.setattr("bench.workflows.costing.costs_of", costs_of)
    outputs.write()
    assert not asked
    shown = changed(outputs, tables=("ablation", "costs"))
    monkeypatch.setattr("bench.workflows.outputs.write_tables", lambda *_: None)
    shown.write(seeds=(1,))
    assert not asked, "a run that goes on is not the time"
    dataclasses.replace(shown, device="workers of tcp://host:1").write()
    assert not asked, "nor are machines elsewhere the place"
    shown.write()
    assert asked == [({"DeSTSeg": "den+ed+seg"}, {}, "cpu")]
    assert read_results(outputs.folder).costs == {"DeSTSeg": cost}
    shown.write()
    assert asked[1] == ({"DeSTSeg": "den+ed+seg"}, {"DeSTSeg": cost}, "cpu")


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_another_run_of_the_same_numbers_changes_no_file(outputs, undrawn, tmp_path):
    outputs.write()
    before = contents(outputs.folder)
    store = RunStore(tmp_path / "copy")
    for record in outputs.store.records():
        later = {**record.provenance, "started": "2031-01-01", "commit": "f" * 40}
        content = outputs.store.artifact(record) if record.artifact else None
        store.put(dataclasses.replace(record, provenance=later, seconds=9.0), content)
    dataclasses.replace(outputs, store=store, command="another", device="another").write()
    assert contents(outputs.folder) == before


def test_cells_of_another_device_are_told_in_the_heading(outputs, monkeypatch):
    assert "Cells by device" not in str(outputs.finished((0,)).results.provenance)
    monkeypatch.setattr("bench.workflows.outputs.device_name", lambda _: "a GPU")
    monkeypatch.setattr("bench.common.provenance.device_name", lambda _: "a GPU")
    assert "Cells by device: cpu (4)" in outputs.finished((0,)).results.provenance


def test_a_part_leaves_the_whole_as_it_is(outputs, undrawn, tmp_path, capsys):
    outputs.write()
    before = contents(outputs.folder)
    for seeds in ((0,), (1,)):
        outputs.write(seeds=seeds)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["tiny"]
    lost = [cell for cell in outputs.laid.plan.evaluations if cell.category == "tile"]
    partial = without(outputs, lost, tmp_path)
    table, place = partial.write()
    assert "INCOMPLETE" in table.text()
    assert place == tmp_path / "tiny-part"
    assert contents(outputs.folder) == before
    assert {row["category"] for row in rows(tmp_path / "tiny-part")} == {"bottle"}
    assert f"{outputs.folder}: holds 24 numbers that these results lack" in capsys.readouterr().err


def test_a_seed_is_complete_when_all_its_cells_are(outputs, tmp_path):
    assert outputs.complete_seeds() == (0, 1)
    lost = [Cell("DeSTSeg", "none", "tile", 0)]
    partial = without(outputs, lost, tmp_path)
    assert partial.complete_seeds() == (1,)
    partial.write(seeds=(0, 1))
    assert len(rows(partial.folder)) == 7


@pytest.mark.usefixtures("page_alone")
def test_without_any_cell_the_tables_say_so(outputs, tmp_path):
    empty = without(outputs, list(outputs.laid.plan.evaluations), tmp_path)
    assert empty.complete_seeds() == ()
    table, _ = empty.write()
    assert "none of 8 cells are finished" in table.text()
    assert rows(empty.folder) == []


@pytest.mark.usefixtures("page_alone")
def test_other_results_stand_in_tables_and_report_and_not_among_the_cells(outputs):
    ours = outputs.finished((0, 1)).results
    cells = ours.cells[ours.cells["variant"] == "none"].assign(method="Mine", variant="")
    mine = dataclasses.replace(ours, cells=cells, experiment="score-Mine", variants={"Mine": ("",)})
    write_results(outputs.folder.parent / "score-Mine", mine)
    table, _ = changed(outputs, include=("score-Mine",), tables=("main", "ablation")).write()
    assert table.formatted["Method"].tolist() == ["DeSTSeg", "Mine"]
    assert {row["method"] for row in rows(outputs.folder)} == {"DeSTSeg"}
    page = (outputs.folder / "report.html").read_text(encoding="utf-8")
    assert "2 methods (DeSTSeg, Mine), complete: all 12 cells" in page
