import re

import pytest

from bench.inspection.acceptance import accept, acceptable
from bench.inspection.census import take_census
from bench.inspection.explaining import described, explain, find_cell
from bench.store.runs import Failure
from destseg.errors import InputError
from tests.inspection.inspected import fill, of_kind


def told(laid, store, words=("tile", "den+ed+seg", "1")):
    """The lines on each stage, by kind."""
    cell = find_cell(words, laid.evaluations)
    found = explain(cell, take_census(laid, store))
    return {one.stage.kind: described(one, store) for one in found}


@pytest.mark.parametrize(
    "words",
    [
        ["bottle den+ed seed 1"],
        ["bottle", "den+ed", "1"],
        ["bottle", "den+ed", "seed", "1"],
        ["bottle den+ed 1"],
    ],
    ids=" | ".join,
)
def test_a_cell_is_named_as_it_is_printed_or_in_words(lay, words):
    assert str(find_cell(words, lay().evaluations)) == "bottle den+ed seed 1"


@pytest.mark.parametrize(
    ("words", "near"),
    [
        (["botle", "den+ed", "1"], "'bottle den+ed seed 1'"),
        (["tile den+ed+sag seed 0"], "'tile den+ed+seg seed 0'"),
        (["tile", "den+ed", "7"], "'tile den+ed seed"),
        (["tile"], "CATEGORY VARIANT SEED"),
        ([], "such as 'bottle none seed 0'"),
    ],
)
def test_another_cell_is_refused_with_near_ones(lay, words, near):
    with pytest.raises(InputError, match=re.escape(near)):
        find_cell(words, lay().evaluations)


def test_what_is_done_has_a_record_a_date_and_a_duration(filled, store):
    lines = told(filled, store)
    assert list(lines) == ["student", "segmentation", "maps", "evaluation"]
    for head, made in lines.values():
        assert head.endswith(": done")
        assert re.search(r"record\.json, 2026-01-01T00:00:00\+00:00, \d+ s$", made)


def test_a_changed_setting_is_named_where_it_is(filled, store, lay):
    lines = told(lay(gamma=2.0), store)
    assert lines["student"][0] == "student: done"
    assert lines["segmentation"][0] == "segmentation: stale"
    assert lines["segmentation"][2:] == ["  parameters.gamma: 4.0 -> 2.0"]
    assert lines["maps"][2:] == ["  parents: the segmentation is another, see there"]
    assert lines["evaluation"][2:] == ["  parents: the maps is another, see there"]


def test_what_was_never_computed_says_so(lay, store):
    for head, why in told(lay(), store).values():
        assert head.endswith(": missing")
        assert why.startswith("never computed")


def test_failures_and_damage_are_told(filled, store):
    segmentation = of_kind(filled, "segmentation")[-1]
    evaluation = filled.evaluations[find_cell(("tile", "den+ed+seg", "1"), filled.evaluations)]
    for key in (segmentation.key, evaluation.parents[0].key):
        store.discard(key)
    (store.folder(evaluation.key) / "record.json").write_text("{}")
    store.fail(
        Failure(segmentation.key, "segmentation", "tile", 1, "diverged", "loss", attempts=2)
    )
    lines = told(filled, store)
    assert lines["segmentation"][0] == "segmentation: failed"
    assert lines["segmentation"][1].startswith("diverged: loss (2 attempts, 20")
    assert lines["evaluation"][0] == "evaluation: damaged"
    assert "the record is not whole" in lines["evaluation"][1]


def test_what_was_accepted_says_why(store, lay, of_code):
    of_code(lambda: fill(store, lay().stages.values()), student=1)
    accept(acceptable(take_census(lay(), store)), store, "as before")
    assert told(lay(), store)["student"][-1].endswith(": as before")
