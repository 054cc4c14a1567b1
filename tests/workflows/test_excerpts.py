import dataclasses

import numpy as np
import pytest

from bench.experiment.grid import Cell
from bench.metrics import Protocol, iap, iap_at, image_scores
from bench.metrics.counted import count
from bench.results.finished import ScoredImages
from bench.workflows.excerpts import (
    largest_missed,
    median_example,
    precision_curve,
    strongest_false_alarm,
    take_excerpts,
)

PROTOCOL = Protocol(size=8, top_t=1, iap_k=0.5)


@pytest.fixture
def scored():
    """Four images: one instance of 4 pixels found, one of 2 and one of 6 missed, two good."""
    masks = np.zeros((5, 8, 8), dtype=bool)
    maps = np.zeros((5, 8, 8), dtype=np.float32)
    masks[0, :2, :2], maps[0, :2, :2] = True, 0.9
    masks[1, :1, :2], maps[1, :1, :2] = True, 0.3
    masks[1, 4:6, 4:7], maps[1, 4:6, 4:7] = True, 0.2
    masks[4, 7, 7], maps[4, 7, 7] = True, 0.95
    maps[2, 3, 3], maps[3, 3, 3] = 0.5, 0.4
    names = ("hole/0", "hole/1", "good/0", "good/1", "hole/2")
    images = np.arange(5 * 8 * 8 * 3, dtype=np.uint8).reshape(5, 8, 8, 3)
    cell = Cell("DeSTSeg", "den+ed+seg", "bottle", 0)
    return ScoredImages(cell, names, masks, maps, image_scores(maps, PROTOCOL), images, 8)


def counted(scored, protocol=PROTOCOL):
    return count(scored.maps, scored.masks, protocol)


def test_the_curve_has_iap_as_its_mean_and_iap_at_k_as_its_point(scored):
    curve = precision_curve(scored, counted(scored))
    assert curve.precision.mean() == iap(scored.maps, scored.masks)
    assert curve.precision[curve.point] == iap_at(scored.maps, scored.masks, 0.5)
    assert curve.recall[curve.point] == 0.5


def test_the_authors_curve_is_theirs(scored):
    protocol = dataclasses.replace(PROTOCOL, compat="authors")
    curve = precision_curve(scored, counted(scored, protocol))
    assert curve.precision.mean() == pytest.approx(iap(scored.maps, scored.masks, compat="authors"))


def test_the_largest_instance_that_k_leaves_out_is_missed(scored):
    (example,) = largest_missed(scored, counted(scored))
    assert example.name == "hole/1"
    assert example.instance.sum() == 6
    # Half of the four instances, the best two, are found from here on.
    assert example.threshold == np.float32(0.9)
    np.testing.assert_array_equal(example.mask, scored.masks[1])
    np.testing.assert_array_equal(example.image, scored.images[1])


def test_nothing_is_missed_where_all_must_be_found(scored):
    every = counted(scored, dataclasses.replace(PROTOCOL, iap_k=1.0))
    assert not list(largest_missed(scored, every))


def test_the_good_image_of_highest_score_is_the_false_alarm(scored):
    (example,) = strongest_false_alarm(scored, counted(scored))
    assert example.name == "good/0"
    some = dataclasses.replace(scored, masks=np.ones_like(scored.masks))
    assert not list(strongest_false_alarm(some, counted(some)))


def test_the_example_has_the_median_score_and_the_categorys_scale(scored):
    example = median_example(scored)
    assert example.name == "hole/0"
    assert (example.low, example.high) == pytest.approx((0.0, 0.9))


def test_constant_maps_still_have_a_scale(scored):
    flat = dataclasses.replace(scored, maps=np.full_like(scored.maps, 0.25))
    example = median_example(flat)
    assert example.low < example.high


def test_excerpts_are_of_the_full_method_and_the_first_seed(tiny_finished):
    found = take_excerpts(tiny_finished)
    assert (found.row, found.seed) == (("DeSTSeg", "den+ed+seg"), 0)
    assert [example.category for example in found.examples] == ["bottle", "tile"]
    assert [example.category for example in found.false_alarms] == ["bottle", "tile"]
    assert all(example.name.startswith("good/") for example in found.false_alarms)
    assert all(example.mask.any() for example in (*found.examples, *found.missed))
    drawn = [(curve.category, curve.row[1]) for curve in found.curves]
    assert drawn == [(c, v) for c in ("bottle", "tile") for v in ("none", "den+ed+seg")]
    cells = tiny_finished.results.cells.set_index(["category", "variant", "seed"])
    for curve in found.curves:
        row = cells.loc[curve.category, curve.row[1], 0]
        assert curve.precision.mean() == pytest.approx(row["iap"], rel=1e-12)
        assert curve.precision[curve.point] == pytest.approx(row["iap90"], rel=1e-12)


def test_without_images_there_are_no_excerpts(tiny_finished):
    assert take_excerpts(dataclasses.replace(tiny_finished, images={})) is None
