import csv
from importlib import resources

import numpy as np
import pytest

from bench.methods import methods
from bench.metrics import ALL_METRICS
from bench.paper.published import (
    MVTEC_CATEGORIES,
    is_whole,
    prints_categories,
    published,
    published_effect,
    published_over,
    published_variant,
)
from bench.stats import contrast_weights

METHOD = methods()["DeSTSeg"]
ABLATION_METRICS = tuple(key for key, metric in ALL_METRICS.items() if metric.ablation)

# Table 4 as printed, den/ed/seg from 000 to 111: image AUC, pixel AP, IAP.
TABLE_4 = {
    "none": (94.8, 52.9, 55.8),
    "den": (93.4, 49.6, 53.9),
    "ed": (95.4, 53.3, 57.7),
    "seg": (97.3, 70.1, 71.8),
    "den+ed": (94.5, 54.0, 58.5),
    "den+seg": (97.3, 70.9, 72.3),
    "ed+seg": (97.7, 69.7, 71.2),
    "den+ed+seg": (98.6, 75.8, 76.4),
}


def test_every_figure_has_its_source_and_occurs_once():
    with resources.files("bench.paper").joinpath("published.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    keys = [(row["table"], row["method"], row["category"], row["metric"]) for row in rows]
    assert len(rows) == 571
    assert len(set(keys)) == len(keys)
    assert all(row["source"] and row["table"] for row in rows)
    assert all(0 <= float(row["mean"]) <= 100 for row in rows)


def test_table_4_is_found_under_the_names_of_the_variants():
    assert set(TABLE_4) == set(METHOD.design)
    for variant, row in TABLE_4.items():
        for metric, value in zip(ABLATION_METRICS, row, strict=True):
            figure = published_variant(MVTEC_CATEGORIES, METHOD, variant, metric=metric)
            assert figure.mean == value
            assert figure.std is None
            assert figure.source == "Zhang et al., CVPR 2023, Tab. 4"


TABLES_5_AND_6 = {
    ("5", "den+ed+seg+no-l1"): (97.9, 72.2, 74.4),
    ("5", "den+ed+seg"): (98.6, 75.8, 76.4),
    ("6", "den+ed+seg+features"): (98.0, 72.2, 72.6),
    ("6", "den+ed+seg+distances"): (98.5, 72.0, 74.5),
    ("6", "den+ed+seg"): (98.6, 75.8, 76.4),
}


@pytest.mark.parametrize(("table", "variant"), TABLES_5_AND_6)
def test_tables_5_and_6_are_found_under_the_names_of_the_variants(table, variant):
    for metric, value in zip(ABLATION_METRICS, TABLES_5_AND_6[table, variant], strict=True):
        figure = published_variant(MVTEC_CATEGORIES, METHOD, variant, metric=metric, table=table)
        assert (figure.mean, figure.source) == (value, f"Zhang et al., CVPR 2023, Tab. {table}")


def test_a_variant_that_the_paper_does_not_print():
    for variant in ("den+decoder+seg", "seg+no-l1"):
        assert published_variant(MVTEC_CATEGORIES, METHOD, variant, metric="iap") is None
    assert published_variant(MVTEC_CATEGORIES, METHOD, "seg", metric="iap", table="5") is None


@pytest.mark.parametrize(
    ("metric", "mean", "std"),
    [
        ("image_auroc", 98.6, 0.4),
        ("pixel_auroc", 97.9, 0.3),
        ("pixel_ap", 75.8, 0.8),
        ("pro", 94.4, 0.4),
        ("iap", 76.4, 1.0),
        ("iap90", 57.8, 1.8),
    ],
)
def test_the_full_method_over_all_categories(metric, mean, std):
    figure = published_over(MVTEC_CATEGORIES[::-1], metric=metric)
    assert (figure.mean, figure.std) == (mean, std)


@pytest.mark.parametrize("method", ["DeSTSeg", "STFPM", "DRAEM", "PatchCore"])
@pytest.mark.parametrize("metric", ["pixel_auroc", "pixel_ap", "iap", "iap90"])
def test_printed_averages_are_those_of_the_printed_categories(method, metric):
    table = ALL_METRICS[metric].table
    average = published(method=method, table=table, metric=metric)
    each = [
        published(method=method, table=table, metric=metric, category=category)
        for category in MVTEC_CATEGORIES
    ]
    assert average is not None
    # Both sides are rounded to a tenth.
    assert average.mean == pytest.approx(np.mean([figure.mean for figure in each]), abs=0.1)


def test_some_categories_are_averaged_over_the_same_ones():
    figure = published_over(("bottle", "cable"), metric="pixel_ap")
    assert figure.mean == pytest.approx((90.3 + 60.4) / 2)
    assert figure.std is None
    assert "2 categories" in figure.source


def test_one_category_keeps_its_std():
    figure = published_over(("bottle",), metric="pixel_ap")
    assert (figure.mean, figure.std) == (90.3, 1.8)


@pytest.mark.parametrize("metric", ["image_auroc", "pro"])
def test_an_average_over_all_never_stands_for_some(metric):
    assert published_over(("bottle", "cable"), metric=metric) is None
    assert published_over(MVTEC_CATEGORIES[:14], metric=metric) is None


def test_a_category_the_paper_does_not_know_has_no_figure():
    assert published_over(("bottle", "macaroni"), metric="pixel_ap") is None


def test_of_some_categories_only_the_full_variant_is_known():
    assert published_variant(("bottle",), METHOD, "den+ed", metric="pixel_ap") is None
    assert published_variant(("bottle",), METHOD, "den+ed+seg", metric="image_auroc") is None
    full = published_variant(("bottle",), METHOD, "den+ed+seg", metric="pixel_ap")
    assert full.mean == 90.3


def test_what_no_table_prints_is_none():
    assert published(method="US", table="2", metric="pixel_ap") is None
    assert published(method="DeSTSeg", table="7", metric="pixel_ap") is None


def test_metrics_printed_by_category():
    printed = {metric for metric in ALL_METRICS if prints_categories(metric)}
    assert printed == {"pixel_auroc", "pixel_ap", "iap", "iap90"}


def weights(factor):
    design = {
        name: {factor: is_on(METHOD.variants[name]) for factor, is_on in METHOD.factors.items()}
        for name in METHOD.design
    }
    return contrast_weights(design, factor)


@pytest.mark.parametrize("position", range(3))
def test_effects_follow_from_the_eight_rows(position):
    factor = ("den", "ed", "seg")[position]
    for column, metric in enumerate(ABLATION_METRICS):
        on = [row[column] for name, row in TABLE_4.items() if factor in name.split("+")]
        off = [row[column] for name, row in TABLE_4.items() if factor not in name.split("+")]
        assert len(on) == len(off) == 4
        effect = published_effect(MVTEC_CATEGORIES, METHOD, weights(factor), metric)
        assert effect == pytest.approx(np.mean(on) - np.mean(off))


def test_there_is_no_published_effect_on_some_categories_or_other_metrics():
    assert published_effect(("bottle",), METHOD, weights("seg"), "pixel_ap") is None
    assert published_effect(MVTEC_CATEGORIES, METHOD, weights("seg"), "pro") is None


def test_whole_is_all_fifteen_in_any_order():
    assert is_whole(sorted(MVTEC_CATEGORIES, reverse=True))
    assert not is_whole(MVTEC_CATEGORIES[:-1])
