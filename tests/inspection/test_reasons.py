import dataclasses

import pytest

from bench.data.categories import CategoryRef
from bench.inspection.catalogue import read_catalogue
from bench.inspection.reasons import own_differences, reason, same_but_code
from bench.planning.stages import Stage
from tests.inspection.inspected import INPUTS, fill, of_kind, record_of


def said(laid, store, kind):
    """The reasons of all stages of a kind, each once."""
    catalogue = read_catalogue(store)
    return {worded(reason(stage, catalogue)) for stage in of_kind(laid, kind)}


def worded(found):
    parents = [f"parents: the {kind} is another" for kind in found.parents]
    return "; ".join([*map(str, found.own), *parents])


def test_a_setting_is_the_reason_of_its_stage_and_a_parent_of_the_rest(filled, store, lay):
    laid = lay(student_lr=0.7)
    assert said(laid, store, "student") == {"parameters.lr: 0.2 -> 0.7"}
    assert said(laid, store, "segmentation") == {"parents: the student is another"}
    assert said(laid, store, "maps") == {
        "parents: the student is another",
        "parents: the student is another; parents: the segmentation is another",
    }
    assert said(laid, store, "evaluation") == {"parents: the maps is another"}


def test_a_version_of_code_is_a_reason(store, lay, of_code):
    of_code(lambda: fill(store, lay().stages.values()), segmentation=1)
    assert said(lay(), store, "segmentation") == {"code: 1 -> 2"}


def test_another_dataset_is_a_reason(filled, store, lay):
    images = {
        name: CategoryRef(name, ref.path, "others", 1, 1) for name, ref in INPUTS.categories.items()
    }
    laid = lay(inputs=dataclasses.replace(INPUTS, categories=images))
    (text,) = {
        worded(reason(stage, read_catalogue(store)))
        for stage in of_kind(laid, "student")
        if stage.category == "tile"
    }
    assert text == "images digest: images of ti -> others (the dataset changed)"


def test_nested_and_absent_parameters_are_named(filled, lay):
    stage = of_kind(filled, "student")[0]
    changed = {
        **stage.parameters,
        "anomalies": {**stage.parameters["anomalies"], "threshold": 0.9},
    }
    del changed["rotation"]
    found = own_differences(record_of(stage, parameters=changed), stage)
    assert [str(one) for one in found] == [
        "parameters.anomalies.threshold: 0.9 -> 0.5",
        "parameters.rotation: absent -> paper",
        "schema: another form of keys -> the present one",
    ]


def test_of_several_records_the_nearest_and_then_the_newest(store, lay):
    for lr, momentum, started in ((0.5, 0.5, "3"), (0.6, 0.9, "1"), (0.7, 0.9, "2")):
        fill(
            store,
            lay(student_lr=lr, momentum=momentum).stages.values(),
            provenance={"started": started},
        )
    (found,) = said(lay(), store, "student")
    assert found == "parameters.lr: 0.7 -> 0.2"


def test_what_was_never_computed_has_no_reason(store, lay):
    catalogue = read_catalogue(store)
    assert {reason(stage, catalogue) for stage in of_kind(lay(), "student")} == {None}


def scored(maps, *inner):
    """The evaluation of a method whose maps are made of these kinds of stages."""
    parents = tuple(Stage(kind, 1, {}, category="tile", seed=0) for kind in inner)
    made = Stage(maps, 1, {}, parents, category="tile", seed=0)
    return Stage("evaluation", 1, {}, (made,), category="tile", seed=0)


def test_records_of_another_method_are_no_reason(store):
    fill(store, scored("one.maps", "one.bank").lineage())
    other = scored("other.maps", "other.codes", "other.upsampling", "other.segmentation")
    assert reason(other, read_catalogue(store)) is None


@pytest.mark.parametrize("inner", [["own.bank", "own.scale"], ["own.scale"], []])
def test_a_parent_more_or_less_is_another(store, inner):
    """As where the author of a method lets its maps read more than before."""
    fill(store, scored("own.maps", "own.bank").lineage())
    planned, catalogue = scored("own.maps", *inner), read_catalogue(store)
    assert worded(reason(planned, catalogue)) == "parents: the own.maps is another"
    if len(inner) > 1:
        found = reason(planned.parents[0], catalogue)
        assert worded(found) == "parents: the own.scale is another"


@pytest.mark.parametrize(
    ("change", "alike"), [({}, True), ({"student_lr": 0.7}, False), ({"gamma": 2.0}, False)]
)
def test_only_code_may_differ(store, lay, of_code, change, alike):
    old = of_code(lambda: lay(**change), student=1)
    of_code(lambda: fill(store, old.stages.values()), student=1)
    catalogue = read_catalogue(store)
    cell, stage = list(lay().evaluations.items())[2]
    assert cell.variant == "den+ed+seg"
    record = catalogue.records[old.evaluations[cell].key]
    assert same_but_code(record, stage, catalogue) is alike
    assert not same_but_code(record, stage.parents[0], catalogue)


def test_an_ancestor_that_is_gone_may_differ_by_anything(store, lay, of_code):
    old = of_code(lambda: lay(), student=1)
    of_code(lambda: fill(store, old.stages.values()), student=1)
    cell, stage = next(iter(lay().evaluations.items()))
    record = read_catalogue(store).records[old.evaluations[cell].key]
    store.remove(old.evaluations[cell].parents[0].parents[0].key)
    assert not same_but_code(record, stage, read_catalogue(store))
