from itertools import product

import numpy as np
import pytest

from bench.methods import methods
from bench.methods.interface import Claim
from bench.metrics import ALL_METRICS
from bench.paper.claims import assess
from bench.paper.published import MVTEC_CATEGORIES, published_difference, published_methods
from bench.stats import MOST_SEEDS, new_seeds_interval

SEEDS = 3
METHOD = methods()["DeSTSeg"]
VARIANTS, ABLATION, CLAIMS = METHOD.variants, METHOD.design, METHOD.claims


def table(means, spread=0.01, seeds=SEEDS, seed=0):
    """A lookup of noisy scores about a mean for each variant or method; the rest is missing."""
    rng = np.random.default_rng(seed)
    known = {
        (metric, name): mean + rng.normal(0, spread, (15, seeds))
        for metric, (name, mean) in product(("iap", "pro"), means.items())
    }

    def lookup(metric, name):
        return known.get((metric, name), np.full((15, seeds), np.nan))

    return lookup


def claim(*pairs, metrics=("iap",)):
    return Claim("name", "statement", "4", metrics, pairs)


PAIR = claim(("seg", "none"))
TWO = claim(("seg", "none"), ("den+seg", "den"))


def test_every_claim_is_about_things_that_exist():
    assert len({one.name for one in CLAIMS}) == len(CLAIMS) == 12
    for one in CLAIMS:
        assert set(one.metrics) <= set(ALL_METRICS)
        of_variants = one.table in {comparison.table for comparison in METHOD.comparisons}
        known = VARIANTS if of_variants else published_methods(one.table)
        assert {side for pair in one.pairs for side in pair} <= set(known)
        assert len(set(one.pairs)) == len(one.pairs)
        assert len(one.statement) < 46, "claims stand in one line of a table"


def test_the_paper_itself_prints_every_pair_as_it_is_claimed():
    for one in CLAIMS:
        for metric, (better, worse) in product(one.metrics, one.pairs):
            effect = published_difference(
                MVTEC_CATEGORIES, METHOD, (better, worse), metric=metric, table=one.table
            )
            assert effect is not None, (one.name, metric)
            assert effect > 0, (one.name, metric, better, worse)


def test_the_full_variant_is_compared_with_all_seven_others():
    (best,) = (one for one in CLAIMS if one.name == "full-is-best")
    assert {worse for _, worse in best.pairs} == set(ABLATION) - {"den+ed+seg"}
    assert {better for better, _ in best.pairs} == {"den+ed+seg"}


def test_seg_is_tried_at_every_setting_of_den_and_ed():
    (helps,) = (one for one in CLAIMS if one.name == "seg-helps")
    for better, worse in helps.pairs:
        with_seg, without = VARIANTS[better], VARIANTS[worse]
        assert (with_seg.den, with_seg.student) == (without.den, without.student)
        assert (with_seg.seg, without.seg) == (True, False)
    assert len({worse for _, worse in helps.pairs}) == 4


@pytest.mark.parametrize(("gain", "verdict"), [(0.1, "holds"), (-0.1, "fails"), (0.0, "undecided")])
def test_a_verdict_follows_from_the_interval(gain, verdict):
    found = assess(PAIR, table({"none": 0.5, "seg": 0.5 + gain}))
    assert found.verdict == verdict
    assert found.n == SEEDS
    interval = found.weakest.interval
    sides = {"holds": interval.low > 0, "fails": interval.high < 0}
    assert sides.get(verdict, not interval.excludes_zero)


def test_of_two_equals_one_is_found_better_about_once_in_forty():
    verdicts = [
        assess(PAIR, table({"none": 0.5, "seg": 0.5}, seed=seed)).verdict for seed in range(2000)
    ]
    assert 0.015 <= verdicts.count("holds") / 2000 <= 0.035
    assert 0.015 <= verdicts.count("fails") / 2000 <= 0.035


def test_many_pairs_of_equals_are_not_contradicted_more_often_than_one():
    pairs = [(variant, "none") for variant in ABLATION if variant != "none"]
    many, means = claim(*pairs, metrics=("iap", "pro")), dict.fromkeys(ABLATION, 0.5)
    verdicts = [assess(many, table(means, seed=seed)).verdict for seed in range(120)]
    assert verdicts.count("fails") / 120 <= 0.05
    assert "holds" not in verdicts


def test_a_claim_holds_only_where_all_its_pairs_do():
    means = {"none": 0.4, "seg": 0.5, "den": 0.4}
    assert assess(TWO, table(means | {"den+seg": 0.5})).verdict == "holds"
    assert assess(TWO, table(means | {"den+seg": 0.4})).verdict == "undecided"
    contradicted = assess(TWO, table(means | {"den+seg": 0.3}))
    assert contradicted.verdict == "fails"
    assert (contradicted.weakest.better, contradicted.weakest.worse) == ("den+seg", "den")
    assert [part.holds for part in contradicted.parts] == [True, False]


def test_what_is_not_measured_is_never_undecided_nor_dropped():
    nothing = assess(TWO, table({"ed": 0.5}))
    assert (nothing.verdict, nothing.parts, nothing.total) == ("unmeasured", (), 2)
    assert (nothing.weakest, nothing.n, nothing.seeds) == (None, 0, None)
    half = assess(TWO, table({"none": 0.4, "seg": 0.5}))
    assert (half.verdict, len(half.parts)) == ("unmeasured", 1)
    # One pair is enough to contradict a claim on all of them.
    assert assess(TWO, table({"none": 0.5, "seg": 0.4})).verdict == "fails"


