import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from bench.presentation.report.gallery import (
    TILE,
    Scored,
    View,
    arrange,
    colours,
    layout,
    make_gallery,
)
from tests.report.report_cases import FULL, MARKED, NONE, RESULTS, category_images, gallery, scored


def pixels(content):
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)


def tile(sheet, content, index):
    row, column = divmod(index, sheet.columns)
    place = np.s_[row * TILE : (row + 1) * TILE, column * TILE : (column + 1) * TILE]
    return pixels(content)[place]


@pytest.mark.parametrize("count", [1, 2, 3, 5, 44, 167])
def test_all_tiles_have_a_place(count):
    columns, rows = layout(count)
    assert columns * (rows - 1) < count <= columns * rows
    tiles = np.arange(count, dtype=np.uint8)[:, None, None, None] * np.ones((4, 4, 3), np.uint8)
    sheet = arrange(tiles)
    assert sheet.shape == (4 * rows, 4 * columns, 3)
    for index in range(count):
        row, column = divmod(index, columns)
        assert (sheet[4 * row : 4 * row + 4, 4 * column : 4 * column + 4] == index).all()


def test_a_tile_lies_where_css_looks_for_it():
    (sheet, _) = gallery().sheets
    assert (sheet.columns, sheet.rows) == (3, 2)
    assert [sheet.position(i) for i in range(4)] == [(0, 0), (50, 0), (100, 0), (0, 100)]


def test_sheets_show_input_truth_and_map():
    made = gallery()
    first = category_images()[0]
    sheet = made.sheets[0]
    assert sheet.names == first.names
    shown = tile(sheet, sheet.inputs, 4).mean(axis=(0, 1))
    np.testing.assert_allclose(shown, first.images[4].mean(axis=(0, 1)), atol=12)
    truth = tile(sheet, sheet.truth, 2)
    assert np.ptp(truth) > 150
    rising = tile(sheet, sheet.maps[View(NONE, 0)].content, 2).sum(axis=-1)
    assert rising[:, -5:].mean() > rising[:, :5].mean() + 300
    falling = tile(sheet, sheet.maps[View(FULL, 0)].content, 2).sum(axis=-1)
    assert falling[:, -5:].mean() < falling[:, :5].mean() - 300


def test_each_view_judges_the_images_it_has_maps_of():
    made = gallery()
    first, second = made.sheets
    assert first.maps.keys() == {*made.views}
    assert {*made.views} - second.maps.keys() == {View(NONE, 1)}
    assert [share > 0 for share in first.marked] == MARKED.tolist()
    assert first.maps[View(FULL, 0)].judged.outcomes == "pafff"
    assert made.defects == ("good", "hole", "scratch")


def test_a_script_is_told_scores_and_outcomes():
    made = gallery()
    facts = made.facts()
    assert facts["views"][0] == "den+ed+seg, seed 0"
    lacking = str(made.views.index(View(NONE, 1)))
    assert set(facts["sheets"][0]) - set(facts["sheets"][1]) == {lacking}
    assert facts["sheets"][0]["0"]["scores"] == [0.1, 0.7, 0.8, 0.9, 0.3]
    assert facts["sheets"][0][lacking]["threshold"] == "0.3"


def test_the_full_method_and_the_first_seed_are_shown_first():
    made = gallery()
    assert made.views[0] == View(FULL, 0)
    assert set(made.views) == {View(row, seed) for row in RESULTS.labels for seed in RESULTS.seeds}
    assert View(NONE, 1) not in made.sheets[1].maps
    assert made.left_out == 0


def test_of_several_methods_the_one_whose_tables_these_are_is_shown_first():
    both = replace(RESULTS, variants={"Rival": ("",), "DeSTSeg": ("none", "den+ed+seg")})
    made = make_gallery(category_images(), both, scored, 1_000_000)
    assert made.views[0] == View(FULL, 0)
    assert made.labels == {
        ("Rival", ""): "Rival", NONE: "DeSTSeg none", FULL: "DeSTSeg den+ed+seg",
    }  # fmt: skip
    assert (gallery().kind, made.kind) == ("variant", "method")


def test_a_scale_is_shared_by_the_images_of_a_category():
    levels = np.zeros((2, 4, 4), np.float32)
    levels[0], levels[1, 0, 0] = 0.5, 1.0
    coloured = colours(levels, (0.0, 1.0)).astype(int).sum(axis=-1)
    assert coloured[1, 1, 1] < coloured[0, 0, 0] < coloured[1, 0, 0]
    np.testing.assert_array_equal(colours(levels, (0.5, 0.75)), colours(levels, (0.5, 1.0)))


def test_each_view_has_colours_however_its_scores_are_spread():
    """Of one view an image has a hundred times the scores of the others, which stay visible."""

    def spread(category, view):
        given = scored(category, view)
        if given is None or view.row == FULL:
            return given
        factor = np.array([1, 1, 1, 100, 1])[:, None, None] * 1e-3
        return Scored(given.maps * factor, given.scores)

    made = make_gallery(category_images(), RESULTS, spread, 1_000_000)
    sheet = made.sheets[0]
    for view, bright in ((View(NONE, 0), np.s_[:, -4:]), (View(FULL, 0), np.s_[:, :4])):
        for index in (2, 3, 4):
            seen = tile(sheet, sheet.maps[view].content, index)
            assert seen[bright].sum(axis=-1).mean() > 500, "half of the anomalous reach the top"
    assert sheet.maps[View(FULL, 0)].scale == (0, 1)
    assert sheet.maps[View(NONE, 0)].scale == pytest.approx((0, 1e-3))
    named = str(made.views.index(View(NONE, 0)))
    assert made.facts()["sheets"][0][named]["scale"] == ["0", "0.001"]


def test_what_would_be_too_large_is_left_out_view_by_view():
    whole = gallery()

    def size(made):
        return sum(
            len(s.inputs) + len(s.truth) + sum(len(m.content) for m in s.maps.values())
            for s in made.sheets
        )

    budget = size(whole) - 1
    part = make_gallery(category_images(), RESULTS, scored, budget)
    assert part.views == whole.views[:-1]
    assert part.left_out == 1
    assert size(part) <= budget
    assert make_gallery(category_images(), RESULTS, scored, 10) is None


def test_without_maps_or_images_there_is_no_gallery():
    assert make_gallery(category_images(), RESULTS, lambda *_: None, 10**6) is None
    assert make_gallery([], RESULTS, scored, 10**6) is None
