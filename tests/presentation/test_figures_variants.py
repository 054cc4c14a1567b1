from dataclasses import replace

import pytest
from bench.presentation.heading import ABLATION_METRICS
from matplotlib.collections import LineCollection
from matplotlib.text import Annotation

from bench.experiment.grid import ABLATION
from bench.metrics import Protocol
from bench.presentation.figures_variants import variants_figure
from tests.presentation.figure_cases import measured, points, words
from tests.presentation.tabulated import MINIATURE, MVTEC


@pytest.fixture(scope="module")
def cells():
    return measured()


def test_each_variant_has_its_mean_std_and_seeds(cells):
    figure = variants_figure(cells, MINIATURE, "pixel_ap")
    marks = points(figure, "o") + points(figure, "s")
    for x, variant in enumerate(ABLATION):
        own = cells[cells["variant"] == variant].groupby("seed")["pixel_ap"].mean() * 100
        at_mean = [y for where, y in marks if where == x]
        assert at_mean == pytest.approx([own.mean()])
        aside = [y for where, y in marks if 0 < abs(where - x) < 0.5]
        assert sorted(aside) == pytest.approx(sorted(own))
    bars = [
        bar.get_segments()[0]
        for bar in figure.axes[0].collections
        if isinstance(bar, LineCollection)
    ]
    spread = 100 * cells.groupby(["variant", "seed"])["pixel_ap"].mean().unstack().std(axis=1)
    heights = {int(bar[0][0]): bar[1][1] - bar[0][1] for bar in bars}
    assert heights == {x: pytest.approx(2 * spread[v]) for x, v in enumerate(ABLATION)}


def test_seg_is_told_by_the_marker_as_well_as_by_the_colour(cells):
    figure = variants_figure(cells, MINIATURE, "iap")
    with_seg = {round(x) for x, _ in points(figure, "o")}
    assert with_seg == {x for x, flags in enumerate(ABLATION.values()) if flags.seg}


@pytest.mark.parametrize("metric", ABLATION_METRICS)
def test_no_published_number_off_mvtec(cells, metric, monkeypatch):
    def forbidden(*_args, **_kwargs):
        raise AssertionError("published numbers were looked up")

    monkeypatch.setattr("bench.presentation.figures_variants.published_variant", forbidden)
    figure = variants_figure(cells, MINIATURE, metric)
    assert points(figure, "D") == []
    said = words(figure)
    assert "miniature v1, 64 px · 15 categories · mean ± sample std over 3 seeds" in said
    assert "Not MVTec AD" in said
    assert "\npaper" not in said


def test_published_numbers_are_marked_on_mvtec(cells):
    figure = variants_figure(cells, MVTEC, "image_auroc")
    assert [y for _, y in points(figure, "D")] == [94.8, 93.4, 95.4, 97.3, 94.5, 97.3, 97.7, 98.6]
    assert "\npaper" in words(figure)
    assert "Not MVTec AD" not in words(figure)


def test_of_some_categories_only_what_is_printed_is_marked(cells):
    bottle = replace(MVTEC, categories=("bottle",), seeds=(0,))
    figure = variants_figure(cells, bottle, "pixel_ap")
    assert [y for _, y in points(figure, "D")] == [90.3]
    assert "one seed, no spread" in words(figure)
    assert "single seeds" not in words(figure)
    assert "\npaper" not in words(variants_figure(cells, bottle, "image_auroc"))


def test_what_is_missing_is_said(cells):
    gone = (cells["variant"] == "ed") | ((cells["variant"] == "den") & (cells["seed"] == 2))
    figure = variants_figure(cells[~gone], MINIATURE, "iap")
    notes = [
        (text.xy[0], text.get_text())
        for text in figure.axes[0].texts
        if isinstance(text, Annotation)
    ]
    assert notes == [(1, "2 of 3\nseeds"), (2, "0 of 3\nseeds")]
    assert not [x for x, _ in points(figure, "s") if 1.5 < x < 2.5]


def test_another_protocol_than_the_papers_is_not_compared(cells):
    figure = variants_figure(cells, replace(MVTEC, protocol=Protocol(size=64)), "iap")
    assert "Not the paper's protocol: not comparable" in words(figure)
    assert not points(figure, "D")
