from dataclasses import replace
from itertools import product

import pandas as pd
import pytest
from bench.presentation.heading import ABLATION_METRICS, METRIC_NAMES, Heading

from bench.experiment.grid import VARIANTS
from bench.metrics import PAPER
from bench.paper.published import MVTEC_CATEGORIES
from bench.presentation.comparisons import COMPARISONS

FULL = "den+ed+seg"
MVTEC = Heading(
    experiment="x",
    dataset="MVTec AD, 256 px",
    is_mvtec=True,
    categories=MVTEC_CATEGORIES,
    variants=(FULL,),
    seeds=(0, 1, 2),
    provenance=(),
)
MINIATURE = replace(MVTEC, dataset="miniature v1, 64 px", is_mvtec=False)
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


def cells_of(variants):
    return pd.DataFrame(
        {
            "method": "DeSTSeg",
            "category": category,
            "variant": variant,
            "seed": seed,
            "protocol": PAPER.label,
            **{
                metric: 0.5 + 0.1 * variants.index(variant) + 0.01 * seed + 0.001 * column
                for column, metric in enumerate(METRIC_NAMES)
            },
        }
        for category, variant, seed in product(MVTEC_CATEGORIES, variants, (0, 1, 2))
    )


@pytest.mark.parametrize("name", ROWS)
def test_published_rows_stand_beside_ours(name):
    rows = ROWS[name]
    heading = replace(MVTEC, variants=tuple(reversed(rows)))
    table = COMPARISONS[name].build(cells_of(list(rows)), heading)
    assert table.formatted["Variant"].tolist() == list(rows)
    for index, (line, (shown, *printed)) in enumerate(
        zip(table.formatted.to_dict("records"), rows.values(), strict=True)
    ):
        assert list(line.values())[1] == shown
        for metric, value in zip(ABLATION_METRICS, printed, strict=True):
            assert line[f"{METRIC_NAMES[metric]} (paper)"] == value
        assert line["Image AUROC"] == f"{100 * (0.51 + 0.1 * index):.1f} ± 1.0"
    number = {"loss": "5", "fusion-input": "6"}[name]
    assert f"Zhang et al., CVPR 2023, Table {number}." in table.markdown()
    assert "input" in table.csv() if name == "fusion-input" else "L1" in table.csv()


@pytest.mark.parametrize("name", COMPARISONS)
def test_no_published_number_beside_the_miniature(name):
    variants = [FULL, "den+decoder+seg", f"{FULL}+no-l1"]
    table = COMPARISONS[name].build(
        cells_of(variants), replace(MINIATURE, variants=tuple(variants))
    )
    assert not [column for column in table.formatted if "paper" in str(column).lower()]
    assert not [column for column in table.numbers if "paper" in str(column).lower()]
    assert "not comparable with the numbers of the paper" in table.markdown()


def test_students_with_the_row_that_the_paper_lacks():
    variants = ["ed+seg", FULL, "den+decoder+seg"]
    table = COMPARISONS["students"].build(
        cells_of(variants), replace(MVTEC, variants=tuple(variants))
    )
    lines = {line["Variant"]: line for line in table.formatted.to_dict("records")}
    assert [line["student"] for line in lines.values()] == ["encoder-decoder"] * 2 + ["decoder"]
    assert lines["ed+seg"]["IAP (paper)"] == "71.2"
    assert lines["den+decoder+seg"]["IAP (paper)"] == ""
    assert lines["den+decoder+seg"]["IAP"] != ""


def test_every_variant_can_be_a_row_of_every_table():
    variants = list(VARIANTS)
    for comparison in COMPARISONS.values():
        table = comparison.build(cells_of(variants), replace(MVTEC, variants=tuple(variants)))
        assert len(table.formatted) == len(variants)
        assert len(table.alignment) == table.formatted.shape[1]
