import itertools

import pytest

from bench.experiment.experiment import variant_suggestion
from bench.methods import method
from bench.methods.destseg import METHOD, Config
from bench.methods.destseg.variants import Variant
from bench.paper.published import published
from destseg.config import AnomalyConfig, ModelConfig, TrainingConfig

PAPER_ORDER = ["none", "den", "ed", "seg", "den+ed", "den+seg", "ed+seg", "den+ed+seg"]


def test_eight_variants_in_the_order_of_the_papers_table_4():
    assert list(METHOD.design) == PAPER_ORDER
    variants = [METHOD.variants[name] for name in METHOD.design]
    switches = {tuple(on(v) for on in METHOD.factors.values()) for v in variants}
    assert switches == set(itertools.product([False, True], repeat=3))
    assert all(v.l1 and v.fusion_input == "product" for v in variants)
    assert METHOD.variants[METHOD.full] == Variant(den=True, student="encoder-decoder", seg=True)


@pytest.mark.parametrize("name", PAPER_ORDER)
def test_a_name_lists_what_is_on(name):
    variant = METHOD.variants[name]
    on = [flag for flag, is_on in METHOD.factors.items() if is_on(variant)]
    assert name == variant.name == ("+".join(on) or "none")


def test_every_switch_has_a_name():
    variants = METHOD.variants
    assert len(variants) == len(set(variants.values())) == 2 * 3 * (1 + 2 * 3)
    assert variants["den+decoder+seg"].student == "decoder"
    assert not variants["den+decoder+seg"].ed
    both = variants["ed+seg+no-l1+distances"]
    assert (both.den, both.ed, both.l1, both.fusion_input) == (False, True, False, "distances")
    assert all(v.seg or (v.l1 and v.fusion_input == "product") for v in variants.values())


@pytest.mark.parametrize(
    "rows",
    [
        ("den+ed+seg+no-l1", "den+ed+seg"),
        ("den+ed+seg+features", "den+ed+seg+distances", "den+ed+seg"),
        ("none", "ed", "den+ed+seg"),
    ],
)
def test_order_of_the_papers_tables(rows):
    assert METHOD.ordered(reversed(rows)) == rows


@pytest.mark.parametrize(
    ("meant", "nearest"),
    [
        ("seg+den+ed", "den+ed+seg"),
        ("Den + Ed + Seg", "den+ed+seg"),
        ("den+encoder-decoder+seg", "den+ed+seg"),
        ("den+ed+seg+no_l1", "den+ed+seg+no-l1"),
        ("den+ed+seg+feature", "den+ed+seg+features"),
        ("nonee", "none"),
    ],
)
def test_the_nearest_variant_is_named(meant, nearest):
    assert variant_suggestion(meant, list(METHOD.variants)) == f"did you mean {nearest}?"


def test_every_row_of_the_papers_tables_is_published():
    for comparison in METHOD.comparisons:
        for variant, row in comparison.published.items():
            assert variant in METHOD.variants
            assert published(method=row, table=comparison.table, metric="pixel_ap") is not None


@pytest.mark.parametrize(
    ("config", "papers"),
    [
        (Config(), True),
        (Config(training=TrainingConfig(den_off_statistics="both", data_stream="whole")), True),
        (Config(anomalies=AnomalyConfig(rotation_stream="fixed")), True),
        (Config(training=TrainingConfig(student_steps=999)), False),
        (Config(training=TrainingConfig(head_lr=0.02)), False),
        (Config(model=ModelConfig(width=32)), False),
        (Config(anomalies=AnomalyConfig(threshold=0.4)), False),
    ],
)
def test_the_papers_setting_is_known_as_such(config, papers):
    assert METHOD.is_papers(config) == papers


def test_it_is_the_first_of_the_methods():
    assert method("DeSTSeg") is METHOD
