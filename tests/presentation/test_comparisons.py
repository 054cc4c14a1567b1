from dataclasses import replace
from itertools import product

import pandas as pd
import pytest

from bench.metrics import ALL_METRICS, METRICS, PAPER
from bench.paper.published import MVTEC_CATEGORIES
from bench.presentation.tables import build_table
from tests.presentation.tabulated import METHOD, MVTEC

FULL = "den+ed+seg"
ROWS = {
    "loss": {
        f"{FULL}+no-l1": ("", "97.9", "72.2", "74.4"),
        FULL: ("✓", "98.6", "75.8", "76.4"),
    },
    "fusion-input": {
        f"{FULL}+features": ("concatenated features", "98.0", "72.2", "72.6"),
        f"{FULL}+distances": ("cosine distances", "98.5", "72.0", "74.5"),
        FULL: ("normalised product", "98.6", "75.8", "76.4"),
    },
}


def results_of(variants):
    cells = pd.DataFrame(
        {
            "method": "DeSTSeg",
            "category": category,
            "variant": variant,
            "seed": seed,
            "protocol": PAPER.label,
            **{
                metric: 0.5 + 0.1 * variants.index(variant) + 0.01 * seed + 0.001 * column
                for column, metric in enumerate(ALL_METRICS)
            },
        }
        for category, variant, seed in product(MVTEC_CATEGORIES, variants, (0, 1, 2))
    )
    return replace(MVTEC, cells=cells, variants={"DeSTSeg": tuple(reversed(variants))})


@pytest.mark.parametrize("name", ROWS)
def test_published_rows_stand_beside_ours(name):
    rows = ROWS[name]
    table = build_table(name, results_of(list(rows)))
    assert table.formatted["Variant"].tolist() == list(rows)
    for index, (line, (shown, *printed)) in enumerate(
        zip(table.formatted.to_dict("records"), rows.values(), strict=True)
    ):
        assert list(line.values())[1] == shown
        for metric, value in zip(("Image AUROC", "Pixel AP", "IAP"), printed, strict=True):
            assert line[f"{metric} (paper)"] == value
        assert line["Image AUROC"] == f"{100 * (0.51 + 0.1 * index):.1f} ± 1.0"
    number = {"loss": "5", "fusion-input": "6"}[name]
    assert f"Zhang et al., DeSTSeg, CVPR 2023, Table {number}." in table.markdown()
    assert "input" in table.csv() if name == "fusion-input" else "L1" in table.csv()


def test_students_with_the_row_that_the_paper_lacks():
    variants = ["ed+seg", FULL, "den+decoder+seg"]
    table = build_table("students", results_of(variants))
    lines = {line["Variant"]: line for line in table.formatted.to_dict("records")}
    assert [line["student"] for line in lines.values()] == ["encoder-decoder"] * 2 + ["decoder"]
    assert lines["ed+seg"]["IAP (paper)"] == "71.2"
    assert lines["den+decoder+seg"]["IAP (paper)"] == ""
    assert lines["den+decoder+seg"]["IAP"] != ""


def test_every_variant_can_be_a_row_of_every_table():
    variants = list(METHOD.variants)
    for comparison in METHOD.comparisons:
        table = build_table(comparison.name, results_of(variants))
        assert len(table.formatted) == len(variants)
        assert len(table.alignment) == table.formatted.shape[1]


def test_a_metric_that_is_asked_for_is_compared_as_well():
    f1 = ALL_METRICS["pixel_f1max"]
    results = replace(results_of(["seg", FULL]), metrics=(*METRICS, f1))
    table = build_table("ablation", results)
    shown = [name for name in table.formatted if "paper" not in name]
    assert shown[4:] == ["Image AUROC", "Pixel AP", "IAP", "Pixel F1-max"]
    assert set(table.formatted["Pixel F1-max (paper)"]) == {""}
    assert (table.numbers["pixel_f1max_mean"] > 50).all()
