from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import pytest

from bench.metrics import ALL_METRICS, METRICS, PROTOCOLS
from bench.results.joining import join
from destseg.errors import InputError
from tests.results.results_cases import OURS, RIVAL, cells_of, results_of


@pytest.fixture
def ours():
    return OURS


@pytest.fixture
def rival():
    return RIVAL


def test_scores_follow_the_grid_and_not_the_order_of_the_cells(ours):
    cells = ours.cells.sample(frac=1, random_state=0)
    moved = replace(ours, cells=cells, categories=("wood", "bottle"), seeds=(2, 0, 9))
    scores = moved.scores("iap", variant="ed")
    assert scores.shape == (2, 3)
    for (row, category), (column, seed) in product(
        enumerate(("wood", "bottle")), enumerate((2, 0))
    ):
        same = (cells["category"] == category) & (cells["seed"] == seed)
        assert scores[row, column] == cells[same & (cells["variant"] == "ed")]["iap"].item()
    assert np.isnan(scores[:, 2]).all()
    one = moved.scores("iap", variant="ed", categories=("bottle",))
    np.testing.assert_array_equal(one, scores[1:])


def test_scores_of_what_is_not_there_are_missing(ours):
    for scores in (
        ours.scores("iap", variant="seg"),
        ours.scores("iap", method="Rival"),
        ours.scores("unheard-of"),
    ):
        assert scores.shape == (3, 3)
        assert np.isnan(scores).all()


def test_by_default_the_full_variant_is_meant(ours, rival):
    full = ours.scores("pro", variant="den+ed+seg")
    np.testing.assert_array_equal(ours.scores("pro"), full)
    both = join(ours, [rival])
    np.testing.assert_array_equal(both.scores("pro"), full)
    np.testing.assert_array_equal(both.scores("pro", method="Rival"), rival.scores("pro"))


def test_a_cell_that_occurs_twice_is_refused(ours):
    twice = pd.concat([ours.cells, ours.cells[:1]])
    said = r"the cell of DeSTSeg den\+ed\+seg, bottle, seed 0 occurs 2 times; keep one"
    with pytest.raises(InputError, match=said):
        replace(ours, cells=twice)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"seeds": ()}, "seeds are"),
        ({"categories": ("a", "a")}, "categories are"),
        ({"variants": {}}, "methods are"),
        ({"variants": {"DeSTSeg": ()}}, "variants of DeSTSeg are"),
        ({"variants": {"DeSTSeg": ("den+dem",)}}, "no such variants"),
        ({"protocol": PROTOCOLS["crop224"]}, "27 of 27 cells, such as DeSTSeg on bottle"),
    ],
)
def test_a_grid_that_is_none_is_refused(ours, change, said):
    with pytest.raises(InputError, match=said):
        replace(ours, **change)


def test_rows_are_in_the_papers_order_and_have_names(ours, rival):
    assert list(ours.labels.values()) == ["none", "ed", "den+ed+seg"]
    assert list(rival.labels.values()) == ["Rival"]
    both = join(rival, [ours])
    assert list(both.labels.values()) == [
        "Rival", "DeSTSeg none", "DeSTSeg ed", "DeSTSeg den+ed+seg",
    ]  # fmt: skip
    assert both.method == "DeSTSeg"
    assert both.fulls == {"DeSTSeg": "den+ed+seg", "Rival": ""}
    assert list(both.fulls) == ["DeSTSeg", "Rival"]
    assert both.expected == 4 * 9


def test_extremes_stand_for_all(ours, rival):
    assert ours.extremes == (("DeSTSeg", "none"), ("DeSTSeg", "den+ed+seg"))
    some = replace(ours, variants={"DeSTSeg": ("ed", "none")})
    assert some.extremes == (("DeSTSeg", "none"), ("DeSTSeg", "ed"))
    assert rival.extremes == (("Rival", ""),)
    assert join(ours, [rival]).extremes == (("Rival", ""), ("DeSTSeg", "den+ed+seg"))


def test_maps_of_others_may_bear_the_name_of_a_method():
    scored = results_of(cells_of("DeSTSeg", ("",)), experiment="score-DeSTSeg")
    assert not scored.known
    assert not np.isnan(scored.scores("iap")).any()


def test_numbers_compare_with_the_papers_on_its_own_images_alone(ours):
    mvtec = replace(ours, standing="original", dataset="MVTec AD, 256 px")
    assert mvtec.comparable
    assert mvtec.not_comparable is None
    copy = replace(ours, standing="resized", dataset="a resized copy of MVTec AD, 256 px")
    for other in (ours, copy):
        assert not other.comparable
        assert other.dataset in other.not_comparable
    assert copy.place == "a resized copy of MVTec AD"
    assert mvtec.place == "MVTec AD, 256 px, 3 categories"


def test_metrics_may_be_others(ours):
    f1 = ALL_METRICS["image_f1max"]
    more = replace(ours, metrics=(*METRICS, f1), cells=ours.cells.assign(image_f1max=0.5))
    assert (more.scores("image_f1max") == 0.5).all()
    assert [metric.key for metric in ours.headline] == ["image_auroc", "pixel_ap", "iap"]
    assert more.headline == (*ours.headline, f1)
