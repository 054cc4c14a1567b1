"""Type is legible in print, stays inside, and does not overlap, in figures of every kind."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.text import Text

from bench.metrics import METRICS
from bench.presentation.examples import examples_figure
from bench.presentation.figure_style import COLUMN, DPI, printed_width, style
from bench.presentation.figures_categories import heatmap_figure, seeds_figure
from bench.presentation.figures_curves import Curve, curves_figure
from bench.presentation.figures_effects import effects_figure
from bench.presentation.figures_variants import variants_figure
from tests.presentation.figure_cases import example
from tests.presentation.tabulated import ABLATION, BOTH, CELLS, METHOD, MINIATURE, MVTEC, of

GAPS = of(MINIATURE, CELLS[(CELLS["variant"] != "ed") & (CELLS["seed"] != 2)])
MORE = ("decoder", "den+ed+seg+no-l1", "den+ed+seg+features", "den+ed+seg+distances")
MANY = replace(GAPS, variants={"DeSTSeg": (*ABLATION, *MORE)})
AP = next(metric for metric in METRICS if metric.key == "pixel_ap")


def curves(categories):
    return [
        Curve(category, row, np.array([0.25, 0.5, 0.75]), 0)
        for category in MINIATURE.categories[:categories]
        for row in MINIATURE.extremes
    ]


def missed(count):
    """With everything that is said of examples below them."""
    one = example()
    two = replace(one, threshold=0.5, instance=one.mask & (np.arange(8) < 6))
    names = MINIATURE.categories[:count]
    return [replace(two, category=name) for name in names]


FIGURES = {
    "variants": lambda: variants_figure(MVTEC, AP),
    "variants with gaps": lambda: variants_figure(GAPS, AP),
    "methods": lambda: variants_figure(BOTH, AP),
    "seeds": lambda: seeds_figure(MINIATURE, AP),
    "effects": lambda: effects_figure(MVTEC, METHOD),
    "effects with gaps": lambda: effects_figure(GAPS, METHOD),
    "heat map": lambda: heatmap_figure(MINIATURE, AP),
    "heat map of many": lambda: heatmap_figure(MANY, AP),
    "curves": lambda: curves_figure(curves(7), MINIATURE, 0),
    "one curve": lambda: curves_figure(curves(1), MINIATURE, 0),
    "examples": lambda: examples_figure(missed(9), MINIATURE, "Missed", "by rule"),
    "one example": lambda: examples_figure(missed(1), MINIATURE, "Missed", "by rule"),
}
PAGE = ("heat map of many", "methods", "curves", "examples")


@pytest.fixture
def drawn(monkeypatch):
    """Every text, once it is drawn: those of ticks beyond the limits, say, never are."""
    texts, draw = [], Text.draw

    def note(text, renderer):
        if text.get_visible() and text.get_text().strip():
            texts.append(text)
        draw(text, renderer)

    monkeypatch.setattr(Text, "draw", note)
    return texts


@pytest.mark.parametrize("name", FIGURES)
def test_type_is_legible_in_print(drawn, name):
    figure = FIGURES[name]()
    width = figure.get_figwidth()
    assert (width <= COLUMN) == (name not in PAGE)
    figure.set_dpi(DPI)
    with style(width):
        figure.draw_without_rendering()
    assert len(drawn) > 5
    boxes = [(text.get_text(), text.get_window_extent()) for text in drawn]
    for text, (said, box) in zip(drawn, boxes, strict=True):
        assert text.get_fontsize() * printed_width(width) / width >= 7, said
        assert -0.5 <= box.x0 < box.x1 <= figure.bbox.x1 + 0.5, f"{said} is cut"
        assert -0.5 <= box.y0 < box.y1 <= figure.bbox.y1 + 0.5, f"{said} is cut"
    level = [box for text, box in zip(drawn, boxes, strict=True) if text.get_rotation() != 25]
    for (said, one), (other, another) in itertools.combinations(level, 2):
        apart = one.x1 <= another.x0 or another.x1 <= one.x0
        assert apart or one.y1 <= another.y0 or another.y1 <= one.y0, f"{said} on {other}"
