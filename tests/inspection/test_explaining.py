import re

import pytest

from bench.experiment.grid import Cell
from bench.inspection.acceptance import accept, acceptable
from bench.inspection.census import take_census
from bench.inspection.explaining import explained, find_cell
from bench.store.runs import Failure
from destseg.errors import InputError
from tests.inspection.inspected import fill, of_kind


def told(laid, store, words=("tile", "den+ed+seg", "1")):
    """The lines on each stage, by kind."""
    cell = find_cell(words, laid.evaluations)
    census = take_census(laid, store)
    lineage = laid.evaluations[cell].lineage()
    return {stage.kind: explained(stage, census, store) for stage in lineage}


@pytest.mark.parametrize(
    "words",
    [
        ["bottle DeSTSeg den+ed seed 1"],
        ["bottle den+ed seed 1"],
        ["bottle", "den+ed", "1"],
        ["1", "den+ed", "bottle"],
        ["den+ed 1", "seed", "bottle", "DeSTSeg"],
    ],
    ids=" | ".join,
)
def test_a_cell_is_named_as_it_is_printed_or_in_words_of_any_order(lay, words):
    cell = Cell("DeSTSeg", "den+ed", "bottle", 1)
    assert find_cell(words, lay().evaluations) == cell


def test_a_variant_is_not_needed_where_the_method_has_none():
    cells = [Cell("floor", "", "bottle", 0), Cell("DeSTSeg", "none", "bottle", 0)]
    assert find_cell(["bottle", "floor", "0"], cells) == cells[0]
    assert find_cell(["none"], cells) == cells[1]


def test_names_may_hold_spaces_and_be_numbers():
    """Whose words must then be there as often as they are given."""
    cells = [Cell("m", "", category, seed) for category in ("0", "metal nut") for seed in (0, 1)]
    assert find_cell(["0", "0"], cells) == cells[0]
    assert find_cell(["metal nut", "1"], cells) == cells[3]
    with pytest.raises(InputError, match="3 such cells"):
        find_cell(["0"], cells)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["botle", "den+ed", "1"], "no 'botle'; *'bottle DeSTSeg den+ed seed 1'"),
        (["tile den+ed+sag seed 0"], "no 'den+ed+sag'; *'tile DeSTSeg den+ed+seg seed 0'"),
        (["tile", "den+ed", "7"], "no '7'; *'tile DeSTSeg den+ed seed"),
        (["tile", "tile", "none", "1"], "no such cell; *'tile DeSTSeg none seed 1'"),
        (["tile", "1"], "3 such cells; *CATEGORY METHOD VARIANT SEED"),
        (["tile", "1"], "3 such cells; *'tile DeSTSeg none seed 1' or"),
        ([], "12 such cells; *such as 'bottle DeSTSeg none seed 0'"),
    ],
)
def test_no_cell_or_several_are_refused_with_near_ones(lay, words, said):
    with pytest.raises(InputError, match=re.escape(said).replace(r"\*", ".*")):
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
        Failure(segmentation.key, "segmentation", "tile", 1, "diverged", "\x1b[2Jloss", attempts=2)
    )
    lines = told(filled, store)
    assert lines["segmentation"][0] == "segmentation: failed"
    assert lines["segmentation"][1].startswith(r"diverged: \x1b[2Jloss (2 attempts, 20")
    assert lines["evaluation"][0] == "evaluation: damaged"
    assert "the record is not whole" in lines["evaluation"][1]


def test_what_was_accepted_says_why(store, lay, of_code):
    of_code(lambda: fill(store, lay().stages.values()), student=1)
    accept(acceptable(take_census(lay(), store)), store, "as before")
    assert told(lay(), store)["student"][-1].endswith(": as before")
