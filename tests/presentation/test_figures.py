import xml.etree.ElementTree as ET
from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from bench.grid import ABLATION
from bench.metrics import PAPER, Protocol
from bench.presentation.figures import Example, examples_figure, variants_figure, write_figures
from bench.presentation.heading import ABLATION_METRICS, METRIC_NAMES, Heading
from bench.presentation.paper import MVTEC_CATEGORIES
from destseg.errors import InputError

MINIATURE = Heading(
    experiment="ablation",
    dataset="miniature v1, 64 px",
    is_mvtec=False,
    categories=MVTEC_CATEGORIES,
    variants=tuple(ABLATION),
    seeds=(0, 1, 2),
    provenance=(),
)
MVTEC = replace(MINIATURE, dataset="MVTec AD, 256 px", is_mvtec=True)


@pytest.fixture(scope="module")
def cells():
    rng = np.random.default_rng(5)
    return pd.DataFrame(
        {
            "method": "DeSTSeg",
            "category": category,
            "variant": variant,
            "seed": seed,
            "protocol": PAPER.label,
            **{metric: rng.uniform(0.2, 0.4) for metric in METRIC_NAMES},
        }
        for category, variant, seed in product(MVTEC_CATEGORIES, ABLATION, (0, 1, 2))
    )


def example(category="bottle", *, low=0.0, high=1.0, score=0.5):
    mask = np.zeros((8, 8), dtype=bool)
    mask[2:4, 5:7] = True
    image = np.full((8, 8, 3), (200, 100, 60), dtype=np.uint8)
    return Example(category, "crack/000", image, mask, np.where(mask, score, 0.0), low, high)


def words(figure):
    texts = [text.get_text() for text in figure.texts]
    for legend in figure.legends:
        texts += [text.get_text() for text in legend.get_texts()]
    for axes in figure.axes:
        texts += [text.get_text() for text in axes.texts] + [axes.get_title()]
    return "\n".join(texts)


def points(figure, marker):
    return [
        (x, y)
        for line in figure.axes[0].lines
        if line.get_marker() == marker
        for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)
    ]


def test_figures_refuse_to_mix_protocols(cells, tmp_path):
    other = replace(MVTEC, protocol=Protocol(size=64))
    with pytest.raises(InputError, match="not under 'paper v1 size=64'"):
        write_figures("ablation", cells, other, [], tmp_path)
    assert not list(tmp_path.iterdir())
    figure = variants_figure(cells, other, "iap")
    assert "Not the paper's protocol: not comparable" in words(figure)
    assert not points(figure, "D")


def test_each_variant_has_its_mean_std_and_seeds(cells):
    figure = variants_figure(cells, MINIATURE, "pixel_ap")
    marks = points(figure, "o") + points(figure, "s")
    for x, variant in enumerate(ABLATION):
        own = cells[cells["variant"] == variant].groupby("seed")["pixel_ap"].mean() * 100
        at_mean = [y for where, y in marks if where == x]
        assert at_mean == pytest.approx([own.mean()])
        aside = [y for where, y in marks if 0 < abs(where - x) < 0.5]
        assert sorted(aside) == pytest.approx(sorted(own))
    bars = [bar.get_segments()[0] for bar in figure.axes[0].collections]
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

    monkeypatch.setattr("bench.presentation.figures.published_variant", forbidden)
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
    notes = [(text.xy[0], text.get_text()) for text in figure.axes[0].texts]
    assert notes == [(1, "2 of 3\nseeds"), (2, "0 of 3\nseeds")]
    assert not [x for x, _ in points(figure, "s") if 1.5 < x < 2.5]


def test_a_figure_of_nothing_can_be_drawn(cells, tmp_path):
    written = write_figures("ablation", cells[:0], MINIATURE, [], tmp_path)
    assert len(written) == 2 * len(ABLATION_METRICS)


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


def test_files_are_images_and_the_same_every_time(cells, tmp_path):
    examples = [example("bottle"), example("cable")]
    first = write_figures("ablation", cells, MINIATURE, examples, tmp_path / "a")
    second = write_figures("ablation", cells, MINIATURE, examples, tmp_path / "b")
    stems = [*(f"ablation_{metric}" for metric in ABLATION_METRICS), "examples"]
    names = [f"{stem}.{form}" for stem in stems for form in ("png", "svg")]
    assert [path.name for path in first] == names
    assert {path.name for path in (tmp_path / "a").iterdir()} == {path.name for path in first}
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()
        if one.suffix == ".png":
            with Image.open(one) as image:
                assert image.info["dpi"] == pytest.approx((150, 150), abs=0.1)
                assert np.ptp(np.asarray(image.convert("L"))) > 200
        else:
            assert ET.parse(one).getroot().tag == "{http://www.w3.org/2000/svg}svg"
            assert "<dc:date>" not in one.read_text("utf-8")
