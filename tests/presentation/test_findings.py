import re
from dataclasses import replace

import numpy as np
import pytest

from bench.presentation.findings import findings, main_metric, short_p
from bench.presentation.floors import floor_gaps
from bench.presentation.tables import build_table
from tests.presentation.tabulated import CELLS, FEW_UPDATES, MINIATURE, MVTEC, with_floors


def measured(results, value, **changes):
    """Cells whose pixel AP is what a function of (variant, category's number) says, nearly."""
    cells = results.cells.copy()
    order = {name: number for number, name in enumerate(results.categories)}
    noise = np.random.default_rng(3).normal(0, 1e-4, len(cells))
    own = [
        value(variant, order[category])
        for variant, category in zip(cells["variant"], cells["category"], strict=True)
    ]
    return replace(results, cells=cells.assign(pixel_ap=own + noise), **changes)


def test_three_sentences_at_most_made_from_the_numbers():
    def value(variant, category):
        gain = 0.04 if "seg" in variant else 0.0
        if "ed" in variant.split("+"):  # much on few categories
            gain += 0.4 if category < 3 else -0.01
        return 0.3 + gain

    results = measured(MINIATURE, value)
    effects, standing, limits = findings(results)
    once = "once corrected for the 36 effects looked at)."
    assert effects.startswith(
        "Main effects of den, ed and seg on Pixel AP: seg raises it by 4.0 points [4.0, 4.0] in "
        f"these categories; shown for other categories too (p < .001, and .0022 {once} "
        "ed raises it by 7.2 points [7.2, 7.2] in these categories; not shown for other "
        f"categories (p = .25, and 1.0 {once} den: "
    )
    assert effects.endswith("]; no effect detected.")
    assert standing.startswith("den+ed+seg reaches 41.2 % Pixel AP. Against ")
    assert "the best of the other 7 variants: " in standing
    assert limits.startswith("Measured on the embedded miniature v1, 64 px, not on MVTec AD")
    assert "15 categories, 3 seeds (0, 1, 2); brackets are 95 % intervals for these" in limits
    assert "Other categories are ones like these that were not measured; the p-values" in limits
    assert limits.endswith("as a random sample of such, which cannot be checked.")
    of_miniature = replace(results, settings={"dataset": {"kind": "miniature"}})
    assert findings(of_miniature)[-1].endswith(
        "cannot be checked; the miniature's generators were written for this benchmark."
    )


def test_the_numbers_are_those_of_the_table_of_effects():
    def value(variant, category):
        return 0.3 + 0.04 * ("seg" in variant) - 0.01 * ("ed" in variant.split("+") and category)

    results = measured(MINIATURE, value)
    effects = build_table("effects", results).numbers.query("metric == 'pixel_ap'")
    said = findings(results)[0]
    for row in effects.itertuples():
        if row.shown_for == "neither":
            continue
        ends = sorted(abs(end) for end in (row.effect_low95, row.effect_high95))
        moves = "raises" if row.effect_mean > 0 else "lowers"
        size = f"{abs(row.effect_mean):.1f} points [{ends[0]:.1f}, {ends[1]:.1f}]"
        assert f"{row.factor} {moves} it by {size}" in said
        assert f"{short_p(row.p)}, and {short_p(row.p_holm).split('p ')[1].lstrip('= ')}" in said
    assert "seg raises" in said
    assert "ed lowers" in said


def test_effects_of_one_reading_share_a_sentence():
    def value(variant, category):
        return 0.3 + 0.4 * (category < 3) * (("seg" in variant) - ("ed" in variant.split("+")))

    said = findings(measured(MINIATURE, value))[0]
    assert "raises it by 8.0 points [8.0, 8.0] and " in said
    assert said.count("not shown for other categories (") == 1
    for name in ("seg", "ed"):
        assert re.search(rf"[(;] ?{name}: p\s= \.\d+, and \d?\.\d+", said)


def test_what_is_shown_elsewhere_is_what_the_table_of_effects_says():
    """A p that is small by itself and not once corrected shows nothing for other categories."""

    def value(variant, category):
        return 0.3 + ("seg" in variant) * (0.04 if category > 2 else -0.04)

    results = measured(MINIATURE, value)
    row = build_table("effects", results).numbers.query("metric == 'pixel_ap' and factor == 'seg'")
    assert row["p"].item() < 0.05 < row["p_holm"].item()
    assert row["shown_for"].item() == "these only"
    said = findings(results)[0]
    corrected = short_p(row["p_holm"].item()).removeprefix("p = ")
    alone = short_p(row["p"].item())
    assert f"in these categories; not shown for other categories ({alone}, and {corrected}" in said


