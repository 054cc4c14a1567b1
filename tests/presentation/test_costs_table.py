"""The tables of costs and of curves."""

import dataclasses

import pandas as pd
import pytest

from bench.presentation.costs_table import RISING, costs_table, curve_table, gain_of_doubling
from bench.presentation.figures import drawings
from bench.presentation.findings import findings
from bench.presentation.tables import build_table
from bench.results.costs import Cost
from tests.results.results_cases import OURS, cells_of, results_of, with_floors

COST = Cost(
    key="k",
    cell="c",
    device="cpu",
    numbers=12_345,
    pretrained=0,
    training_macs=2e9,
    training_seconds=30.04,
    shared_macs=0,
    prediction_macs=5e6,
    prediction_seconds=0.0123,
    peak_memory=3 * 10**8,
)
BOTH = results_of(
    pd.concat([OURS.cells, cells_of("STFPM", ("",))], ignore_index=True),
    costs={
        "DeSTSeg": COST,
        "STFPM": dataclasses.replace(COST, training_macs=3e9, shared_macs=4e9),
    },
)


def curve_of(gains, factors=(0.5, 1.0, 2.0)):
    """Cells of two categories whose pixel AP rises by a gain with each factor."""
    frames = []
    for method, gain in gains.items():
        variants = ("den+ed+seg",) if method == "DeSTSeg" else ("",)
        for index, factor in enumerate(factors):
            cells = cells_of(method, variants, seeds=(0,), categories=("bottle", "wood"))
            low = cells["category"].map({"bottle": 0.2, "wood": 0.4})
            frames.append(
                cells.assign(pixel_ap=low + index * gain, factor=factor, dataset="development")
            )
    return pd.concat(frames, ignore_index=True)


def row(table, method):
    (found,) = table.formatted[table.formatted["Method"] == method].to_dict("records")
    return found


def test_costs_are_in_the_units_of_their_columns():
    table = costs_table(BOTH)
    assert row(table, "DeSTSeg") == {
        "Method": "DeSTSeg",
        "Learned, k": "12",
        "Pretrained, k": "0",
        "Training, GMAC": "2.0",
        "Training, s": "30.0",
        "Prediction, MMAC": "5.0",
        "Prediction, ms": "12.3",
        "Memory, MB": "300",
        "Training compute": "1.00",
        "Doubling adds": "—",
    }
    assert row(table, "STFPM")["Training compute"] == "1.50"
    notes = " ".join(table.notes)
    assert "STFPM has trainings that all share, 4.0 GMAC once" in notes
    assert "DeSTSeg has trainings" not in notes
    assert table.numbers["training_macs"].tolist() == [2e9, 3e9]


def test_what_is_not_measured_is_marked():
    bare = dataclasses.replace(BOTH, costs={})
    assert set(row(costs_table(bare), "STFPM").values()) == {"STFPM", "—"}
    assert "NOT MEASURED" in curve_table(bare).markdown()


def test_a_method_that_gains_by_doubling_is_still_rising():
    curve = curve_of({"DeSTSeg": 1.25 * RISING, "STFPM": 0.75 * RISING})
    results = dataclasses.replace(BOTH, curve=curve)
    assert gain_of_doubling(results, "DeSTSeg") == pytest.approx(0.025)
    for table in (costs_table(results), curve_table(results)):
        assert row(table, "DeSTSeg")["Doubling adds"] == "+2.50, still rising"
        assert row(table, "STFPM")["Doubling adds"] == "+1.50"
        assert "still rising" in " ".join(table.notes)
    said = (
        "on development images of bottle and wood, seed 0 by twice the updates (table curve): "
        "DeSTSeg by 2.50. Trained for longer, such a method may be better than its row says."
    )
    standing = findings(results)[-2]
    assert "Trainings are cut short, at 1.00 to 1.50 of DeSTSeg's compute. Still rising" in standing
    assert "DeSTSeg by 2.50; with more training these may be better" in standing
    assert "cut short" not in " ".join(findings(BOTH))
    for name in ("main", "verdicts"):
        assert said in build_table(name, results).findings[-1]
        assert "rising" not in " ".join(build_table(name, BOTH).findings)
    shown = row(curve_table(results), "DeSTSeg")
    assert [shown[f"x{factor:g}"] for factor in (0.5, 1, 2)] == ["30.0", "32.5", "35.0"]
    notes = " ".join(curve_table(results).notes)
    assert f"{results.dataset}; development images of bottle and wood, seed 0." in notes
    assert results.seeds_text not in notes


@pytest.mark.parametrize("lost", [0, 3])
def test_a_factor_that_lacks_a_cell_has_no_mean(lost):
    curve = curve_of({"DeSTSeg": 0.1, "STFPM": 0.1}).drop(index=lost)
    shown = row(curve_table(dataclasses.replace(BOTH, curve=curve)), "DeSTSeg")
    assert list(shown.values()).count("—") == (1 if lost == 0 else 2)


def test_the_figure_is_drawn_where_costs_and_curve_are_known():
    curve = curve_of({"DeSTSeg": 0.05, "STFPM": 0.0})
    floors = with_floors(BOTH)
    known = dataclasses.replace(floors, costs=BOTH.costs, curve=curve)
    (drawing,) = drawings(known, kinds=["training"])
    assert "DeSTSeg 30.0, 35.0, 40.0; STFPM 30.0, 30.0, 30.0." in drawing.alt
    (axes,) = drawing.figure.axes
    lines = [line.get_xdata() for line in axes.lines if len(line.get_xdata()) == 3]
    assert [list(line) for line in lines] == [[1, 2, 4], [1.5, 3, 6]], "GMAC"
    assert [text.get_text() for text in axes.get_xticklabels()] == ["×0.5", "×1", "×2"]
    assert drawing.svg
    assert not drawings(dataclasses.replace(known, costs={}), kinds=["training"])


def test_they_are_tables_like_others():
    assert build_table("costs", BOTH).name == "costs"
    assert build_table("curve", BOTH).name == "curve"
