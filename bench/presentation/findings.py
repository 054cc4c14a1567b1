"""What a run found, in three sentences at most: all of it made from the numbers.

Where the two readings of a difference part, a sentence carries both: the interval for these
categories under new seeds, and whether it is shown for others of this kind, by the sign-flip p
over them (`bench.stats.contrast_p`). What is shown of an effect is what the table of effects says,
with Holm's correction; too few categories to show anything are said to be that.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from bench.metrics import Metric
from bench.presentation.formatting import format_percent, in_words, listed
from bench.presentation.statistics_tables import Family, shown_for
from bench.results.results import Results
from bench.stats import (
    LEVEL,
    Interval,
    Scores,
    can_show,
    contrast_effect,
    contrast_p,
    estimate,
    new_seeds_interval,
)

_METRIC = "pixel_ap"


def main_metric(results: Results) -> Metric:
    """Return the one metric that findings are told by: pixel AP where variants are compared by it.

    Localisation is what the parts of the paper's method are for; the tables have the others.
    """
    return next((m for m in results.headline if m.key == _METRIC), results.headline[0])


def findings(results: Results) -> tuple[str, ...]:
    """Say what the numbers show and what they do not, in three sentences at most.

    Of a method whose factorial design is complete what its switches add comes first; then how
    the row that stands for all does beside the best of the others and the better floor; last what
    the numbers are of, and what follows from that.
    """
    effects, standing = tuple(_effects(results)), tuple(_standing(results))
    if effects and standing:
        standing = ("; ".join(standing),)
    said = (*effects, *standing, _limits(results))
    return tuple(f"{sentence[0].upper()}{sentence[1:]}." for sentence in said)


@dataclass(frozen=True)
class _Difference:
    """A paired difference, and both of its readings.

    Attributes
    ----------
    interval
        For these categories under new seeds, for all comparisons at once.
    p
        For other categories of this kind, for all comparisons at once.
    elsewhere
        Whether it is shown for those.
    categories
        How many there are.
    corrected
        The p of an effect by Holm's method, over the table of effects.
    """

    mean: float
    interval: Interval | None
    p: float | None
    elsewhere: bool
    categories: int
    corrected: float | None = None

    @property
    def too_few(self) -> bool:
        """Whether no difference at all could be shown for other categories."""
        return not can_show(self.categories)

    @property
    def has_p(self) -> bool:
        """Whether p says something."""
        return self.p is not None and not self.too_few

    @property
    def in_points(self) -> str:
        """Such as ``"+3.3 [1.3, 5.3] (p = .25, corrected 1)"``."""
        if self.interval is None:
            return _points(self.mean, "+")
        ends = f"[{_points(self.interval.low)}, {_points(self.interval.high)}]"
        said = f"{_points(self.mean, '+')} {ends}"
        if self.p is None or not self.has_p:
            return said
        corrected = "" if self.corrected is None else f", corrected {_bare(self.corrected)}"
        return f"{said} ({short_p(self.p)}{corrected})"

    @property
    def reading(self) -> str:
        """What is decided, in words that follow the number."""
        if self.interval is None:
            return " (one seed: nothing is decided)"
        if not self.interval.excludes_zero:
            return ", not decided"
        if self.too_few:
            many = f"{in_words(self.categories)} categories"
            count = "one category" if self.categories == 1 else many
            return f" here; {count} can show nothing of others of this kind"
        if self.elsewhere:
            return " for these categories and others of this kind"
        return " for these categories, not shown for others of this kind"


def _read(found: Mapping[str, _Difference]) -> str:
    """Name differences, those together of which the same is decided.

    Such as ``"seg +3.3 [1.3, 5.3] (p = .25) for these categories, not shown for …"``.
    """
    groups: dict[str, dict[str, _Difference]] = {}
    for name, one in found.items():
        groups.setdefault(one.reading, {})[name] = one
    said = []
    for reading, group in groups.items():
        numbers = listed(f"{name} {one.in_points}".lstrip() for name, one in group.items())
        said.append(f"{numbers}{reading}")
    return "; ".join(said)


def _difference(contrast: Scores, comparisons: int = 1) -> _Difference:
    """Read a contrast as one of so many comparisons of which the reader is shown one (Bonferroni).

    One seed at least is complete.
    """
    alone = contrast_p(contrast)
    p = None if alone is None else min(alone * comparisons, 1.0)
    return _Difference(
        estimate(contrast).mean,
        new_seeds_interval(contrast, 1 - (1 - LEVEL) / comparisons),
        p,
        elsewhere=p is not None and p <= 1 - LEVEL,
        categories=len(contrast),
    )


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
            found[name] = replace(
                _difference(family.contrasts[test]),
                elsewhere=shown_for(ours, corrected) == "both",
                corrected=corrected,
            )
    if found:
        order = sorted(found.items(), key=lambda item: -abs(item[1].mean))
        verb = "adds" if len(found) == 1 else "add"
        what = f"What {listed(found)} {verb} to {metric.display}, in points"
        if any(one.has_p for one in found.values()):
            tests = len(family.corrected)
            what += f" (p corrected for the {tests} tests of all effects, by Holm's method)"
        yield f"{what}: {_read(dict(order))}"


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
    beginning = f"By {metric.display} {results.labels[ours]} ({score})"
    for are_floors in (False, True):
        rows = [row for row in known if (row[0] in results.floors) is are_floors]
        if not rows:
            continue
        nearest = min(rows, key=lambda row: estimate(known[row]).mean)
        below = estimate(known[nearest]).mean < 0
        # Above the nearest is above all of them, which needs no correction; that one of them is
        # better is found by looking at each.
        found = _difference(known[nearest], len(rows) if below else 1)
        if are_floors:
            what = "the floor" if len(rows) == 1 else "the better floor"
        else:
            what = "the other" if len(rows) == 1 else f"the best of the other {len(rows)}"
        if below and len(rows) > 1 and found.interval is not None:
            of = "interval and p" if found.has_p else "interval"
            what += f" ({of} for all {len(rows)} at once)"
        side = "below" if below else "above"
        difference = _read({"": found})
        yield f"{beginning} is {side} {results.labels[nearest]}, {what}: {difference}"
        beginning = "it"


def _limits(results: Results) -> str:
    """Say what the numbers are of, and what they do not show."""
    intervals = "no intervals"
    if len(results.seeds) > 1:
        these = "this category" if len(results.categories) == 1 else "these categories"
        intervals = f"brackets are 95 % intervals for {these} under new seeds"
    of = f"{results.categories_text}, {results.seeds_text}, {intervals}"
    if results.not_comparable is not None:
        return f"{results.not_comparable.removesuffix('.')}; {of}"
    where = f"Measured on {results.dataset}, under the paper's protocol"
    if results.reproduces:
        return f"{where} and in its setting: nothing here tells of other data; {of}"
    lacking = "all of its categories" if results.paper_setting else "its training"
    return f"{where}, but not with {lacking}: no failure to reproduce follows; {of}"


def _points(fraction: float, sign: str = "-") -> str:
    """Such as ``"4.1"`` or, with a true minus sign, ``"−3.7"``; in points."""
    return f"{100 * fraction:{sign}z.1f}".replace("-", "−")


def _bare(p: float) -> str:
    """Such as ``".25"`` or ``"< .001"``."""
    return short_p(p).removeprefix("p ").removeprefix("= ")


def short_p(p: float) -> str:
    """Such as ``"p = .25"``, with two significant digits, or ``"p < .001"``."""
    return "p < .001" if p < 0.001 else f"p = {p:.2g}".replace("0.", ".", 1)