def test_one_seed_decides_nothing_and_foretells_nothing():
    found = assess(PAIR, table({"none": 0.1, "seg": 0.9}, seeds=1))
    assert (found.verdict, found.n, found.seeds) == ("undecided", 1, None)


def test_methods_are_compared_like_variants():
    rivals = claim(("DeSTSeg", "PatchCore"))
    means = {"DeSTSeg": 0.7, "PatchCore": 0.6, "none": 0.1}
    found = assess(rivals, table(means))
    assert found.verdict == "holds"
    assert found.weakest.estimate.mean == pytest.approx(0.1, abs=0.02)


def test_seeds_to_decide_are_those_of_the_slowest_pair():
    means = {"none": 0.5, "seg": 0.51, "den": 0.5, "den+seg": 0.504}
    found = assess(TWO, table(means, spread=0.02, seed=1))
    assert found.verdict == "undecided"
    assert all(part.estimate.mean > 0 for part in found.parts)
    assert found.seeds == max(part.seeds or 0 for part in found.parts)
    assert 2 < found.seeds <= MOST_SEEDS


def test_where_a_pair_points_the_other_way_the_quickest_of_these_decides():
    means = {"none": 0.5, "seg": 0.55, "den": 0.5, "den+seg": 0.492}
    found = assess(TWO, table(means, spread=0.02, seed=1))
    assert found.verdict == "undecided"
    against = [part for part in found.parts if part.estimate.mean < 0]
    assert [part.better for part in against] == ["den+seg"]
    assert found.seeds == against[0].seeds


def test_the_least_favoured_part_is_the_one_the_verdict_rests_on():
    pairs = [(variant, "none") for variant in ABLATION if variant != "none"]
    many = claim(*pairs, metrics=("iap", "pro"))
    seen = set()
    for seed, gain in product(range(8), (-0.006, 0.0, 0.01)):
        means = {name: 0.5 + gain * (name != "none") for name in ABLATION}
        found = assess(many, table(means, seed=seed))
        low, high = found.weakest.interval.low, found.weakest.interval.high
        said = "holds" if low > 0 else "fails" if high < 0 else "undecided"
        assert said == found.verdict
        seen.add(said)
    assert seen == {"holds", "fails", "undecided"}


def test_a_part_without_any_spread_is_never_the_weakest_of_a_claim_that_has_another():
    def lookup(metric, name):
        gain = 0.001 if metric == "pro" else 0.1
        noise = np.random.default_rng(0).normal(0, 0.01, (15, SEEDS))
        return 0.5 + (name == "seg") * (gain + (metric == "iap") * noise)

    found = assess(claim(("seg", "none"), metrics=("iap", "pro")), lookup)
    assert found.verdict == "holds"
    assert found.weakest.metric == "iap"


def test_other_categories_are_told_by_the_categories_themselves():
    holds = assess(TWO, table({"none": 0.4, "seg": 0.5, "den": 0.4, "den+seg": 0.5}))
    assert holds.p_elsewhere == max(part.p for part in holds.parts) == 2 / 2**15
    fails = assess(TWO, table({"none": 0.5, "seg": 0.4, "den": 0.4, "den+seg": 0.5}))
    assert fails.p_elsewhere == 2 * 2 / 2**15
    assert (holds.looks, fails.looks) == (1, 2)
    assert assess(PAIR, table({"none": 0.5, "seg": 0.5})).p_elsewhere is None
    assert assess(PAIR, table({"none": 0.1, "seg": 0.9}, seeds=1)).p_elsewhere is None


def test_the_p_of_a_claim_that_fails_is_that_of_the_part_that_is_shown():
    """Another opposed part may have a smaller p than the one of least favour."""
    order = np.arange(15)

    def lookup(metric, name):
        if name != "seg":
            return np.full((15, SEEDS), 0.5)
        steady, uneven = np.full(15, 0.01), np.where(order < 12, 0.1, -0.1)
        noise = np.linspace(-1, 1, SEEDS) * (5e-3 if metric == "iap" else 1e-3)
        return 0.5 - (steady if metric == "iap" else uneven)[:, None] + noise

    found = assess(claim(("seg", "none"), metrics=("iap", "pro")), lookup)
    assert found.verdict == "fails"
    assert found.weakest.metric == "pro"
    assert found.p_elsewhere == 2 * found.weakest.p > 2 * min(part.p for part in found.parts)


def test_a_decided_claim_needs_no_seeds():
    assert assess(PAIR, table({"none": 0.4, "seg": 0.6})).seeds is None


def test_a_claim_on_one_metric_keeps_the_levels_of_the_whole():
    means = {"none": 0.5, "seg": 0.5}
    both = claim(("seg", "none"), metrics=("iap", "pro"))
    for seed in range(40):
        found = assess(both, table(means, seed=seed))
        each = [found.on(metric) for metric in both.metrics]
        assert [one.total for one in each] == [1, 1]
        assert [part for one in each for part in one.parts] == list(found.parts)
        assert ("fails" in [one.verdict for one in each]) == (found.verdict == "fails")
        strict = [part.opposed for part in found.parts]
        lookup = table(means, seed=seed)
        expected = [
            new_seeds_interval(lookup(m, "seg") - lookup(m, "none"), 0.975).high < 0
            for m in both.metrics
        ]
        assert strict == expected
