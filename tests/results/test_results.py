from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import pytest

from bench.methods import FLOORS
from bench.metrics import ALL_METRICS, METRICS, PROTOCOLS
from bench.results.joining import join
from bench.stats import estimate
from destseg.errors import InputError
from tests.results.results_cases import OURS, RIVAL, cells_of, results_of, with_floors


def test_scores_follow_the_grid_and_not_the_order_of_the_cells():
    cells = OURS.cells.sample(frac=1, random_state=0)
    moved = replace(OURS, cells=cells, categories=("wood", "bottle"), seeds=(2, 0, 9))
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


def test_only_cells_of_the_grid_are_counted():
    assert (OURS.expected, OURS.missing) == (27, 0)
    assert replace(OURS, categories=("wood", "bottle")).missing == 0
    assert replace(OURS, categories=("wood", "tile"), cells=OURS.cells[1:]).missing == 9


def test_scores_of_what_is_not_there_are_missing():
    for scores in (
        OURS.scores("iap", variant="seg"),
        OURS.scores("iap", method="Rival"),
        OURS.scores("unheard-of"),
    ):
        assert scores.shape == (3, 3)
        assert np.isnan(scores).all()


def test_by_default_the_full_variant_is_meant():
    full = OURS.scores("pro", variant="den+ed+seg")
    np.testing.assert_array_equal(OURS.scores("pro"), full)
    both = join(OURS, [RIVAL])
    np.testing.assert_array_equal(both.scores("pro"), full)
    np.testing.assert_array_equal(both.scores("pro", method="Rival"), RIVAL.scores("pro"))


def test_a_cell_that_occurs_twice_is_refused():
    twice = pd.concat([OURS.cells, OURS.cells[:1]])
    said = r"the cell of DeSTSeg den\+ed\+seg, bottle, seed 0 occurs 2 times; keep one"
    with pytest.raises(InputError, match=said):
        replace(OURS, cells=twice)


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
def test_a_grid_that_is_none_is_refused(change, said):
    with pytest.raises(InputError, match=said):
        replace(OURS, **change)


def test_rows_are_in_the_papers_order_and_have_names():
    assert list(OURS.labels.values()) == ["none", "ed", "den+ed+seg"]
    assert list(RIVAL.labels.values()) == ["Rival"]
    both = join(RIVAL, [OURS])
    assert list(both.labels.values()) == [
        "Rival", "DeSTSeg none", "DeSTSeg ed", "DeSTSeg den+ed+seg",
    ]  # fmt: skip
    assert both.method == "DeSTSeg"
    assert both.fulls == {"DeSTSeg": "den+ed+seg", "Rival": ""}
    assert list(both.fulls) == ["DeSTSeg", "Rival"]
    assert both.expected == 4 * 9


def test_extremes_stand_for_all():
    assert OURS.extremes == (("DeSTSeg", "none"), ("DeSTSeg", "den+ed+seg"))
    some = replace(OURS, variants={"DeSTSeg": ("ed", "none")})
    assert some.extremes == (("DeSTSeg", "none"), ("DeSTSeg", "ed"))
    assert RIVAL.extremes == (("Rival", ""),)
    assert join(OURS, [RIVAL]).extremes == (("Rival", ""), ("DeSTSeg", "den+ed+seg"))


def test_floors_stand_last_and_for_nobody():
    found = with_floors()
    assert (found.learners, found.floors) == (("DeSTSeg",), FLOORS)
    turned = replace(found, variants=dict(reversed(found.variants.items())))
    for results in (found, turned):
        assert list(results.labels.values()) == ["none", "ed", "den+ed+seg", *FLOORS]
        assert list(results.fulls) == ["DeSTSeg", *FLOORS]
        assert results.extremes == OURS.extremes
        assert results.method == "DeSTSeg"
    alone = replace(found, variants=dict.fromkeys(FLOORS, ("",)))
    assert (alone.learners, alone.floors) == (FLOORS, ())
    assert alone.method == "pixel-nn"


def test_what_has_no_seed_has_no_spread():
    found = with_floors()
    assert set(found.unseeded) == {*FLOORS}
    ours = found.estimate("iap", method="pixel-nn")
    assert (ours.n, ours.expected, ours.interval) == (3, 3, None)
    assert np.isnan(ours.std)
    assert ours.mean == found.scores("iap", method="pixel-nn")[:, 0].mean()
    assert found.estimate("iap") == estimate(found.scores("iap"))
    assert found.estimate("iap", variant="ed").std > 0


def test_maps_of_others_may_bear_the_name_of_a_method():
    scored = results_of(cells_of("DeSTSeg", ("",)), experiment="score-DeSTSeg")
    assert not scored.known
    assert not np.isnan(scored.scores("iap")).any()


def test_numbers_compare_with_the_papers_on_its_own_images_alone():
    mvtec = replace(OURS, standing="original", dataset="MVTec AD, 256 px")
    assert mvtec.comparable
    assert mvtec.not_comparable is None
    copy = replace(OURS, standing="resized", dataset="a resized copy of MVTec AD, 256 px")
    for other in (OURS, copy):
        assert not other.comparable
        assert other.dataset in other.not_comparable
    assert copy.place == "a resized copy of MVTec AD"
    assert mvtec.place == "MVTec AD, 256 px, 3 categories"


def test_metrics_may_be_others():
    f1 = ALL_METRICS["image_f1max"]
    more = replace(OURS, metrics=(*METRICS, f1), cells=OURS.cells.assign(image_f1max=0.5))
    assert (more.scores("image_f1max") == 0.5).all()
    assert [metric.key for metric in OURS.headline] == ["image_auroc", "pixel_ap", "iap"]
    assert more.headline == (*OURS.headline, f1)
