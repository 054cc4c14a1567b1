import csv
import os
import time

import pytest
import torch

from bench.inspection.cleaning import laid_out, leftovers, named_by_results
from bench.planning.inputs import Sources
from destseg.errors import InputError
from destseg.resnet import ResNet18
from tests.folders import write_category
from tests.inspection.inspected import of_kind


@pytest.fixture
def write_cells(tmp_path):
    """Write the cells.csv of a results folder."""

    def write(name, *keys, column="key"):
        folder = tmp_path / "results" / name
        folder.mkdir(parents=True)
        with (folder / "cells.csv").open("w", newline="") as file:
            csv.writer(file).writerows([["method", column], *(["m", key] for key in keys)])
        return folder / "cells.csv"

    return write


def test_results_name_their_cells_and_what_these_came_from(filled, store, tmp_path, write_cells):
    evaluations = of_kind(filled, "evaluation")
    write_cells("one", evaluations[0].key)
    write_cells("two", evaluations[-1].key, "f" * 64)
    wanted = {stage.key for index in (0, -1) for stage in evaluations[index].lineage()}
    assert named_by_results(tmp_path / "results", store) == wanted | {"f" * 64}


def test_results_name_what_is_left_where_a_record_is_gone(filled, store, tmp_path, write_cells):
    evaluation = of_kind(filled, "evaluation")[0]
    (maps,) = evaluation.parents
    store.remove(maps.key)
    write_cells("one", evaluation.key)
    assert named_by_results(tmp_path / "results", store) == {evaluation.key, maps.key}


def test_no_results_name_nothing(store, tmp_path):
    assert named_by_results(tmp_path / "nowhere", store) == set()


def test_cells_without_keys_end_it(store, tmp_path, write_cells):
    path = write_cells("one", "x", column="other")
    with pytest.raises(InputError, match="nobody can tell which records") as caught:
        named_by_results(tmp_path / "results", store)
    assert str(path) in str(caught.value)


def test_leftovers_are_old_and_temporary(tmp_path):
    names = ("a/.record.json.x1.part", "a/.new.part", "a/mine.part", "record.json")
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    old = time.time() - 25 * 3600
    for name in (names[0], names[2], names[3]):
        os.utime(tmp_path / name, (old, old))
    assert leftovers(tmp_path) == (tmp_path / names[0],)
    for folder in (tmp_path, tmp_path / "a"):  # of a stage that is done, and of one that is not
        (folder / "unfinished.pt").write_text("x")
        os.utime(folder / "unfinished.pt", (old, old))
    assert leftovers(tmp_path) == (tmp_path / names[0], tmp_path / "unfinished.pt")
    assert leftovers(tmp_path / "nowhere") == ()


def test_an_experiment_is_laid_out_once_for_each_kind_that_needs_no_folder(
    tiny_file, tiny_inputs, shared_cache
):
    other, laid = laid_out([tiny_file, tiny_file], Sources(None, None, shared_cache))
    assert other.experiment.dataset.kind == "development"
    assert laid.inputs == tiny_inputs
    assert len(laid.plan.evaluations) == 32


def test_it_is_laid_out_in_every_way_that_folders_and_teachers_allow(
    write_tiny, shared_cache, mvtec_folder, tmp_path
):
    # Images that no other test has had decoded.
    write_category(mvtec_folder / "bottle", (44, 36), 6, {"good": 3, "hole": 3})
    file = write_tiny({'categories = ["tile", "bottle"]': 'categories = ["bottle"]'})
    sources = Sources(mvtec_folder, mvtec_folder, shared_cache)
    found = laid_out([file], sources, "untrained")
    ways = {(each.experiment.dataset.kind, each.experiment.teacher) for each in found}
    assert len(ways) == 6
    assert len(found) == 12
    assert all(each.unprepared for each in found if each.experiment.dataset.kind == "mvtec")


def test_a_teacher_that_does_not_fit_an_experiment_is_not_its_own(
    write_tiny, weights, shared_cache, tmp_path
):
    """A file of the width that MVTec AD's experiments have is of no use to the miniature's."""
    torch.save(ResNet18(16).state_dict(), tmp_path / "wide.pth")
    narrow = write_tiny(name="narrow")
    wide = write_tiny({str(weights): "untrained", "\nwidth = 8": "\nwidth = 16"}, name="wide")
    sources, teacher = Sources(None, None, shared_cache), str(tmp_path / "wide.pth")
    with pytest.raises(InputError, match=r"conv1\.weight has shape"):
        laid_out([narrow], sources, teacher)
    found = laid_out([narrow, wide], sources, teacher)
    fitting = {each.experiment.name for each in found if each.experiment.teacher == teacher}
    assert fitting == {"wide"}
    assert {each.experiment.name for each in found} == {"narrow", "wide"}


def test_inputs_at_fault_end_it(tiny_file, shared_cache, tmp_path):
    """Or what a mistyped folder's runs need would be deleted."""
    with pytest.raises(InputError, match="nowhere"):
        laid_out([tiny_file], Sources(tmp_path / "nowhere", None, shared_cache))


def test_a_file_that_is_no_experiment_ends_it(tmp_path, shared_cache):
    (tmp_path / "bad.toml").write_text("titel = 1")
    with pytest.raises(InputError, match="titel"):
        laid_out([tmp_path / "bad.toml"], Sources(None, None, shared_cache))
