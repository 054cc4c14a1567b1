from dataclasses import replace

import pytest

from bench.presentation.claims_table import claims_table
from bench.presentation.report.verdicts import view_verdicts
from tests.presentation.tabulated import CELLS, MINIATURE, MVTEC


def with_gain(results, **gains):
    """Cells of which each variant has so much on all metrics, and a little noise."""
    cells = CELLS.copy()
    for metric in ("image_auroc", "pixel_ap", "iap"):
        cells[metric] = cells["variant"].map(gains).fillna(0.5) + (cells[metric] - 0.03) / 5
    return replace(results, cells=cells)


def verdict(results, claim):
    (found,) = (one for one in view_verdicts(results).measured if one.claim == claim)
    return found


@pytest.mark.parametrize(
    ("results", "gain", "word"),
    [
        (MINIATURE, 0.6, "holds here"),
        (MINIATURE, 0.4, "does not hold here"),
        (MVTEC, 0.6, "reproduced"),
        (MVTEC, 0.4, "contradicted"),
    ],
)
def test_only_the_papers_own_setting_reproduces_or_contradicts(results, gain, word):
    found = verdict(with_gain(results, none=gain), "den alone hurts the plain student")
    assert found.word == word
    assert (found.sign, found.kind) == (("✓", "holds") if gain > 0.5 else ("✗", "fails"))


def test_beside_a_verdict_stands_the_interval_that_it_is_read_from():
    """No undecided claim stands beside an interval without zero, and no decided one beside one."""
    everything = view_verdicts(with_gain(MINIATURE, **{"none": 0.4, "den+ed+seg": 0.6}))
    kinds = set()
    for one in (*everything.measured, *everything.by_metric):
        low, high = (float(end.replace("−", "-")) for end in one.interval.strip("[]").split(", "))
        assert (low <= 0 <= high) == (one.kind == "undecided"), one
        assert (high < 0) == (one.kind == "fails"), one
        kinds.add(one.kind)
    assert kinds == {"fails", "holds", "undecided"}
    fallen = verdict(with_gain(MINIATURE, none=0.4), "den alone hurts the plain student")
    assert fallen.level == "95 % for all 3 pairs at once"
    assert fallen.elsewhere.startswith("shown too (p")
    assert "three families of tests" in everything.families


def test_claims_of_other_variants_and_methods_are_told_apart():
    found = view_verdicts(MINIATURE)
    assert {one.word for one in found.unmeasured} == {"not measured"}
    assert "DeSTSeg detects best of all methods" in {one.claim for one in found.unmeasured}
    assert not {one.claim for one in found.unmeasured} & {one.claim for one in found.measured}
    assert {one.metric for one in found.by_metric} == {"Image AUROC", "Pixel AP", "IAP"}


def test_one_seed_has_no_interval_and_decides_nothing():
    one = view_verdicts(replace(MINIATURE, seeds=(0,))).measured[0]
    assert (one.kind, one.interval, one.level, one.elsewhere, one.seeds) == (
        "undecided", "—", "", "", "",
    )  # fmt: skip


def test_categories_too_few_to_show_it_elsewhere_are_said_to_be_that():
    pair = replace(MINIATURE, categories=MINIATURE.categories[:2])
    results = with_gain(pair, none=0.4)
    said = "two categories cannot show it"
    assert verdict(results, "den alone hurts the plain student").elsewhere == said
    assert said in claims_table(results).formatted["Other categories"].tolist()
