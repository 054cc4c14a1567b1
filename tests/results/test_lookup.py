import dataclasses
import shutil

import pandas as pd
import pytest

from bench.experiment.grid import Cell
from bench.methods import FLOORS, methods
from bench.planning.inputs import Sources
from bench.results.cells import cells_of
from bench.results.files import read_results, write_results
from bench.results.lookup import find_finished, finished_of
from bench.store.runs import Failure, RunStore
from destseg.errors import InputError


@pytest.fixture
def results(tmp_path, filled, tiny_finished):
    shutil.copytree(filled.root, tmp_path / "runs")
    write_results(tmp_path / "tiny", tiny_finished.results)
    return tmp_path


@pytest.fixture
def asked(tiny, tiny_grid):
    return dataclasses.replace(
        tiny, grid=dataclasses.replace(tiny.grid, variants=tiny_grid.methods)
    )


@pytest.fixture
def find(results, shared_cache):
    def find(experiment, cache=shared_cache):
        return find_finished(experiment, Sources(None, None, cache), results, results / "tiny")

    return find


def test_records_come_first(find, results, asked, tiny_finished):
    (results / "tiny" / "cells.csv").unlink()
    found = find(asked).results
    pd.testing.assert_frame_equal(found.cells, tiny_finished.results.cells)
    assert found.dataset == "the embedded miniature v3, 32 px"
    assert (found.standing, set(found.cells["dataset"])) == ("own", {"miniature"})


def test_cells_tell_the_device_that_computed_the_maps(find, results, asked):
    store = RunStore(results / "runs")
    for record in list(store.records()):
        if record.kind == "maps":
            on_gpu = {**record.provenance, "device": "GPU"}
            store.put(dataclasses.replace(record, provenance=on_gpu), store.artifact(record))
    assert set(find(asked).results.cells["device"]) == {"GPU"}


def test_without_inputs_the_table_of_cells_is_read(find, asked, tiny_finished, tmp_path):
    found = find(asked, tmp_path / "empty")
    read = found.results.cells.astype({"threads": int})
    pd.testing.assert_frame_equal(read, tiny_finished.results.cells, check_dtype=False)
    assert found.images == {}
    assert not (tmp_path / "empty").exists()


def test_the_teacher_is_not_needed_for_the_gallery(find, asked):
    found = find(dataclasses.replace(asked, teacher="nowhere/random.pth"))
    assert set(found.images) == {"bottle", "tile"}
    assert found.scores(Cell("DeSTSeg", "none", "bottle", 0)) is not None


def test_other_images_are_not_shown_beside_the_maps(find, results, asked):
    known = read_results(results / "tiny")
    cells = known.cells.copy()
    cells.loc[cells["category"] == "tile", "images"] = "another digest"
    write_results(results / "tiny", dataclasses.replace(known, cells=cells))
    found = find(dataclasses.replace(asked, teacher="nowhere/random.pth"))
    assert set(found.images) == {"bottle"}


def test_cells_of_other_settings_are_not_taken_for_these(find, asked):
    """Another experiment file of the same name, in another folder."""
    other = dataclasses.replace(asked, dataset=dataclasses.replace(asked.dataset, size=48))
    with pytest.raises(InputError, match=r"another setting \(dataset.size: 32 there, 48 asked for"):
        find(dataclasses.replace(other, teacher="nowhere/random.pth"))


def test_where_the_setting_is_another_the_command_of_the_run_is_given(
    find, results, asked, tmp_path
):
    known = read_results(results / "tiny")
    said = dataclasses.replace(known, provenance=("Command: reproduce tiny --teacher procedural",))
    write_results(results / "tiny", said)
    with pytest.raises(InputError, match=r"give the options .*: reproduce tiny --teacher proc"):
        find(dataclasses.replace(asked, teacher="untrained"), tmp_path / "empty")


def test_a_part_of_the_grid_can_be_asked_for(find, asked, tmp_path):
    found = find(asked.narrowed(seeds=(1,)), tmp_path / "empty")
    assert set(found.results.cells["seed"]) == {1}
    assert found.results.seeds == (1,)
    with pytest.raises(InputError, match="none of its cells"):
        find(asked.narrowed(seeds=(9,)), tmp_path / "empty")


def test_where_a_category_is_lacking_those_there_are_given_as_options(
    find, results, asked, tmp_path
):
    known = read_results(results / "tiny")
    cells = known.cells[known.cells["category"] == "tile"]
    (results / "tiny" / "cells.csv").unlink()
    write_results(results / "tiny", dataclasses.replace(known, cells=cells))
    with pytest.raises(InputError, match=r"lacks some of the categories .*: --category tile"):
        find(asked, tmp_path / "empty")
    found = find(asked.narrowed(categories=("tile",)), tmp_path / "empty")
    assert len(found.results.cells) == len(cells)


def test_floors_are_no_gap_in_files_that_were_written_without_them(find, asked, tmp_path):
    wider = dataclasses.replace(
        asked,
        grid=dataclasses.replace(
            asked.grid, variants={**asked.grid.variants, **dict.fromkeys(FLOORS, ("",))}
        ),
        configs={**asked.configs, **{name: methods()[name].config() for name in FLOORS}},
    )
    assert find(wider, tmp_path / "empty").results.variants == asked.grid.variants


def test_nothing_finished_is_said(asked, tmp_path, shared_cache):
    sources = Sources(None, None, shared_cache)
    with pytest.raises(
        InputError, match=r"tiny: there is no finished cell .* options of the run, too"
    ):
        find_finished(asked, sources, tmp_path, tmp_path / "tiny")


def test_cells_that_are_not_finished_have_no_row(tiny, tiny_plan, filled, tmp_path):
    laid, store = tiny_plan(tiny), RunStore(tmp_path)
    done = list(laid.plan.evaluations)[::2]
    for cell in done:
        store.put(filled.get(laid.plan.evaluations[cell].key))
    found = finished_of(laid, store, seeds=(1,)).results
    assert cells_of(found.cells) == [cell for cell in done if cell.seed == 1]
    assert found.expected == 4


def test_failures_are_those_of_the_plan(tiny, tiny_plan, tmp_path):
    laid, store = tiny_plan(tiny), RunStore(tmp_path)
    shared = next(iter(laid.plan.stages))
    note = Failure(shared, "student", "bottle", 0, "raised", "boom", ("a", "b"))
    store.fail(note)
    store.fail(dataclasses.replace(note, key="0" * 64))
    assert finished_of(laid, store).failures == (note,)
    (store.folder(shared) / "failure.json").write_text("{")
    assert finished_of(laid, store).failures == ()


def test_numbers_are_named_by_their_images(tiny, tiny_plan, filled):
    dataset = dataclasses.replace(tiny.dataset, kind="mvtec")
    laid = tiny_plan(tiny)
    laid = dataclasses.replace(laid, experiment=dataclasses.replace(tiny, dataset=dataset))
    found = finished_of(laid, filled).results
    assert (found.dataset, found.standing) == ("a folder of own images, 32 px", "own")
    assert set(found.cells["dataset"]) == {"folder"}
