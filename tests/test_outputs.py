import csv
import dataclasses

import numpy as np
import pytest

from bench.data.inputs import Sources, prepare_inputs
from bench.grid import Grid
from bench.outputs import Outputs
from bench.presentation.tables import TABLES
from bench.results import read_results
from bench.runner import run
from bench.stages import plan
from bench.store import RunStore
from bench.workers import InProcess

GRID = Grid(("bottle", "tile"), ("none", "den+ed+seg"), (0, 1))


@pytest.fixture(scope="module")
def filled(tmp_path_factory, tiny, tiny_inputs):
    """A store with all cells of the grid."""
    store = RunStore(tmp_path_factory.mktemp("filled"))
    laid = plan(tiny, GRID.cells(), tiny_inputs)
    run(laid, tiny, tiny_inputs, store, InProcess("cpu"))
    return store


@pytest.fixture
def outputs(tiny, tiny_inputs, filled, tmp_path):
    return Outputs(
        experiment=tiny,
        grid=GRID,
        inputs=tiny_inputs,
        plan=plan(tiny, GRID.cells(), tiny_inputs),
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
    assert len(outputs.experiment.tables) == 10
    figures = {path.name for path in (outputs.folder / "figures").iterdir()}
    assert figures == {
        f"{name}.{suffix}"
        for name in ("ablation_image_auroc", "ablation_pixel_ap", "ablation_iap", "examples")
        for suffix in ("png", "svg")
    }
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


def test_a_seed_is_complete_when_all_its_cells_are(outputs, tmp_path):
    assert outputs.complete_seeds() == (0, 1)
    lost = [cell for cell in outputs.plan.evaluations if str(cell) == "tile none seed 0"]
    partial = without(outputs, lost, tmp_path)
    assert partial.complete_seeds() == (1,)
    assert len(rows_after_write(partial)) == 7


def rows_after_write(outputs):
    outputs.write(seeds=GRID.seeds)
    return rows(outputs.folder)


def test_without_any_cell_the_tables_say_so(outputs, tmp_path):
    empty = without(outputs, list(outputs.plan.evaluations), tmp_path)
    assert empty.complete_seeds() == ()
    assert "—" in empty.write().text()
    assert rows(empty.folder) == []


def test_examples_are_of_the_full_method_and_the_first_seed(outputs):
    examples = outputs._examples()
    assert [example.category for example in examples] == ["bottle", "tile"]
    cells = {str(cell): stage for cell, stage in outputs.plan.evaluations.items()}
    native = np.load(
        outputs.store.folder(cells["tile den+ed+seg seed 0"].parents[0].key) / "maps.npy"
    )
    example = examples[1]
    assert example.mask.any(), "an anomalous image"
    assert not example.name.startswith("good/")
    assert native.min() <= example.low + 1e-6
    assert example.low <= example.anomaly_map.min()
    assert example.anomaly_map.max() <= example.high


def test_examples_have_the_size_of_the_protocol(outputs, tiny, shared_cache):
    """Masks and maps are measured at a size of their own; the image follows."""
    experiment = dataclasses.replace(tiny, protocol=dataclasses.replace(tiny.protocol, size=48))
    inputs = prepare_inputs(experiment, ("bottle", "tile"), Sources(None, None, shared_cache), 1)
    other = dataclasses.replace(
        outputs,
        experiment=experiment,
        inputs=inputs,
        plan=plan(experiment, GRID.cells(), inputs),
    )
    assert {example.image.shape for example in other._examples()} == {(48, 48, 3)}


def test_constant_maps_still_make_an_example(outputs, monkeypatch):
    shape = (outputs.inputs.categories["bottle"].test, 8, 8)
    monkeypatch.setattr("bench.outputs.stored_maps", lambda *_: np.full(shape, 0.25, np.float32))
    outputs = dataclasses.replace(outputs, plan=one_category(outputs))
    (example,) = outputs._examples()
    assert example.low < example.high


def one_category(outputs):
    cells = {c: s for c, s in outputs.plan.evaluations.items() if c.category == "bottle"}
    return dataclasses.replace(outputs.plan, evaluations=cells)


def test_damaged_maps_are_left_out_and_computed_by_the_next_run(outputs, tmp_path, tiny):
    copy = without(outputs, [], tmp_path)
    cell = next(c for c in copy.plan.evaluations if str(c) == "bottle den+ed+seg seed 0")
    stage = copy.plan.evaluations[cell]
    path = copy.store.folder(stage.parents[0].key) / "maps.npy"
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    assert [example.category for example in copy._examples()] == ["tile"]
    run(copy.plan, tiny, copy.inputs, copy.store, InProcess("cpu"))
    assert path.read_bytes() == content
    assert copy.store.get(stage.key).metrics == outputs.store.get(stage.key).metrics
    assert [example.category for example in copy._examples()] == ["bottle", "tile"]
