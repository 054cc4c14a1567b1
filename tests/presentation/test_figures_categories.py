from dataclasses import replace

import numpy as np
import pytest

from bench.metrics import ALL_METRICS as METRICS
from bench.paper.published import MVTEC_CATEGORIES
from bench.presentation.figures_categories import heatmap_figure, seeds_figure
from bench.results.joining import join
from tests.presentation.figure_cases import points, words
from tests.presentation.tabulated import ABLATION, BOTH, CELLS, MINIATURE, MVTEC, of, rival


def test_each_seed_of_each_category_is_a_mark():
    figure = seeds_figure(MINIATURE, METRICS["iap"])
    for marker, variant in (("s", "none"), ("o", "den+ed+seg")):
        marks = points(figure, marker)
        assert len(marks) == 15 * 3
        for row, category in enumerate(MVTEC_CATEGORIES):
            own = CELLS[(CELLS["variant"] == variant) & (CELLS["category"] == category)]
            here = [x for x, y in marks if round(y) == row]
            assert sorted(here) == pytest.approx(sorted(100 * own["iap"]))
    assert "Not MVTec AD" in words(figure)
    assert not points(figure, "D")


def test_the_papers_categories_are_marked_on_mvtec_only():
    figure = seeds_figure(MVTEC, METRICS["pixel_ap"])
    assert len(points(figure, "D")) == 15
    assert (90.3, 0) in points(figure, "D")
    assert "paper, den+ed+seg" in words(figure)


def test_a_variant_alone_is_drawn_once():
    figure = seeds_figure(replace(MINIATURE, variants={"DeSTSeg": ("seg",)}), METRICS["iap"])
    assert len(points(figure, "o")) == 15 * 3
    assert not points(figure, "s")


def test_of_several_methods_each_is_drawn_once():
    three = join(MVTEC, [rival(), rival("Mine")])
    figure = seeds_figure(three, METRICS["iap"])
    rows = [{round(y % 1, 2) for _, y in points(figure, marker)} for marker in "ov>"]
    assert all(len(shifts) == 1 for shifts in rows)
    assert len(set.union(*rows)) == 3
    for name in ("DeSTSeg den+ed+seg", "PatchCore", "Mine"):
        assert name in words(figure)
    heat = heatmap_figure(three, METRICS["iap"])
    assert len(heat.axes[0].texts) == 16 * 10
    assert [text.get_text() for text in heat.axes[0].get_xticklabels()] == [*three.labels.values()]


def test_the_heat_map_has_every_mean_and_marks_the_best():
    figure = heatmap_figure(MINIATURE, METRICS["pixel_ap"])
    means = 100 * CELLS.groupby(["category", "variant"])["pixel_ap"].mean().unstack()
    means = means.loc[list(MVTEC_CATEGORIES), list(ABLATION)]
    means.loc["all"] = means.mean()
    said = [text.get_text() for text in figure.axes[0].texts]
    assert said == [f"{x:.1f}" for x in means.to_numpy().ravel()]
    best = {(int(np.argmax(row)), place) for place, row in enumerate(means.to_numpy())}
    assert {(int(x), int(y)) for x, y in points(figure, "o")} == best


def test_a_hundred_percent_fits_its_cell():
    cells = CELLS.assign(iap=np.where(CELLS["variant"] == "seg", 1.0, 0.9996))
    figure = heatmap_figure(of(MINIATURE, cells), METRICS["iap"])
    assert {text.get_text() for text in figure.axes[0].texts} == {"100"}


def test_what_is_missing_has_no_colour_and_no_number():
    gone = (CELLS["variant"] == "ed") & (CELLS["category"] == "tile") & (CELLS["seed"] == 1)
    figure = heatmap_figure(of(MINIATURE, CELLS[~gone]), METRICS["iap"])
    assert len([text for text in figure.axes[0].texts if text.get_text()]) == 16 * 8 - 2
    assert "hatched: a seed is missing" in words(figure)
    behind = figure.axes[0].collections[0].get_array()
    assert np.ma.getmaskarray(behind).sum() == 2
    seeds = seeds_figure(of(MINIATURE, CELLS[CELLS["variant"] != "none"]), METRICS["iap"])
    assert not points(seeds, "s")


def test_long_names_end_above_the_colour_bar():
    figure = heatmap_figure(BOTH, METRICS["iap"])
    figure.draw_without_rendering()
    axes, bar = figure.axes[:2]
    lowest = min(label.get_window_extent().y0 for label in axes.get_xticklabels())
    assert lowest > bar.get_window_extent().y1
