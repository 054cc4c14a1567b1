import re
from dataclasses import replace

import numpy as np
import pytest

from bench.metrics import ALL_METRICS
from bench.paper.published import MVTEC_CATEGORIES
from bench.presentation.statistics_tables import OTHERS, THESE, intervals_table
from bench.presentation.tables import build_table
from bench.stats import holm, like_these_interval, new_seeds_interval
from tests.presentation.tabulated import BOTH, CELLS, MINIATURE, MVTEC, of


def test_both_tables_correct_over_the_one_family():
    tables = [build_table(name, MINIATURE).numbers for name in ("effects", "interactions")]
    p = [value for table in tables for value in table["p"]]
    corrected = [value for table in tables for value in table["p_holm"]]
    assert corrected == pytest.approx(holm(p))
    said = "the 36 tests of three main effects and three interactions on six metrics"
    assert said in build_table("effects", MINIATURE).markdown()


def test_an_effect_shows_both_intervals_and_p():
    helped = CELLS.assign(iap=CELLS["iap"] + 0.3 * CELLS["seg"])
    helped["iap"] -= 0.1 * CELLS["ed"]
    table = build_table("effects", of(MINIATURE, helped))
    assert list(dict.fromkeys(table.formatted["Factor"])) == ["den", "ed", "seg"]
    line = table.formatted.set_index(["Factor", "Metric"]).loc[("seg", "IAP")]
    assert line["p"] == "<0.0001"
    assert line["p (Holm)"] == f"{36 * 2 / 32768:.4f}"
    for column in (THESE, OTHERS):
        low, high = re.fullmatch(r"\[\+([\d.]+), \+([\d.]+)\]", line[column]).groups()
        assert float(low) < float(line["Effect"]) < float(high)
    sides = helped.groupby("seg")["iap"].mean()
    assert line["Effect"] == f"+{100 * (sides[True] - sides[False]):.2f}"
    assert line["Improved"] == "15/15"
    assert line["Shown for"] == "both"
    assert table.formatted.set_index(["Factor", "Metric"]).loc[("ed", "IAP"), "Effect"][0] == "−"


def test_an_effect_of_a_few_categories_is_shown_for_these_alone():
    some = CELLS["category"].isin(MVTEC_CATEGORIES[:4])
    rng = np.random.default_rng(0)
    level = 0.5 + 0.2 * (CELLS["seg"] & some) + rng.normal(0, 0.001, len(CELLS))
    table = build_table("effects", of(MINIATURE, CELLS.assign(iap=level)))
    lines = table.formatted.set_index(["Factor", "Metric"])["Shown for"]
    assert lines["seg", "IAP"] == "these only"
    assert lines["den", "Pixel AP"] == "neither"
    numbers = table.numbers.set_index(["factor", "metric"]).loc[("seg", "iap")]
    assert numbers["effect_low95"] > 0
    assert numbers["p_holm"] > 0.05
    assert "Shown for: these categories where" in table.markdown()


def test_an_interaction_is_found_where_parts_help_each_other():
    # Smooth cells: whatever is left is the synergy.
    smooth = CELLS.assign(pro=0.5 + 0.1 * (CELLS["den"] & CELLS["ed"]) + 0.001 * CELLS["seed"])
    table = build_table("interactions", of(MINIATURE, smooth))
    lines = table.formatted.set_index(["Pair", "Metric"])
    assert lines.loc[("den × ed", "PRO"), "Effect"] == "+10.00"
    assert lines.loc[("den × seg", "PRO"), "Effect"] == "+0.00"
    assert lines.index.get_level_values("Pair").unique().tolist() == [
        "den × ed", "den × seg", "ed × seg",
    ]  # fmt: skip
    assert "help each other" in table.markdown()


def test_published_effects_and_interactions_follow_from_table_4():
    main = build_table("effects", MVTEC).formatted.set_index(["Factor", "Metric"])
    assert main.loc[("den", "Image AUROC"), "Paper"] == "−0.35"
    pairs = build_table("interactions", MVTEC)
    line = pairs.formatted.set_index(["Pair", "Metric"]).loc[("den × ed", "Pixel AP")]
    # With ed: (54.0 - 53.3 + 75.8 - 69.7) / 2; without: (49.6 - 52.9 + 70.9 - 70.1) / 2.
    assert line["Paper"] == f"+{3.4 + 1.25:.2f}"
    numbers = pairs.numbers.set_index(["pair", "metric"]).loc[("den+ed", "pixel_ap")]
    assert numbers["effect_minus_paper"] == pytest.approx(numbers["effect_mean"] - 4.65)
    assert line["− paper"].count("(") == 1


def test_one_seed_has_no_interval_and_no_p():
    for name in ("effects", "interactions"):
        table = build_table(name, replace(MINIATURE, seeds=(2,)))
        for column in (THESE, OTHERS, "p", "p (Holm)", "Shown for"):
            assert set(table.formatted[column]) == {"—"}
        text = table.markdown()
        assert "no interval exists" in text
        assert "Holm):" not in text
        assert "Satterthwaite" not in text
    intervals = intervals_table(replace(MINIATURE, seeds=(2,)))
    for column in (THESE, OTHERS):
        assert set(intervals.formatted[column]) == {"—"}
    assert "—" not in set(intervals.formatted["Worst category"])
    assert "no interval exists" in intervals.markdown()


def test_intervals_and_the_worst_category_of_each_metric():
    table = intervals_table(MINIATURE)
    full = CELLS[CELLS["variant"] == "den+ed+seg"]
    for line in table.formatted.to_dict("records"):
        metric = next(key for key, one in ALL_METRICS.items() if one.display == line["Metric"])
        scores = MINIATURE.scores(metric, variant="den+ed+seg")
        for column, interval in {
            THESE: new_seeds_interval(scores),
            OTHERS: like_these_interval(scores),
        }.items():
            assert line[column] == f"[{100 * interval.low:.1f}, {100 * interval.high:.1f}]"
        means = full.groupby("category")[metric].mean()
        assert line["Worst category"] == f"{100 * means.min():.1f} ({means.idxmin()})"


def test_a_metric_that_is_undefined_is_no_test_of_the_family():
    undefined = CELLS.assign(pro=np.nan)
    table = build_table("effects", of(MINIATURE, undefined))
    assert "the 30 tests" in table.markdown()
    assert table.numbers.set_index(["factor", "metric"]).loc[("den", "pro")].isna()["p"]


def test_intervals_of_several_methods_stand_below_each_other():
    frame = intervals_table(BOTH).formatted
    assert frame["Method"].tolist() == ["DeSTSeg", "PatchCore"] * 6
    own = frame[frame["Method"] == "DeSTSeg"]["Mean"]
    assert own.tolist() == intervals_table(MVTEC).formatted["Mean"].tolist()


def test_a_metric_that_is_asked_for_is_in_the_family():
    table = build_table("effects", replace(MINIATURE, metrics=tuple(ALL_METRICS.values())))
    assert "the 48 tests of three main effects and three interactions on eight" in table.markdown()


def test_a_part_of_the_variants_has_no_table_of_dashes():
    two = ("none", "den+ed+seg")
    part = replace(of(MINIATURE, CELLS[CELLS["variant"].isin(two)]), variants={"DeSTSeg": two})
    assert part.missing == 0
    for name in ("effects", "interactions"):
        table = build_table(name, part)
        assert table.nothing == (
            "Nothing to show yet: needs all eight variants of DeSTSeg; "
            "90 of 360 cells are finished."
        )
        assert not build_table(name, MINIATURE).nothing
