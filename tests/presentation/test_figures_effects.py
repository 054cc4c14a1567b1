from dataclasses import replace

import pytest

from bench.metrics import ALL_METRICS, METRICS
from bench.presentation.figures_effects import effects_figure, with_effects
from bench.presentation.statistics_tables import design_of, design_scores
from bench.results.joining import join
from bench.stats import contrast_effect, factorial_contrast
from tests.presentation.figure_cases import words
from tests.presentation.tabulated import CELLS, METHOD, MINIATURE, MVTEC, of, rival


def marks(axes, marker="o"):
    return [line for line in axes.lines if line.get_marker() == marker]


def test_each_factor_has_the_effect_on_each_metric():
    figure = effects_figure(MINIATURE, METHOD)
    for axes, factor in zip(figure.axes, METHOD.factors, strict=True):
        assert axes.get_title() == factor
        for line, metric in zip(marks(axes), METRICS, strict=True):
            scores = design_scores(MINIATURE, METHOD, metric.key)
            effect = contrast_effect(factorial_contrast(scores, design_of(METHOD), factor))
            assert float(line.get_xdata()[0]) == pytest.approx(100 * effect.estimate.mean)
            row = line.get_ydata()[0]
            for interval, ends in zip(
                (effect.estimate.interval, effect.like_these), intervals(axes, row), strict=True
            ):
                assert ends == pytest.approx((100 * interval.low, 100 * interval.high))
        assert not marks(axes, "D")
    said = words(figure)
    assert "95 % interval, these categories under new seeds" in said
    assert "95 % interval, other categories" in said


def intervals(axes, row):
    """Both intervals of a row, that for these categories first."""
    flat = [line for line in axes.lines if len({*line.get_ydata()}) == 1 < len(line.get_xdata())]
    here = [line for line in flat if row <= line.get_ydata()[0] < row + 0.5]
    return [line.get_xdata() for line in sorted(here, key=lambda line: -line.get_linewidth())]


def test_the_papers_effects_are_marked_on_mvtec():
    figure = effects_figure(MVTEC, METHOD)
    assert all(len(marks(axes, "D")) == 3 for axes in figure.axes)
    some = effects_figure(replace(MVTEC, categories=("bottle",)), METHOD)
    assert not any(marks(axes, "D") for axes in some.axes)


def test_one_seed_has_no_interval():
    figure = effects_figure(replace(MINIATURE, seeds=(0,)), METHOD)
    assert all(len(axes.lines) == 1 + 6 for axes in figure.axes)
    assert "one seed, no interval" in words(figure)
    assert "95 %" not in words(figure)


def test_what_is_not_measured_is_said():
    figure = effects_figure(of(MINIATURE, CELLS[CELLS["variant"] != "ed"]), METHOD)
    said = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert said == ["not measured"] * 18


def test_effects_need_all_eight_variants():
    assert with_effects(MINIATURE) == with_effects(join(MVTEC, [rival()])) == (METHOD,)
    assert not with_effects(replace(MINIATURE, variants={"DeSTSeg": METHOD.design[1:]}))
    assert not with_effects(rival())


def test_a_metric_that_is_asked_for_has_a_row():
    figure = effects_figure(replace(MINIATURE, metrics=tuple(ALL_METRICS.values())), METHOD)
    assert all(len(marks(axes)) == 8 for axes in figure.axes)


def test_names_of_metrics_stay_inside_however_few_the_factors():
    one = replace(METHOD, factors={"seg": METHOD.factors["seg"]}, default=("none", "seg"))
    figure = effects_figure(MINIATURE, one)
    figure.draw_without_rendering()
    for label in figure.axes[0].get_yticklabels():
        assert label.get_window_extent().x0 >= 0
