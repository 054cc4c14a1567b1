from dataclasses import replace

import pytest
from matplotlib.collections import LineCollection
from matplotlib.text import Annotation

from bench.metrics import ALL_METRICS as METRICS
from bench.metrics import Protocol
from bench.presentation.figures_variants import variants_figure
from bench.results.joining import join
from tests.presentation.figure_cases import points, words
from tests.presentation.tabulated import ABLATION, CELLS, METHOD, MINIATURE, MVTEC, of, rival


def test_each_variant_has_its_mean_std_and_seeds():
    figure = variants_figure(MINIATURE, METRICS["pixel_ap"])
    marks = points(figure, "o") + points(figure, "s")
    for x, variant in enumerate(ABLATION):
        own = CELLS[CELLS["variant"] == variant].groupby("seed")["pixel_ap"].mean() * 100
        at_mean = [y for where, y in marks if where == x]
        assert at_mean == pytest.approx([own.mean()])
        aside = [y for where, y in marks if 0 < abs(where - x) < 0.5]
        assert sorted(aside) == pytest.approx(sorted(own))
    drawn = figure.axes[0].collections
    bars = [bar.get_segments()[0] for bar in drawn if isinstance(bar, LineCollection)]
    spread = 100 * CELLS.groupby(["variant", "seed"])["pixel_ap"].mean().unstack().std(axis=1)
    heights = {int(bar[0][0]): bar[1][1] - bar[0][1] for bar in bars}
    assert heights == {x: pytest.approx(2 * spread[v]) for x, v in enumerate(ABLATION)}


def test_seg_is_told_by_the_marker_as_well_as_by_the_colour():
    figure = variants_figure(MINIATURE, METRICS["iap"])
    with_seg = {round(x) for x, _ in points(figure, "o")}
    assert with_seg == {x for x, name in enumerate(ABLATION) if METHOD.variants[name].seg}


@pytest.mark.parametrize("metric", MINIATURE.headline, ids=lambda metric: metric.key)
def test_no_published_number_off_mvtec(metric, monkeypatch):
    def forbidden(*_args, **_kwargs):
        raise AssertionError("published numbers were looked up")

    monkeypatch.setattr("bench.presentation.figures_variants.published_variant", forbidden)
    figure = variants_figure(MINIATURE, metric)
    assert points(figure, "D") == []
    said = words(figure)
    assert "miniature v1, 64 px · 15 categories · mean ± std over 3 seeds" in said
    assert "Not MVTec AD" in said
    assert "\npaper" not in said


def test_published_numbers_are_marked_on_mvtec():
    figure = variants_figure(MVTEC, METRICS["image_auroc"])
    assert [y for _, y in points(figure, "D")] == [94.8, 93.4, 95.4, 97.3, 94.5, 97.3, 97.7, 98.6]
    assert "\npaper" in words(figure)
    assert "Not MVTec AD" not in words(figure)


def test_of_some_categories_only_what_is_printed_is_marked():
    bottle = replace(MVTEC, categories=("bottle",), seeds=(0,))
    figure = variants_figure(bottle, METRICS["pixel_ap"])
    assert [y for _, y in points(figure, "D")] == [90.3]
    assert "one seed, no spread" in words(figure)
    assert "single seeds" not in words(figure)
    assert "\npaper" not in words(variants_figure(bottle, METRICS["image_auroc"]))


def test_what_is_missing_is_said():
    gone = (CELLS["variant"] == "ed") | ((CELLS["variant"] == "den") & (CELLS["seed"] == 2))
    figure = variants_figure(of(MINIATURE, CELLS[~gone]), METRICS["iap"])
    written = figure.axes[0].texts
    notes = [(text.xy[0], text.get_text()) for text in written if isinstance(text, Annotation)]
    assert notes == [(1, "2 of 3\nseeds"), (2, "0 of 3\nseeds")]
    assert not [x for x, _ in points(figure, "s") if 1.5 < x < 2.5]


def test_another_protocol_than_the_papers_is_not_compared():
    small = Protocol(size=64)
    other = of(MVTEC, CELLS.assign(protocol=small.label), protocol=small)
    figure = variants_figure(other, METRICS["iap"])
    assert "Not the paper's protocol: not comparable" in words(figure)
    assert not points(figure, "D")


def test_methods_stand_beside_the_variants_by_their_names():
    both = join(MVTEC, [rival()])
    figure = variants_figure(both, METRICS["image_auroc"])
    names = [text.get_text() for text in figure.axes[1].texts]
    assert names == [*(f"DeSTSeg {variant}" for variant in ABLATION), "PatchCore"]
    assert (8 + 0.24, 98.5) in points(figure, "D")
    said = words(figure)
    for part in ("DeSTSeg with seg", "DeSTSeg without seg", "\nPatchCore"):
        assert part in said
    assert [x for x, _ in points(figure, "v") if x == round(x)] == [8]


@pytest.mark.parametrize(
    ("experiment", "variants", "parts"),
    [
        ("ablation", ABLATION, ["den", "ed", "seg"]),
        ("loss", ("den+ed+seg+no-l1", "den+ed+seg"), ["L1"]),
        (
            "fusion-input",
            ("den+ed+seg+features", "den+ed+seg+distances", "den+ed+seg"),
            ["concatenated features", "cosine distances"],
        ),
        ("students", (*ABLATION, "decoder"), ["den", "encoder", "decoder", "seg"]),
        ("mine", ("none", "den+ed+seg"), ["den", "ed", "seg"]),
        ("mine", ("den+ed+seg+no-l1", "den+ed+seg"), ["L1"]),
        ("alone", ("den+ed+seg",), ["den", "ed", "seg"]),
    ],
)
def test_below_are_the_parts_by_which_the_variants_differ(experiment, variants, parts):
    results = replace(MINIATURE, experiment=experiment, variants={"DeSTSeg": variants})
    figure = variants_figure(results, METRICS["iap"])
    assert [text.get_text() for text in figure.axes[1].get_yticklabels()] == parts


@pytest.mark.parametrize(("level", "cut"), [(0.1, False), (0.7, True)])
def test_an_axis_begins_at_zero_or_is_marked_as_cut(level, cut):
    figure = variants_figure(
        of(MINIATURE, CELLS.assign(iap=level + 0.2 * CELLS["seg"])), METRICS["iap"]
    )
    axes = figure.axes[0]
    low, high = axes.get_ylim()
    assert (low > 0) == cut
    assert high > 100 * level
    assert axes.get_ylabel() == ("IAP (%)" if not cut else f"IAP (%), cut below {low:.0f}")
    strokes = [line for line in axes.lines if line.get_label() == "cut"]
    assert len(strokes) == cut
