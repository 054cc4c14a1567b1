import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from bench.presentation import figure_style
from bench.presentation.figures import (
    KINDS,
    OF_CELLS,
    Excerpts,
    drawings,
    stem,
    write_figures,
)
from bench.presentation.figures_curves import Curve
from bench.results.joining import join
from tests.presentation.figure_cases import example
from tests.presentation.tabulated import CELLS, FEW_UPDATES, MINIATURE, of, rival


@pytest.fixture(scope="module")
def excerpts():
    curve = Curve("bottle", ("DeSTSeg", "den+ed+seg"), np.array([0.25, 0.5, 0.75]), 0)
    ours = example("bottle")
    return Excerpts(("DeSTSeg", "den+ed+seg"), 0, (ours,), (ours,), (ours,), (curve,))


def test_every_kind_is_drawn(excerpts):
    chosen = drawings(MINIATURE, excerpts)
    # That of training needs a curve; tests/presentation/test_costs_table.py draws it.
    assert {drawing.kind for drawing in chosen} == {*KINDS} - {"training"}
    assert [drawing.name for drawing in chosen] == [
        *(f"{kind}_{metric}" for kind in ("ablation", "seeds") for metric in METRICS),
        "effects",
        *(f"heatmap_{metric}" for metric in METRICS),
        *("curves", "examples", "missed", "false_alarms"),
    ]
    for drawing in chosen:
        assert drawing.caption.endswith(".")
        assert len(drawing.alt) > 30


METRICS = ("image_auroc", "pixel_ap", "iap")


def test_without_maps_there_are_those_of_the_cells():
    assert {drawing.kind for drawing in drawings(MINIATURE)} == {*OF_CELLS} - {"training"}
    (one,) = drawings(MINIATURE, kinds=["effects"])
    assert one.name == "effects"


def test_without_the_eight_variants_there_are_no_effects():
    two = replace(MINIATURE, variants={"DeSTSeg": ("none", "den+ed+seg")})
    assert not drawings(two, kinds=["effects"])


def test_words_stand_for_the_picture():
    first = drawings(MINIATURE)[0]
    own = CELLS[CELLS["variant"] == "none"].groupby("seed")["image_auroc"].mean()
    assert f"none {100 * own.mean():.1f} ± {100 * own.std():.1f};" in first.alt


@pytest.mark.parametrize("kind", [kind for kind in OF_CELLS if kind != "training"])
def test_a_figure_of_nothing_can_be_drawn(kind):
    first = drawings(of(MINIATURE, CELLS[:0]), kinds=[kind])[0]
    assert first.svg


def test_files_have_the_name_of_their_table():
    assert stem(MINIATURE) == "ablation"
    assert stem(replace(MINIATURE, experiment="loss")) == "loss"
    assert stem(replace(MINIATURE, experiment="mine")) == "ablation"
    assert stem(rival()) == stem(join(MINIATURE, [rival()])) == "methods"


@pytest.mark.parametrize(
    ("moved", "said"),
    [
        (0.0, "for these categories no effect is decided"),
        (
            0.25,
            "for these categories seg raises IAP, and for other categories too seg raises IAP",
        ),
    ],
)
def test_the_effects_are_captioned_by_both_readings(moved, said):
    level = 0.5 + CELLS["seed"] / 1024  # binary fractions: what is no effect is exactly none
    cells = CELLS.assign(**dict.fromkeys((metric.key for metric in MINIATURE.metrics), level))
    cells["iap"] += moved * CELLS["seg"]
    (drawing,) = drawings(of(MINIATURE, cells), kinds=["effects"])
    assert f"By both, {said}." in drawing.caption
    assert "thin, for other categories, trained anew" in drawing.caption


def test_what_a_few_categories_carry_is_captioned_as_theirs():
    some = CELLS["category"].isin(("bottle", "tile"))
    cells = CELLS.assign(
        **dict.fromkeys((m.key for m in MINIATURE.metrics), 0.5 - 0.25 * (CELLS["ed"] & some))
    )
    (drawing,) = drawings(of(MINIATURE, cells), kinds=["effects"])
    assert "for these categories ed lowers all six metrics, and for other categories none" in (
        drawing.caption
    )
    (alone,) = drawings(replace(MINIATURE, seeds=(0,)), kinds=["effects"])
    assert "one seed has no interval" in alone.caption


def test_one_seed_is_captioned_without_a_standard_deviation():
    several, alone = (
        drawings(replace(MINIATURE, seeds=seeds), kinds=["variants"])[0].caption
        for seeds in ((0, 1), (0,))
    )
    assert "mean and sample standard deviation over seeds" in several
    assert "one seed, which has no standard deviation; " in alone


def test_no_effect_is_captioned_of_networks_that_hardly_train():
    (drawing,) = drawings(replace(MINIATURE, settings=FEW_UPDATES), kinds=["effects"])
    assert drawing.caption.endswith("in so few updates, and this means nothing.")
    assert "raises" not in drawing.caption


TWICE = ("effects", "missed")


def test_files_are_images(excerpts, tmp_path):
    of_each_kind = {drawing.kind: drawing for drawing in drawings(MINIATURE, excerpts)}.values()
    written = write_figures(of_each_kind, tmp_path)
    names = [f"{each.name}.{form}" for each in of_each_kind for form in ("png", "svg", "pdf")]
    assert [path.name for path in written] == names
    assert {path.name for path in tmp_path.iterdir()} == set(names)
    for one in written:
        if one.suffix == ".png":
            with Image.open(one) as image:
                assert image.info["dpi"] == pytest.approx((150, 150), abs=0.1)
                assert np.ptp(np.asarray(image.convert("L"))) > 200
        elif one.suffix == ".svg":
            assert ET.parse(one).getroot().tag == "{http://www.w3.org/2000/svg}svg"
            assert "<dc:date>" not in one.read_text("utf-8")


def test_files_are_the_same_every_time(excerpts, tmp_path, monkeypatch):
    """Those of lines and those of images, as PDF as well."""
    monkeypatch.setattr("bench.presentation.figures.pdf", figure_style.pdf)
    first, again = (
        write_figures(drawings(MINIATURE, excerpts, TWICE), tmp_path / name) for name in "ab"
    )
    assert len(first) == len(again) == 3 * len(TWICE)
    for one, other in zip(first, again, strict=True):
        assert one.read_bytes() == other.read_bytes()
        if one.suffix == ".pdf":
            content = one.read_bytes()
            assert content.startswith(b"%PDF")
            assert b"CreationDate" not in content
            assert b"/FontFile2" in content, "fonts are embedded, as outlines"
            assert b"/Type3" not in content
