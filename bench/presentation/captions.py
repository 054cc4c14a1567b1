"""Sentences below figures that follow from the numbers, or that several figures share."""

from collections.abc import Collection
from typing import Any

from bench.methods.interface import Method
from bench.presentation.formatting import MISSING, format_p, in_words, listed
from bench.presentation.notes import hardly_trained
from bench.presentation.statistics_tables import Family, shown_for
from bench.results.results import Results
from bench.stats import contrast_effect


def effects_caption(results: Results, method: Method[Any, Any]) -> str:
    """Say what the two intervals of a method's main effects are, and what both show."""
    begin = f"Main effects of {listed(method.factors)}"
    if hardly_trained(results):
        return f"{begin}; networks hardly train in so few updates, and this means nothing."
    family = Family(results, method)
    effects = {
        (factor, metric): contrast_effect(family.contrasts[(factor,), metric.key])
        for factor in method.factors
        for metric in results.metrics
    }
    corrected = {
        (factor, metric): family.corrected.get(((factor,), metric.key))
        for factor, metric in effects
    }
    shown = {one: shown_for(effect, corrected[one]) for one, effect in effects.items()}
    if set(shown.values()) == {MISSING}:
        return f"{begin}; one seed has no interval, and nothing is decided."
    signs = {
        one: 1 if effect.estimate.mean > 0 else -1
        for one, effect in effects.items()
        if shown[one] not in ("neither", MISSING)
    }
    both = {one: sign for one, sign in signs.items() if shown[one] == "both"}
    said = f"for these categories {_moves(signs, results)}"
    if signs and not both:
        least = min((p for one in signs if (p := corrected[one]) is not None), default=None)
        told = "" if least is None else f"; the least p, corrected by Holm, is {format_p(least)}"
        said += f", and for other categories none of that is shown{told}"
    elif both:
        said += f", and for other categories too {_moves(both, results)}"
    return (
        f"{begin} with two 95 % intervals: thick, for these categories under new seeds; thin, for "
        f"other categories, trained anew. By both, {said}."
    )


def _moves(signs: dict[tuple[str, Any], int], results: Results) -> str:
    """Such as ``"ed lowers all six metrics; seg raises IAP and lowers PRO"``."""
    said = []
    for factor in dict.fromkeys(factor for factor, _ in signs):
        verbs = {
            verb: [
                metric.display for (name, metric), s in signs.items() if (name, s) == (factor, sign)
            ]
            for verb, sign in (("raises", 1), ("lowers", -1))
        }
        moved = [f"{verb} {_some(names, results)}" for verb, names in verbs.items() if names]
        said.append(f"{factor} {' and '.join(moved)}")
    return "; ".join(said) or "no effect is decided"


def _some(names: Collection[str], results: Results) -> str:
    if len(names) == len(results.metrics) > 1:
        return f"all {in_words(len(names), 'metric')}"
    return listed(names)


def threshold_caption(results: Results, *, good: bool) -> str:
    """Say what the line is on the maps of missed instances, or of good images."""
    k = f"{100 * results.protocol.iap_k:g}"
    line = (
        f"The blue line is around the scores that reach the threshold of IAP@{k}, the highest at "
        f"which {k} % of the category's instances are found, and nothing reaches it where there "
        "is none; "
    )
    if good:
        return f"{line}on a good image all that is inside is a false alarm."
    return (
        f"{line}an instance is found where more than half of its pixels are inside, so that a map "
        "may light up on one that is missed. Grey are other instances of the image."
    )
