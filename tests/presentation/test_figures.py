import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from bench.metrics import Protocol
from bench.presentation.figures import (
    KINDS,
    OF_CELLS,
    Pictures,
    drawings,
    stem,
    write_figures,
)
from bench.presentation.figures_curves import Curve
from destseg.errors import InputError
from tests.presentation.figure_cases import example, measured
from tests.presentation.tabulated import MINIATURE, MVTEC


@pytest.fixture(scope="module")
def cells():
    return measured()


@pytest.fixture(scope="module")
def pictures():
    curve = Curve("bottle", "den+ed+seg", np.array([0.25, 0.5, 0.75]), 0)
    ours = example("bottle")
    return Pictures("den+ed+seg", 0, (ours,), (ours,), (ours,), (curve,))


def test_every_kind_is_drawn(cells, pictures):
    chosen = drawings(cells, MINIATURE, pictures)
    assert {drawing.kind for drawing in chosen} == set(KINDS)
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


def test_without_maps_there_are_those_of_the_cells(cells):
    assert {drawing.kind for drawing in drawings(cells, MINIATURE)} == set(OF_CELLS)
    (one,) = drawings(cells, MINIATURE, kinds=["effects"])
    assert one.name == "effects"


def test_without_the_eight_variants_there_are_no_effects(cells):
    two = replace(MINIATURE, variants=("none", "den+ed+seg"))
    assert not drawings(cells, two, kinds=["effects"])


def test_words_stand_for_the_picture(cells):
    first = drawings(cells, MINIATURE)[0]
    own = cells[cells["variant"] == "none"].groupby("seed")["image_auroc"].mean()
    assert f"none {100 * own.mean():.1f} ± {100 * own.std():.1f};" in first.alt


def test_figures_refuse_to_mix_protocols(cells):
    other = replace(MVTEC, protocol=Protocol(size=64))
    with pytest.raises(InputError, match="not under 'paper v1 size=64'"):
        drawings(cells, other)


@pytest.mark.parametrize("kind", OF_CELLS)
def test_a_figure_of_nothing_can_be_drawn(cells, kind):
    first = drawings(cells[:0], MINIATURE, kinds=[kind])[0]
    assert first.svg


def test_files_have_the_name_of_their_table():
    assert stem(MINIATURE) == "ablation"
    assert stem(replace(MINIATURE, experiment="loss")) == "loss"
    assert stem(replace(MINIATURE, experiment="mine")) == "ablation"


def test_files_are_images_and_the_same_every_time(cells, pictures, tmp_path):
    kinds = ("effects", "curves", "missed")
    chosen = drawings(cells, MINIATURE, pictures, kinds)
    first = write_figures(chosen, tmp_path / "a")
    again = drawings(cells, MINIATURE, pictures, kinds)
    second = write_figures(again, tmp_path / "b")
    names = [f"{stem}.{form}" for stem in kinds for form in ("png", "svg")]
    assert [path.name for path in first] == names
    assert {path.name for path in (tmp_path / "a").iterdir()} == set(names)
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()
        if one.suffix == ".png":
            with Image.open(one) as image:
                assert image.info["dpi"] == pytest.approx((150, 150), abs=0.1)
                assert np.ptp(np.asarray(image.convert("L"))) > 200
        else:
            assert ET.parse(one).getroot().tag == "{http://www.w3.org/2000/svg}svg"
            assert "<dc:date>" not in one.read_text("utf-8")
