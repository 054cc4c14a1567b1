from dataclasses import replace

import numpy as np
import pytest

from bench.paper.published import MVTEC_CATEGORIES
from bench.presentation.examples import colour_scale, examples_figure
from tests.presentation.figure_cases import example, words
from tests.presentation.tabulated import MINIATURE, MVTEC


def test_examples_show_input_mask_and_map_in_bands():
    examples = [example(category) for category in MVTEC_CATEGORIES]
    figure = examples_figure(examples, MINIATURE)
    panels = [axes for axes in figure.axes if axes.images]
    assert len(panels) == 45
    assert {panel.get_title() for panel in panels} >= {"bottle", "metal_nut", "zipper"}
    image, mask, _ = (panel.images[0].get_array() for panel in panels[:3])
    np.testing.assert_array_equal(image, examples[0].image)
    np.testing.assert_array_equal(mask, np.where(examples[0].mask[..., None], 255, 0).repeat(3, -1))
    boxes = [panel.get_position() for panel in panels]
    assert all(0 <= box.x0 < box.x1 <= 1 and 0 <= box.y0 < box.y1 <= 1 for box in boxes)
    # No two panels overlap.
    for i, one in enumerate(boxes):
        for other in boxes[i + 1 :]:
            apart = one.x1 <= other.x0 or other.x1 <= one.x0
            assert apart or one.y1 <= other.y0 or other.y1 <= one.y0


def heat(one):
    figure = examples_figure([one], MVTEC)
    return np.asarray(figure.axes[2].images[0].get_array(), dtype=int)


def test_the_colour_scale_is_the_categorys_and_not_the_images():
    # The same score on another scale is another colour; the image's own maximum plays no part.
    faint, strong = heat(example(high=1.0, score=0.2)), heat(example(high=0.2, score=0.2))
    assert strong[2, 5].sum() > faint[2, 5].sum() + 200
    np.testing.assert_array_equal(strong, heat(example(high=0.2, score=0.9)))
    np.testing.assert_array_equal(heat(example(score=0.2))[0, 0], heat(example(score=0.9))[0, 0])


def test_the_scale_ends_where_half_of_the_anomalous_images_end():
    maps = np.zeros((5, 2, 2), np.float32)
    maps[:, 0, 0] = 0.5, 3, 2, 1, 40  # the first is good
    maps += 0.25
    anomalous = np.arange(5) > 0
    assert colour_scale(maps, anomalous) == (0.25, 2.75)
    assert colour_scale(maps, ~anomalous) == (0.25, 0.75)
    assert colour_scale(maps, np.zeros(5, np.bool_)) == (0.25, 2.25), "of all where none is"
    maps[1:4] = 0.25
    assert colour_scale(maps, anomalous) == (0.25, 40.25), "most show nothing at all"
    low, high = colour_scale(np.full((2, 2, 2), 3, np.float32), np.ones(2, np.bool_))
    assert low == 3 < high


def test_examples_do_not_touch_their_arrays():
    one = example()
    before = (one.image.copy(), one.mask.copy(), one.anomaly_map.copy())
    examples_figure([one], MVTEC)
    for now, then in zip((one.image, one.mask, one.anomaly_map), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_bad_examples_are_refused():
    one = example()
    with pytest.raises(ValueError, match="bottle/crack/000"):
        replace(one, mask=one.mask[:4])
    with pytest.raises(ValueError, match="empty"):
        replace(one, low=0.5, high=0.5)
    with pytest.raises(ValueError, match="no examples"):
        examples_figure([], MVTEC)


def test_only_the_instance_that_is_meant_is_white():
    one = example()
    instance = one.mask.copy()
    instance[3] = False
    figure = examples_figure([replace(one, instance=instance)], MVTEC)
    truth = figure.axes[1].images[0].get_array()[..., 0]
    assert set(np.unique(truth[instance])) == {255}
    assert 0 < truth[one.mask & ~instance].min() <= truth[one.mask & ~instance].max() < 255
    assert not truth[~one.mask].any()


def test_a_good_image_has_a_ground_truth_that_says_so():
    good = replace(example(), mask=np.zeros((8, 8), dtype=bool))
    figure = examples_figure([good, example()], MVTEC, "False alarms", "the strongest")
    assert len([axes for axes in figure.axes if axes.images]) == 6
    assert not figure.axes[1].images[0].get_array().any()
    assert [text.get_text() for text in figure.axes[1].texts] == ["no anomaly"]
    assert not figure.axes[4].texts
    said = words(figure)
    assert "False alarms" in said
    assert "the strongest" in said
    assert "grey" not in said
    assert "line" not in said


def lines(axes):
    return [path for drawn in axes.collections for path in drawn.get_paths() if len(path.vertices)]


def test_the_thresholds_line_is_around_what_reaches_it():
    one = example(score=0.5)
    for threshold, drawn in ((0.5, 1), (0.51, 0)):
        figure = examples_figure([replace(one, threshold=threshold)], MVTEC)
        found = lines(figure.axes[2])
        assert len(found) == drawn
        assert "blue line: around the scores that reach" in words(figure)
    (path,) = lines(examples_figure([replace(one, threshold=0.5)], MVTEC).axes[2])
    np.testing.assert_allclose(path.get_extents().get_points(), [[4.5, 1.5], [6.5, 3.5]])
    # Where all of the image reaches it, the line is at the image's own border.
    figure = examples_figure([replace(one, threshold=0.0)], MVTEC)
    (path,) = lines(figure.axes[2])
    np.testing.assert_allclose(path.get_extents().get_points(), [[-0.5, -0.5], [7.5, 7.5]])
    assert figure.axes[2].get_xlim() == (-0.5, 7.5)


def test_what_is_said_below_stays_inside_however_few_the_examples():
    one = example()
    grey = replace(one, threshold=0.5, instance=one.mask & (np.arange(8) < 6))
    figure = examples_figure([grey], MVTEC, "Missed", "by rule")
    assert "grey: other instances of the image" in words(figure)
    figure.draw_without_rendering()
    for text in figure.texts:
        box = text.get_window_extent()
        assert 0 <= box.x0 < box.x1 <= figure.bbox.x1
        assert 0 <= box.y0 < box.y1 <= figure.bbox.y1
