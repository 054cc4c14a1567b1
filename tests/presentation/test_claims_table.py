from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from bench.metrics.protocol import PROTOCOLS
from bench.paper.published import MVTEC_CATEGORIES, published_over, published_variant
from bench.presentation.claims_table import claims_table, verdicts_table
from tests.presentation.tabulated import BOTH, METHOD, MINIATURE, MVTEC, of

CLAIMS = METHOD.claims

WORDS = ("reproduced", "contradicted")


@pytest.fixture(scope="module")
def as_published():
    """Cells whose means are the paper's Table 4, with a little noise."""
    rng = np.random.default_rng(0)
    cells = MVTEC.cells
    moved = cells.copy()
    for metric in ("image_auroc", "pixel_ap", "iap"):
        means = {
            variant: published_variant(MVTEC_CATEGORIES, METHOD, variant, metric=metric).mean
            for variant in cells["variant"].unique()
        }
        moved[metric] = cells["variant"].map(means) / 100 + rng.normal(0, 0.004, len(cells))
    return moved


def verdicts(table):
    frame = table.formatted
    return frame.set_index(["Claim", "Metric"])["Verdict"].to_dict()


def on_table_4(found, *, elsewhere=False):
    """What is said of the claims on Table 4, or of those on others."""
    chosen = {claim.statement for claim in CLAIMS if (claim.table == "4") != elsewhere}
    return {verdict for (claim, _), verdict in found.items() if claim in chosen}


def test_every_claim_has_a_row_and_one_for_each_of_several_metrics():
    found = verdicts(claims_table(MINIATURE))
    assert len(found) == sum(len(c.metrics) + (len(c.metrics) > 1) for c in CLAIMS)
    assert {claim for claim, _ in found} == {claim.statement for claim in CLAIMS}


def test_verdicts_are_the_claims_table_without_its_metrics(as_published):
    for results in (MINIATURE, of(MVTEC, as_published)):
        short = verdicts_table(results)
        long = claims_table(results)
        whole = long.numbers.drop_duplicates("claim").reset_index(drop=True)
        as_numbers = {"p_elsewhere": float}  # where nothing is decided there is none at all
        pd.testing.assert_frame_equal(short.numbers.astype(as_numbers), whole.astype(as_numbers))
        assert short.formatted["Verdict"].tolist() == short.numbers["verdict"].tolist()
        assert short.formatted.columns[1] == "Verdict"
    count = sum(claim.table == "4" for claim in CLAIMS)
    assert f"{len(CLAIMS)} claims: {count} reproduced; {len(CLAIMS) - count} not measured." in (
        short.markdown()
    )


def test_on_the_papers_own_ground_claims_are_reproduced(as_published):
    found = verdicts(claims_table(of(MVTEC, as_published)))
    assert on_table_4(found) == {"reproduced"}
    assert on_table_4(found, elsewhere=True) == {"not measured"}


def test_reversed_cells_contradict_every_claim(as_published):
    reversed_ = as_published.assign(
        **{metric: 1 - as_published[metric] for metric in ("image_auroc", "pixel_ap", "iap")}
    )
    found = verdicts(claims_table(of(MVTEC, reversed_)))
    assert on_table_4(found) == {"contradicted"}


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"standing": "own", "dataset": "the embedded miniature v1, 64 px"}, "the embedded minia"),
        ({"standing": "own", "dataset": "a folder of own images, 256 px"}, "a folder of own ima"),
        (
            {"standing": "resized", "dataset": "a resized copy of MVTec AD, 256 px"},
            "a resized copy of MVTec AD",
        ),
        ({"paper_setting": False}, "MVTec AD, 256 px, 15 categories"),
        ({"categories": MVTEC_CATEGORIES[:9]}, "MVTec AD, 256 px, 9 categories"),
        ({"protocol": PROTOCOLS["crop224"]}, "MVTec AD, 256 px, 15 categories"),
    ],
)
def test_nothing_else_is_ever_called_a_reproduction(as_published, change, where):
    cells = as_published.assign(protocol=change.get("protocol", MVTEC.protocol).label)
    for moved in (cells, cells.assign(iap=1 - cells["iap"])):
        table = claims_table(of(MVTEC, moved, **change))
        for form in (table.markdown(), table.csv(), table.latex(), table.text()):
            assert not [word for word in WORDS if word in form]
        found = set(verdicts(table).values())
        assert any(verdict.startswith(f"holds on {where}") for verdict in found)
    assert any(verdict.startswith(f"does not hold on {where}") for verdict in found)


