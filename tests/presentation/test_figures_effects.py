from dataclasses import replace

import pytest
from bench.presentation.heading import METRIC_NAMES

from bench.experiment.grid import FACTORS
from bench.presentation.figures_effects import effects_figure, has_effects
from bench.stats import contrast_effect, factorial_contrast
from tests.presentation.figure_cases import measured, words
from tests.presentation.tabulated import MINIATURE, MVTEC


@pytest.fixture(scope="module")
def cells():
    return measured()


def marks(axes, marker="o"):
    return [line for line in axes.lines if line.get_marker() == marker]


def test_each_factor_has_the_effect_on_each_metric(cells):
    figure = effects_figure(cells, MINIATURE)
    for axes, factor in zip(figure.axes, FACTORS, strict=True):
        assert axes.get_title() == factor
        for line, metric in zip(marks(axes), METRIC_NAMES, strict=True):
            scores = MINIATURE.ablation_scores(cells, metric)
            ours = contrast_effect(factorial_contrast(scores, factor)).estimate
            assert float(line.get_xdata()[0]) == pytest.approx(100 * ours.mean)
            hollow = line.get_markerfacecolor() == "white"
            assert hollow != ours.interval.excludes_zero
        assert not marks(axes, "D")


def test_the_papers_effects_are_marked_on_mvtec(cells):
    figure = effects_figure(cells, MVTEC)
    assert all(len(marks(axes, "D")) == 3 for axes in figure.axes)
    some = effects_figure(cells, replace(MVTEC, categories=("bottle",)))
    assert not any(marks(axes, "D") for axes in some.axes)


def test_one_seed_has_no_interval(cells):
    figure = effects_figure(cells, replace(MINIATURE, seeds=(0,)))
    assert not any(axes.collections for axes in figure.axes)
    assert "one seed, no interval" in words(figure)
    assert "undecided" not in words(figure)


def test_what_is_not_measured_is_said(cells):
    figure = effects_figure(cells[cells["variant"] != "ed"], MINIATURE)
    said = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert said == ["not measured"] * 18


def test_effects_need_all_eight_variants():
    assert has_effects(MINIATURE)
    assert not has_effects(replace(MINIATURE, variants=MINIATURE.variants[1:]))
