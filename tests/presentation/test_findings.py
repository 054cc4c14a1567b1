from dataclasses import replace

import numpy as np
import pytest

from bench.presentation.findings import findings, main_metric, short_p
from bench.presentation.tables import build_table
from tests.presentation.tabulated import CELLS, MINIATURE, MVTEC, with_floors


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

    effects, standing, limits = findings(measured(MINIATURE, value))
    assert effects.startswith("What den, ed and seg add to Pixel AP, in points (p corrected for ")
    assert "method): ed +7.2 [7.2, 7.2]" in effects
    seg = "seg +4.0 [4.0, 4.0] (p < .001, corrected .0022) for these categories and others of this"
    assert seg in effects
    ed, *_ = effects.split(";")
    assert "ed +7.2 [7.2, 7.2] (p = .25, corrected 1) for these categories, not shown for" in ed
    assert standing.startswith("By Pixel AP den+ed+seg (41.2) is ")
    assert "the best of the other 7" in standing
    assert limits.startswith("Measured on the embedded miniature v1, 64 px, not on MVTec AD")
    assert "3 seeds (0, 1, 2)" in limits


def test_the_numbers_are_those_of_the_table_of_effects():
    effects = build_table("effects", MINIATURE).numbers.query("metric == 'pixel_ap'")
    said = findings(MINIATURE)[0]
    for row in effects.itertuples():
        interval = f"[{row.effect_low95:.1f}, {row.effect_high95:z.1f}]".replace("-", "−")
        shown = f"{row.factor} {row.effect_mean:+.1f} ".replace("-", "−")
        assert f"{shown}{interval} ({short_p(row.p)}, corrected {row.p_holm:.0f})" in said
    assert "(p corrected for the 36 tests of all effects, by Holm's method)" in said


def test_what_is_shown_elsewhere_is_what_the_table_of_effects_says():
    """A p that is small by itself and not once corrected shows nothing for other categories."""

    def value(variant, category):
        return 0.3 + (0.04 if "seg" in variant and category != 0 else 0.0)

    results = measured(MINIATURE, value)
    results = replace(results, categories=results.categories[:9])
    row = build_table("effects", results).numbers.query("metric == 'pixel_ap' and factor == 'seg'")
    assert row["p"].item() < 0.05 < row["p_holm"].item()
    assert row["shown_for"].item() == "these only"
    said = findings(results)[0]
    corrected = short_p(row["p_holm"].item()).removeprefix("p = ")
    assert f"corrected {corrected}) for these categories, not shown for others of this kind" in said


@pytest.mark.parametrize(("count", "said"), [(1, "one category"), (5, "five categories")])
def test_too_few_categories_are_said_to_show_nothing_elsewhere(count, said):
    def value(variant, category):
        return 0.4 + 0.1 * (variant == "den+ed+seg") if "seg" in variant else 0.3

    results = measured(MINIATURE, value)
    effects, standing, _ = findings(replace(results, categories=results.categories[:count]))
    for sentence in (effects, standing):
        assert f"{said} can show nothing of others of this kind" in sentence
        assert "p = " not in sentence
    assert "corrected" not in effects
    six = findings(replace(results, categories=results.categories[:6]))[0]
    assert "(p = .031, corrected 1) for these categories, not shown for others" in six


def test_that_one_of_many_is_better_is_read_from_the_stricter_interval():
    def value(variant, category):
        return {"den+ed+seg": 0.40, "seg": 0.42}.get(variant, 0.3)

    behind = findings(measured(MINIATURE, value))[1]
    assert "below seg, the best of the other 7 (interval and p for all 7 at once): −2.0" in behind
    ahead = findings(measured(MINIATURE, lambda v, c: 0.44 if v == "den+ed+seg" else value(v, c)))[
        1
    ]
    assert "above seg, the best of the other 7: +2.0" in ahead


def test_without_factors_the_best_other_and_the_floor_have_a_sentence_each():
    whole = with_floors(MINIATURE, low=10, high=20)
    pair = {"DeSTSeg": ("seg", "den+ed+seg"), "pixel-nn": ("",)}
    joined = replace(whole, variants=pair)
    other, under, limits = findings(joined)
    assert other.startswith("By Pixel AP den+ed+seg (")
    assert ", the other: " in other
    assert under.startswith("It is below pixel-nn, the floor: −")
    assert limits.startswith("Measured on")


def test_one_seed_decides_nothing_and_says_so():
    said = findings(replace(MINIATURE, seeds=(0,)))
    assert "(one seed: nothing is decided)" in said[0]
    assert "[" not in "".join(said[:2])
    assert said[-1].endswith("1 seed (0), no intervals.")


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
    ("p", "text"), [(0.2686, "p = .27"), (0.0513, "p = .051"), (0.0004, "p < .001"), (1.0, "p = 1")]
)
def test_a_p_has_two_digits(p, text):
    assert short_p(p) == text
