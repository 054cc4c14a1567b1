import dataclasses
import shutil

import pytest

from bench.planning.inputs import Sources
from bench.results.files import read_results, write_heading
from bench.results.gathering import gather, stage_failures
from bench.store.runs import Failure, RunStore
from destseg.errors import InputError


@pytest.fixture
def results(tmp_path, filled, findings):
    shutil.copytree(filled.root, tmp_path / "runs")
    (tmp_path / "tiny").mkdir()
    findings.evidence.cells.to_csv(tmp_path / "tiny" / "cells.csv", index=False)
    write_heading(tmp_path / "tiny", findings.evidence.heading)
    return tmp_path


@pytest.fixture
def asked(tiny, tiny_grid):
    grid = dataclasses.replace(tiny.grid, variants=tiny_grid.variants)
    return dataclasses.replace(tiny, grid=grid)


def test_records_come_first(results, asked, findings, shared_cache):
    (results / "tiny" / "cells.csv").unlink()
    found = gather(asked, Sources(None, None, shared_cache), results, results / "tiny")
    assert found.plan is not None
    assert found.evidence.cells.equals(findings.evidence.cells)
    assert found.evidence.heading == findings.evidence.heading
    assert found.failures == ()


def test_without_inputs_the_table_of_cells_is_read(results, asked, findings, tmp_path):
    found = gather(asked, Sources(None, None, tmp_path / "empty"), results, results / "tiny")
    assert found.plan is None
    columns = ["category", "variant", "seed", "iap", "image_auroc", "key", "protocol"]
    assert found.evidence.cells[columns].equals(findings.evidence.cells[columns])
    assert found.evidence.heading == findings.evidence.heading
    assert found.evidence.images == {}
    assert found.failures == ()
    assert not (tmp_path / "empty").exists()


def test_the_teacher_is_not_needed_for_the_gallery(results, asked, shared_cache):
    elsewhere = dataclasses.replace(asked, teacher="nowhere.pth")
    found = gather(elsewhere, Sources(None, None, shared_cache), results, results / "tiny")
    assert found.plan is None
    assert set(found.evidence.images) == {"bottle", "tile"}
    assert found.evidence.maps("bottle", "none", 0) is not None


def test_other_images_are_not_shown_beside_the_maps(results, asked, shared_cache):
    table = results / "tiny" / "cells.csv"
    cells, _ = read_results(results / "tiny")
    cells.loc[cells["category"] == "tile", "images"] = "another digest"
    cells.to_csv(table, index=False)
    elsewhere = dataclasses.replace(asked, teacher="nowhere.pth")
    found = gather(elsewhere, Sources(None, None, shared_cache), results, results / "tiny")
    assert set(found.evidence.images) == {"bottle"}


def test_a_part_of_the_grid_can_be_asked_for(results, asked, tmp_path):
    part = dataclasses.replace(asked, grid=dataclasses.replace(asked.grid, seeds=(1,)))
    found = gather(part, Sources(None, None, tmp_path / "empty"), results, results / "tiny")
    assert set(found.evidence.cells["seed"]) == {1}
    none = dataclasses.replace(asked, grid=dataclasses.replace(asked.grid, seeds=(9,)))
    with pytest.raises(InputError, match="none of its cells"):
        gather(none, Sources(None, None, tmp_path / "empty"), results, results / "tiny")


def test_nothing_finished_is_said(asked, tmp_path, shared_cache):
    with pytest.raises(InputError, match=r"tiny: there is no finished cell .* reproduce"):
        gather(asked, Sources(None, None, shared_cache), tmp_path, tmp_path / "tiny")


def test_failures_are_those_of_the_plan_and_told_once(findings, tmp_path):
    store = RunStore(tmp_path)
    shared = next(iter(findings.plan.tasks))
    note = Failure(shared, "student", "bottle", 0, "raised", "boom", ("a", "b"))
    store.fail(note)
    store.fail(dataclasses.replace(note, key="0" * 64))
    (failure,) = stage_failures(findings.plan, store)
    assert (failure.kind, failure.category, failure.seed) == ("student", "bottle", "0")
    assert (failure.message, failure.trace) == ("boom", "a\nb")
    (store.folder(shared) / "failure.json").write_text("{")
    assert stage_failures(findings.plan, store) == ()