def test_published_effects_stand_beside_on_mvtec_alone(as_published):
    table = claims_table(of(MVTEC, as_published))
    line = table.formatted.set_index(["Claim", "Metric"]).loc[
        ("den alone hurts the plain student", "IAP")
    ]
    assert line["Paper"] == f"+{55.8 - 53.9:.2f}"
    assert line["Weakest pair"] == "none over den"
    assert "Paper" not in claims_table(of(MINIATURE, as_published)).formatted


def test_the_weakest_pair_is_shown_with_its_own_effect(as_published):
    lines = claims_table(of(MVTEC, as_published)).numbers.set_index(["claim", "metric"])
    line = lines.loc[("full-is-best", "all")]
    better, worse = (
        of(MVTEC, as_published).scores(line["weakest_metric"], variant=line[side])
        for side in ("weakest_better", "weakest_worse")
    )
    assert line["effect_mean"] == pytest.approx(100 * (better - worse).mean())
    assert line["pairs_holding"] == line["pairs"] == 21


def test_undecided_claims_say_how_many_seeds_would_decide_them():
    # Cells without any effect.
    frame = claims_table(MVTEC).formatted
    undecided = frame[frame["Verdict"] == "undecided with 3 seeds"]
    assert len(undecided)
    for needed in undecided["Seeds to decide"]:
        assert needed == "more than 100" or 2 <= int(needed) <= 100
    assert set(frame[frame["Verdict"] == "not measured"]["Seeds to decide"]) == {"—"}


@pytest.mark.parametrize("moved", [-0.02, -0.006, 0.0, 0.02])
def test_a_verdict_never_contradicts_the_interval_beside_it(as_published, moved):
    full = as_published["variant"] == "den+ed+seg"
    cells = as_published.assign(iap=as_published["iap"] + np.where(full, moved, 0))
    table = claims_table(of(MVTEC, cells))
    lines = table.numbers[table.numbers["verdict"] != "not measured"]
    assert len(lines) > 12
    for line in lines.to_dict("records"):
        low, high = line["deciding_low"], line["deciding_high"]
        said = {"reproduced": low > 0, "contradicted": high < 0}
        assert said.get(line["verdict"], low <= 0 <= high)
    best = table.formatted["Claim"] == "the full variant is the best of the eight"
    printed = table.formatted[best]
    # 21 looks for a pair that is reversed; one is enough where none is.
    assert set(printed["Level"]) <= {"95 %", f"{100 - 5 / 21:.3g} %"}


@pytest.mark.parametrize(("categories", "said"), [(15, "shown, p "), (2, "not shown, p = 0.5")])
def test_a_verdict_that_a_few_categories_carry_is_not_one_on_others_of_their_kind(
    as_published, categories, said
):
    metrics = ("image_auroc", "pixel_ap", "iap")
    helped = as_published["category"].isin(MVTEC_CATEGORIES[:categories])
    helped &= as_published["variant"] == "none"
    level = 0.5 + 0.2 * helped + 0.001 * as_published["seed"]
    table = claims_table(of(MVTEC, as_published.assign(**dict.fromkeys(metrics, level))))
    line = table.formatted.set_index(["Claim", "Metric"]).loc[
        ("den alone hurts the plain student", "all")
    ]
    assert line["Verdict"] == "reproduced"
    assert line["Other categories"].startswith(said)


def test_one_seed_decides_nothing(as_published):
    table = claims_table(of(replace(MVTEC, seeds=(0,)), as_published))
    assert set(verdicts(table).values()) == {"undecided with 1 seed", "not measured"}
    assert set(table.formatted["Seeds to decide"]) == {"—"}
    assert "no interval exists" in table.markdown()


def test_a_rival_that_is_measured_is_compared_and_the_rest_named():
    ours = BOTH.cells["method"] == "DeSTSeg"
    cells = BOTH.cells.assign(pixel_ap=0.5 + 0.2 * ours + 0.01 * BOTH.cells["seed"])
    line = (
        claims_table(of(BOTH, cells))
        .formatted.set_index("Claim")
        .loc["DeSTSeg localises best of all methods"]
    )
    assert line["Verdict"] == "not measured but 1 of 4 pairs"
    assert line["Effect"] == "+20.00"
    paper = published_over(MVTEC_CATEGORIES, metric="pixel_ap").mean - 61.2
    assert line["Paper"] == f"+{paper:.2f}"
