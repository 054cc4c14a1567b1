from dataclasses import replace

import numpy as np
import pytest

from bench.paper.published import MVTEC_CATEGORIES
from bench.presentation.examples import examples_figure
from tests.presentation.figure_cases import example, words
from tests.presentation.tabulated import MINIATURE, MVTEC


def test_examples_show_input_mask_and_map_in_bands():
    examples = [example(category) for category in MVTEC_CATEGORIES]
    figure = examples_figure(examples, MINIATURE)
    panels = [axes for axes in figure.axes if axes.images]
    assert len(panels) == 45
    assert {panel.get_title() for panel in panels} >= {"bottle", "metal nut", "zipper"}
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


def test_without_anomalies_there_is_no_row_of_ground_truth():
    good = replace(example(), mask=np.zeros((8, 8), dtype=bool))
    figure = examples_figure([good, good], MVTEC, "False alarms", "the strongest")
    assert len([axes for axes in figure.axes if axes.images]) == 4
    assert "False alarms" in words(figure)
    assert "the strongest" in words(figure)
