import pandas as pd
import pytest

from bench.paper.published import MVTEC_CATEGORIES
from bench.presentation.category_tables import PAIR_TABLES, category_table
from tests.presentation.tabulated import BOTH, CELLS, MINIATURE, MVTEC, rival

PAIRS = {"pixel": ("pixel_auroc", "pixel_ap"), "instance": ("iap", "iap90")}
PRINTED = {
    "pixel": ("STFPM", "DRAEM", "DSR", "PatchCore", "DeSTSeg"),
    "instance": ("STFPM", "DRAEM", "PatchCore", "DeSTSeg"),
}


def build(name, results):
    (table,) = (table for table in PAIR_TABLES if table.name == name)
    return table.build(results)


@pytest.mark.parametrize("name", PAIRS)
def test_two_metrics_stand_in_each_cell(name):
    table = build(name, MINIATURE).formatted
    assert table["Category"].tolist() == [*MVTEC_CATEGORIES, "average"]
    assert table.columns.tolist() == ["Category", "DeSTSeg"]
    full = CELLS[CELLS["variant"] == "den+ed+seg"]
    for category, shown in zip(table["Category"], table["DeSTSeg"], strict=True):
        own = full if category == "average" else full[full["category"] == category]
        seeds = 100 * own.groupby("seed")[list(PAIRS[name])].mean()
        first, second = (
            f"{mean:.1f} ± {std:.1f}" for mean, std in zip(seeds.mean(), seeds.std(), strict=True)
        )
        assert shown == f"{first} / {second}"


@pytest.mark.parametrize("name", PAIRS)
def test_the_papers_methods_stand_beside_on_mvtec(name):
    table = build(name, MVTEC).formatted
    assert table.columns.tolist() == [
        "Category", "DeSTSeg", *(f"{method} (paper)" for method in PRINTED[name]),
        "DeSTSeg − paper",
    ]  # fmt: skip


def test_printed_figures_are_found_and_a_gap_is_a_dash():
    pixel = build("pixel", MVTEC).formatted.set_index("Category")
    assert pixel.loc["bottle", "DeSTSeg (paper)"] == "99.2 ± 0.2 / 90.3 ± 1.8"
    assert pixel.loc["bottle", "DSR (paper)"] == "— / 91.5"
    assert pixel.loc["average", "PatchCore (paper)"] == "98.4 / 61.2"
    instance = build("instance", MVTEC).formatted.set_index("Category")
    assert instance.loc["average", "DeSTSeg (paper)"] == "76.4 ± 1.0 / 57.8 ± 1.8"


def test_the_difference_is_of_each_category_by_itself():
    table = build("instance", MVTEC)
    numbers = table.numbers.set_index("category")
    ours = numbers["DeSTSeg_iap_mean"] - numbers["DeSTSeg_iap_paper_mean"]
    pd.testing.assert_series_equal(numbers["DeSTSeg_iap_minus_paper"], ours, check_names=False)
    half = (numbers["DeSTSeg_iap_high95"] - numbers["DeSTSeg_iap_low95"]) / 2
    pd.testing.assert_series_equal(
        numbers["DeSTSeg_iap_minus_paper_half_widths"], ours / half, check_names=False
    )
    shown = table.formatted.set_index("Category").loc["screw", "DeSTSeg − paper"]
    assert shown.startswith(f"{ours['screw']:+.2f}".replace("-", "−"))
    assert shown.count("(") == 2


def test_a_measured_rival_has_a_column_of_its_own():
    table = build("pixel", BOTH).formatted
    assert table.columns[1:3].tolist() == ["DeSTSeg", "PatchCore"]
    assert table.columns[-2:].tolist() == ["DeSTSeg (paper)", "DeSTSeg − paper"]
    alone = build("pixel", rival()).formatted
    assert alone.columns[1] == "PatchCore"
    assert "PatchCore − paper" in alone
    assert "DeSTSeg − paper" not in alone
    assert table["PatchCore"].tolist() == alone["PatchCore"].tolist()


def test_all_metrics_of_several_methods_stand_below_each_other_in_each_category():
    table = category_table(BOTH)
    assert table.title == "The methods by category: MVTec AD, 256 px"
    frame = table.formatted
    assert frame["Method"].tolist() == ["DeSTSeg", "PatchCore"] * 16
    assert frame["Category"].tolist()[::2] == [*MVTEC_CATEGORIES, "average"]
    alone = category_table(MVTEC).formatted
    own = frame[frame["Method"] == "DeSTSeg"].drop(columns="Method").reset_index(drop=True)
    pd.testing.assert_frame_equal(own, alone)
    assert frame["Pixel AP (paper)"].tolist()[:2] == ["90.3 ± 1.8", "80.1"]
