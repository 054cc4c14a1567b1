from dataclasses import replace

import pytest

from bench.presentation.method_tables import image_table, main_table
from bench.results.joining import join
from bench.stats import estimate
from tests.presentation.tabulated import BOTH, MINIATURE, MVTEC, rival


def named(table):
    return table.formatted.set_index("Method")


def test_the_summary_has_the_state_of_the_art_beside_it():
    best = named(main_table(MVTEC)).loc["best other (paper)"]
    assert best.tolist() == [
        "98.5 (PatchCore)", "98.4 (PatchCore)", "70.2 (DSR)", "94.5 (PatchCore)", "71.5 (DRAEM)",
        "51.7 (DRAEM)",
    ]  # fmt: skip


def test_the_difference_is_in_points_and_in_half_widths_of_our_interval():
    table = main_table(MVTEC)
    ours = estimate(MVTEC.scores("pixel_ap", variant="den+ed+seg"))
    points = 100 * ours.mean - 75.8
    half = 50 * (ours.interval.high - ours.interval.low)
    shown = named(table).loc["ours − paper", "Pixel AP"]
    assert shown == f"−{-points:.2f} (−{-points / half:.1f})"
    line = table.numbers.set_index("row").loc["ours minus paper"]
    assert line["pixel_ap_minus_paper"] == pytest.approx(points)
    assert line["pixel_ap_minus_paper_half_widths"] == pytest.approx(points / half)
    assert "beyond ±1 it lies outside" in table.markdown()


def test_one_seed_has_a_difference_but_no_units_for_it():
    shown = named(main_table(replace(MVTEC, seeds=(0,)))).loc["ours − paper", "IAP"]
    assert shown.startswith("−")
    assert shown.endswith("(—)")


def test_some_categories_have_the_best_over_the_same_ones():
    best = named(main_table(replace(MVTEC, categories=("bottle",)))).loc["best other (paper)"]
    assert best["Pixel AP"] == "91.5 (DSR)"
    assert best["Image AUROC"] == best["PRO"] == ""


def test_training_that_is_not_the_papers_is_said_to_be_so():
    said = "NOT the paper's training"
    assert said in main_table(replace(MVTEC, paper_setting=False)).markdown()
    assert said not in main_table(MVTEC).markdown()


def test_table_1_has_the_papers_rows_in_its_order_and_ours_beside():
    table = named(image_table(BOTH))
    assert table.index.tolist() == [
        "US", "STFPM", "CutPaste", "DRAEM", "DSR", "PatchCore", "DeSTSeg",
    ]  # fmt: skip
    assert table["Image AUROC (paper)"].tolist() == [
        "87.7", "95.1", "95.2", "98.0", "98.2", "98.5", "98.6 ± 0.4",
    ]  # fmt: skip
    measured = table["Image AUROC"] != ""
    assert table.index[measured].tolist() == ["PatchCore", "DeSTSeg"]
    assert ((table["Image AUROC − paper"] != "") == measured).all()


def test_a_method_that_the_paper_lacks_comes_last():
    table = named(image_table(join(MVTEC, [rival("Mine")])))
    assert table.index[-1] == "Mine"
    assert table.loc["Mine", "Image AUROC (paper)"] == ""
    assert table.loc["Mine", "Image AUROC"] != ""


def test_elsewhere_table_1_knows_only_what_was_measured():
    table = image_table(join(MINIATURE, [rival()])).formatted
    assert table["Method"].tolist() == ["DeSTSeg", "PatchCore"]
    assert table.columns.tolist() == ["Method", "Image AUROC"]


def test_each_measured_method_has_its_published_row_and_the_difference():
    table = named(main_table(BOTH))
    assert table.index.tolist() == [
        "DeSTSeg", "PatchCore", "DeSTSeg (paper)", "DeSTSeg − paper", "PatchCore (paper)",
        "PatchCore − paper", "best other (paper)",
    ]  # fmt: skip
    assert table.loc["PatchCore (paper)", "Pixel AP"] == "61.2"
    alone = named(main_table(MVTEC))
    assert table.loc["DeSTSeg"].tolist() == alone.loc["DeSTSeg"].tolist()
    said = "the full one is shown: DeSTSeg by its variant den+ed+seg."
    assert said in main_table(BOTH).markdown()
    assert "the full one is shown" not in main_table(MVTEC).markdown()
    mine = named(main_table(join(MVTEC, [rival("Mine")])))
    assert "Mine (paper)" not in mine.index
