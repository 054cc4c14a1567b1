"""What a run found, in three findings at most: all of it made from the numbers.

Where the two readings of a difference part, both are told: the interval for these categories under
new seeds, and whether it is shown for other categories, by the sign-flip p over these
(`bench.stats.contrast_p`). What is shown of an effect is what the table of effects says, with
Holm's correction; too few categories to show anything are said to be that.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bench.metrics import Metric
from bench.presentation.costs_table import cut_short
from bench.presentation.floors import deterministic, floor_gaps, interval_beside
from bench.presentation.formatting import format_percent, in_words, listed
from bench.presentation.notes import hardly_trained
from bench.presentation.statistics_tables import Family, shown_for
from bench.results.results import Results, Row
from bench.stats import (
    LEVEL,
    Interval,
    Scores,
    can_show,
    complete_seeds,
    contrast_effect,
    contrast_p,
    estimate,
)

_METRIC = "pixel_ap"

_OTHERS = "other categories"
"""What all readings call them; the last finding says what they are."""


def main_metric(results: Results) -> Metric:
    """Return the one metric that findings are told by: pixel AP where variants are compared by it.

    Localisation is what the parts of the paper's method are for; the tables have the others.
    """
    return next((m for m in results.headline if m.key == _METRIC), results.headline[0])


def findings(results: Results) -> tuple[str, ...]:
    """Say what the numbers show and what they do not, in three findings at most.

    Of a method whose factorial design is complete what its switches add comes first; then how
    the row that stands for all does beside the best of the others and the better floor; last what
    the numbers are of, and what follows from that. Of networks that hardly train nothing is found.
    """
    said = () if hardly_trained(results) else (*_effects(results), *_standing(results))
    return (*said, _limits(results, told=any(_OTHERS in sentence for sentence in said)))


@dataclass(frozen=True)
class _Difference:
    """A paired difference, and both of its readings.

    Attributes
    ----------
    interval
        For these categories under new seeds; where it was picked from several, for all at once.
    p, corrected
        For other categories: by itself, and for all comparisons at once where there are several.
    elsewhere
        Whether it is shown for those.
    """

    mean: float
    interval: Interval | None
    p: float | None
    corrected: float | None
    elsewhere: bool

    @property
    def decided(self) -> bool:
        """Whether its sign is decided for these categories."""
        return self.interval is not None and self.interval.excludes_zero

    @property
    def signed(self) -> str:
        """Such as ``"+0.1 points [−0.6, 0.7]"``."""
        return f"{_points(self.mean, '+')} points{_ends(self.interval)}"

    @property
    def size(self) -> str:
        """The same without the sign, such as ``"3.7 points [2.8, 4.7]"``."""
        ends = self.interval
        if ends is not None and self.mean < 0:
            ends = Interval(-ends.high, -ends.low)
        return f"{_points(abs(self.mean))} points{_ends(ends)}"


def _effects(results: Results) -> Iterator[str]:
    """Say what each factor adds, the largest effect first, as the table of effects has it."""
    method = results.known.get(results.method)
    if method is None or not method.factors:
        return
    metric, family = main_metric(results), Family(results, method)
    found = {}
    for name in method.factors:
        test = ((name,), metric.key)
        ours, corrected = contrast_effect(family.contrasts[test]), family.corrected.get(test)
        if ours.estimate.n:
            interval, both = ours.estimate.interval, shown_for(ours, corrected) == "both"
            found[name] = _Difference(ours.estimate.mean, interval, ours.p, corrected, both)
    if not found:
        return
    found = dict(sorted(found.items(), key=lambda item: -abs(item[1].mean)))
    these = "this category" if len(results.categories) == 1 else "these categories"
    tests = max(len(family.corrected), 1)
    tested = f" once corrected for the {tests} effects looked at"
    said = []
    for elsewhere in (True, False):
        group = {n: one for n, one in found.items() if one.decided and one.elsewhere is elsewhere}
        if group:
            moves = listed(
                f"{name} {'raises' if one.mean > 0 else 'lowers'} it by {one.size}"
                for name, one in group.items()
            )
            said.append(f"{moves} in {these}; {_elsewhere(group, results, tests, tested)}.")
    left = {name: one for name, one in found.items() if not one.decided}
    if left:
        sizes = listed(f"{name}: {one.signed}" for name, one in left.items())
        name, one = next(iter(left.items()))
        scores = complete_seeds(family.contrasts[(name,), metric.key])
        said.append(f"{sizes}{_open(scores, one.interval, 'effect')}.")
    many = "s" if len(found) > 1 else ""
    yield f"Main effect{many} of {listed(method.factors)} on {metric.display}: {' '.join(said)}"


def _standing(results: Results) -> Iterator[str]:
    """Say how far the row that stands for all is from the best other and from the better floor."""
    ours, metric = results.extremes[-1], main_metric(results)
    sign = 1 if metric.higher_is_better else -1
    own = results.scores(metric.key, method=ours[0], variant=ours[1])
    ahead = {
        row: sign * (own - results.scores(metric.key, method=row[0], variant=row[1]))
        for row in results.labels
        if row != ours
    }
    known = {row: contrast for row, contrast in ahead.items() if estimate(contrast).n}
    score = format_percent(estimate(own).mean, metric)
    said = [f"{results.labels[ours]} reaches {score} % {metric.display}."]
    for are_floors in (False, True):
        rows = [row for row in known if (row[0] in results.floors) is are_floors]
        if rows:
            nearest = min(rows, key=lambda row: estimate(known[row]).mean)
            said.append(_beside(results, (ours, nearest), known[nearest], len(rows)))
    if short := cut_short(results):
        said.append(short)
    if known:
        yield " ".join(said)


def _beside(results: Results, pair: tuple[Row, Row], ahead: Scores, count: int) -> str:
    """Say how far a row is ahead of another, the nearest of so many of its sort."""
    scores, other = complete_seeds(ahead), pair[1]
    mean, p = float(scores.mean()), contrast_p(ahead)
    # Above the nearest is above all of them, which needs no correction; that one of them is
    # better is found by looking at each (Bonferroni).
    picked = count if mean < 0 else 1
    interval = interval_beside(results, pair, ahead, 1 - (1 - LEVEL) / picked)
    p, tests, tested = None if p is None else min(p * picked, 1.0), picked, ""
    if other[0] in results.floors:
        gap = floor_gaps(results)[main_metric(results).key]
        p, tests, tested = gap.p, gap.tests, gap.corrected
    found = _Difference(mean, interval, p, None, p is not None and p <= 1 - LEVEL)
    what = f"{results.labels[other]}, {_rank(results, other, count)}"
    if not found.decided:
        return f"Against {what}: {found.signed}{_open(scores, interval, 'difference')}."
    few = not can_show(len(scores), tests)
    if picked > 1:
        what += f" (interval{'' if few else ' and p'} corrected for picking it)"
    many = int((scores.mean(axis=1) * mean > 0).sum())
    where = "in this category"
    if len(scores) > 1:
        where = f"on average, and in {many} of these {len(scores)} categories"
    side = "more" if mean > 0 else "less"
    others = _elsewhere({"": found}, results, tests, tested)
    said = f"It has {found.size} {side} than {what}, {where}; {others}."
    if other[0] in results.floors:
        said += (
            f" {deterministic([other[0]])}, so this interval reflects only "
            f"{results.labels[pair[0]]}'s variation between seeds."
        )
    return said


def _rank(results: Results, row: Row, count: int) -> str:
    """Such as ``"the best of the other 7 variants"``."""
    if row[0] in results.floors:
        return "the floor" if count == 1 else "the better floor"
    kind = "method" if len(results.learners) > 1 else "variant"
    return f"the only other {kind}" if count == 1 else f"the best of the other {count} {kind}s"


def _elsewhere(group: Mapping[str, _Difference], results: Results, tests: int, tested: str) -> str:
    """Say whether differences of one reading are shown for other categories.

    The names stand before their p where there are several; `tests` is for how many the least p
    is corrected, and `tested` what is said of that behind the first.
    """
    few = len(results.categories)
    if not can_show(few, tests):
        few_words = "one category" if few == 1 else f"{in_words(few)} categories"
        once = f" once corrected for {tests} tests" if can_show(few) else ""
        return f"{few_words} cannot reach p ≤ .05 for others{once}"
    ps: list[str] = []
    for name, one in group.items():
        if one.p is None:
            continue
        said = short_p(one.p) if len(group) == 1 else f"{name}: {short_p(one.p)}"
        if one.corrected is not None:
            said += f", and {_bare(one.corrected)}"
        said += "" if ps else tested
        if not one.elsewhere and one.corrected is not None and one.corrected <= 1 - LEVEL:
            said += ", but the interval for them reaches zero"
        ps.append(said)
    shown = next(iter(group.values())).elsewhere
    told = f" ({'; '.join(ps)})" if ps else ""
    return f"{'shown' if shown else 'not shown'} for {_OTHERS}{' too' if shown else ''}{told}"


def _open(scores: Scores, interval: Interval | None, what: str) -> str:
    """Say why an effect or a difference, of complete seeds, is not decided."""
    if interval is not None:
        return f"; no {what} detected"
    if scores.shape[1] > 1:
        return ", and as neither is random there is no interval"
    return ", which one seed leaves undecided"


def _limits(results: Results, *, told: bool) -> str:
    """Say what the numbers are of, and what they do not show; others where they are told of."""
    if results.not_comparable is not None:
        said = [results.not_comparable]
    else:
        where = f"Measured on {results.dataset}, under the paper's protocol"
        lacking = "all of its categories" if results.paper_setting else "its training"
        if results.reproduces:
            said = [f"{where} and in its setting: nothing here tells of other data."]
        else:
            said = [f"{where}, but not with {lacking}: no failure to reproduce follows."]
    these = "this category" if len(results.categories) == 1 else "these categories"
    brackets = "no intervals"
    if len(results.seeds) > 1:
        brackets = f"brackets are 95 % intervals for {these} under new seeds"
    of = f"{results.categories_text}, {results.seeds_text}"
    said.append(f"{_capitalised(of)}; {brackets}.")
    if told:
        said.append(
            f"{_capitalised(_OTHERS)} are ones like these that were not measured; the p-values "
            f"treat {these} as a random sample of such, which cannot be checked{_made(results)}."
        )
    return " ".join(said)


def _made(results: Results) -> str:
    """Say what is known against a random sample of categories."""
    if results.settings.get("dataset", {}).get("kind") != "miniature":
        return ""
    return "; the miniature's generators were written for this benchmark"


def _capitalised(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}"


def _ends(interval: Interval | None) -> str:
    """Such as ``" [1.3, 5.3]"``; nothing where there is no interval."""
    return "" if interval is None else f" [{_points(interval.low)}, {_points(interval.high)}]"


def _points(fraction: float, sign: str = "-") -> str:
    """Such as ``"4.1"`` or, with a true minus sign, ``"−3.7"``; in points."""
    return f"{100 * fraction:{sign}z.1f}".replace("-", "−")


def _bare(p: float) -> str:
    """Such as ``".25"`` or ``"< .001"``."""
    return short_p(p).removeprefix("p ").removeprefix("= ")


def short_p(p: float) -> str:
    """Such as ``"p = .25"``, with two significant digits, ``"p < .001"`` or ``"p = 1.0"``."""
    if p < 0.001:
        return "p < .001"
    digits = f"{p:.2g}"
    return f"p = {digits.replace('0.', '.', 1) if '.' in digits else '1.0'}"
