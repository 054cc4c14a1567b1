import numpy as np
import pytest

from bench.presentation.figures_curves import Curve, curves_figure
from tests.presentation.figure_cases import words
from tests.presentation.tabulated import MINIATURE


def curve(category="bottle", variant="den+ed+seg"):
    return Curve(category, ("DeSTSeg", variant), np.array([0.2, 0.4, 0.4, 0.8]), 1)


def test_recall_falls_as_precision_rises():
    np.testing.assert_allclose(curve().recall, [1, 0.75, 0.5, 0.25])


def test_the_curve_is_a_step_down_to_no_recall_and_has_its_point():
    axes = curves_figure([curve()], MINIATURE, seed=0).axes[0]
    line = next(line for line in axes.lines if len(line.get_xdata()) == 5)
    assert line.get_drawstyle() == "steps-post"
    np.testing.assert_allclose(line.get_xdata(), [100, 75, 50, 25, 0])
    np.testing.assert_allclose(line.get_ydata(), [20, 40, 40, 80, 80])
    (point,) = (line for line in axes.lines if line.get_marker() == "o")
    assert (point.get_xdata()[0], point.get_ydata()[0]) == (75, 40)


def test_a_panel_for_each_category_with_all_variants():
    names = [f"c{i}" for i in range(7)]
    figure = curves_figure(
        [curve(name, variant) for name in names for variant in ("none", "den+ed+seg")],
        MINIATURE,
        seed=3,
    )
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title() for axes in shown] == names
    assert all(len(axes.lines) == 5 for axes in shown)
    said = words(figure)
    for part in ("seed 3", "none", "den+ed+seg", "k = 90 %", "Not MVTec AD"):
        assert part in said


def test_nothing_is_no_figure():
    with pytest.raises(ValueError, match="no curves"):
        curves_figure([], MINIATURE, seed=0)