@pytest.mark.parametrize(("count", "said"), [(1, "one category"), (5, "five categories")])
def test_too_few_categories_are_said_to_show_nothing_elsewhere(count, said):
    def value(variant, category):
        return 0.4 + 0.1 * (variant == "den+ed+seg") if "seg" in variant else 0.3

    results = measured(MINIATURE, value)
    effects, standing, limits = findings(replace(results, categories=results.categories[:count]))
    for sentence in (effects, standing):
        assert f"; {said} cannot reach p ≤ .05 for others" in sentence
        assert "p = " not in sentence
    assert "corrected" not in effects
    assert "Other categories" not in limits
    ten, eleven = (
        findings(replace(results, categories=results.categories[:number]))[0] for number in (10, 11)
    )
    limit = "cannot reach p ≤ .05 for others once corrected for 36 tests"
    assert f"; ten categories {limit}." in ten
    assert limit not in eleven
    assert "shown for other categories too (" in eleven


def test_that_one_of_many_is_better_is_read_from_the_stricter_interval():
    def value(variant, category):
        return {"den+ed+seg": 0.40, "seg": 0.42}.get(variant, 0.3)

    behind = findings(measured(MINIATURE, value))[1]
    seg = "than seg, the best of the other 7 variants"
    assert (
        f"It has 2.0 points [2.0, 2.0] less {seg} (interval and p corrected for picking" in behind
    )
    assert "on average, and in 15 of these 15 categories; shown for other categories too" in behind
    ahead = findings(measured(MINIATURE, lambda v, c: 0.44 if v == "den+ed+seg" else value(v, c)))[
        1
    ]
    assert f"It has 2.0 points [2.0, 2.0] more {seg}, on average" in ahead


def test_without_factors_the_other_and_the_floor_share_a_finding():
    whole = with_floors(MINIATURE, low=10, high=20)
    pair = {"DeSTSeg": ("seg", "den+ed+seg"), "pixel-nn": ("",)}
    standing, limits = findings(replace(whole, variants=pair))
    assert standing.startswith("den+ed+seg reaches ")
    assert "seg, the only other variant: " in standing
    assert " less than pixel-nn, the floor, on average" in standing
    assert standing.endswith(
        "pixel-nn is deterministic, so this interval reflects only den+ed+seg's variation between "
        "seeds."
    )
    whole = floor_gaps(replace(whole, variants=pair))["pixel_ap"]
    assert f"({short_p(whole.p)} corrected for three metrics" in standing
    assert limits.startswith("Measured on")


def test_one_seed_decides_nothing_and_says_so():
    said = findings(replace(MINIATURE, seeds=(0,)))
    assert said[0].endswith(" points, which one seed leaves undecided.")
    assert "raises" not in said[0]
    assert "[" not in "".join(said[:2])
    assert said[-1].endswith("1 seed (0); no intervals.")


def test_of_networks_that_hardly_train_nothing_is_found():
    (limits,) = findings(replace(MINIATURE, settings=FEW_UPDATES))
    assert limits.startswith("Measured on")


def test_what_is_not_measured_is_not_told_of():
    bare = replace(MINIATURE, cells=CELLS[CELLS["variant"] == "none"])
    assert len(findings(bare)) == 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "under the paper's protocol and in its setting: nothing here tells of other data"),
        ({"paper_setting": False}, "but not with its training: no failure to reproduce follows"),
        ({"categories": MVTEC.categories[:6]}, "but not with all of its categories"),
    ],
)
def test_on_mvtec_it_is_said_what_is_the_papers(changes, said):
    assert said in findings(replace(MVTEC, **changes))[-1]


def test_findings_are_told_by_localisation_where_it_is_measured():
    assert main_metric(MINIATURE).key == "pixel_ap"
    detection = replace(
        MINIATURE, metrics=tuple(m for m in MINIATURE.metrics if m.key == "image_auroc")
    )
    assert main_metric(detection).key == "image_auroc"


@pytest.mark.parametrize(
    ("p", "text"),
    [
        (0.2686, "p = .27"),
        (0.0513, "p = .051"),
        (0.0004, "p < .001"),
        (1.0, "p = 1.0"),
        (0.05, "p = .05"),
    ],
)
def test_a_p_has_two_digits(p, text):
    assert short_p(p) == text
