"""Tables whose rows are methods: the paper's Table 1, and its slides' summary of the metrics."""

from collections.abc import Iterator, Mapping

from bench.paper.published import published_methods, published_over, state_of_the_art
from bench.presentation.costs_table import rising_findings
from bench.presentation.floors import FLOORS_HEADING, floor_findings
from bench.presentation.formatting import (
    Numbers,
    Texts,
    beside_paper,
    difference_numbers,
    estimate_numbers,
    format_difference,
    format_estimate,
    format_published,
)
from bench.presentation.notes import difference_notes, method_notes, paper_notes
from bench.presentation.table import Line, Table, make_table
from bench.results.results import Results
from bench.stats import Estimate


def main_table(results: Results) -> Table:
    """Build the summary: all metrics of each method's full variant.

    On MVTec AD follow the paper's numbers (Tables 1 to 3, and its slides for PRO), how far ours
    are from them, and beside each metric the best that those tables print of another method. Floors
    stand in a block below.
    """
    found = {
        method: {
            metric.key: results.estimate(metric.key, method=method, variant=variant)
            for metric in results.metrics
        }
        for method, variant in results.fulls.items()
    }
    measured = {method: _measured_line(results, method, ours) for method, ours in found.items()}
    lines: list[Line] = [line for name, line in measured.items() if name not in results.floors]
    if results.comparable:
        printed = [method for method in found if _is_published(results, method)]
        for method in printed or (results.method,):
            lines += _paper_lines(results, method, found[method])
        lines.append(_best_line(results))
    if results.floors:
        lines.append(({"Method": FLOORS_HEADING}, None))
        lines += [measured[floor] for floor in results.floors]
    return make_table(
        "main",
        "The full method" if len(results.learners) == 1 else "The methods",
        results,
        (
            *method_notes(results, results.metrics),
            *paper_notes(results, "Tables 1 to 3 and, for PRO, its slides"),
            *difference_notes(results),
        ),
        lines,
        findings=(*floor_findings(results), *rising_findings(results)),
    )


def _measured_line(
    results: Results, method: str, found: Mapping[str, Estimate]
) -> tuple[Texts, Numbers]:
    texts, numbers = {"Method": method}, Numbers(method=method, row="measured")
    for metric in results.metrics:
        texts[metric.display] = format_estimate(found[metric.key], metric)
        numbers |= estimate_numbers(metric.key, found[metric.key])
    return texts, numbers


def _is_published(results: Results, method: str) -> bool:
    return any(
        published_over(results.categories, metric=metric.key, method=method)
        for metric in results.metrics
    )


def _paper_lines(
    results: Results, method: str, found: Mapping[str, Estimate]
) -> Iterator[tuple[Texts, Numbers]]:
    """Yield a method's row of the paper, and how far ours is from it."""
    alone = len(results.learners) == 1
    paper = {"Method": f"{method} (paper)"}
    apart = {"Method": "ours − paper" if alone else f"{method} − paper"}
    paper_numbers = Numbers(method=method, row="paper")
    apart_numbers = Numbers(method=method, row="ours minus paper")
    for metric in results.metrics:
        figure = published_over(results.categories, metric=metric.key, method=method)
        ours = found[metric.key]
        paper[metric.display] = format_published(figure)
        apart[metric.display] = format_difference(ours, None if figure is None else figure.mean)
        if figure is not None:
            paper_numbers |= {f"{metric.key}_mean": figure.mean, f"{metric.key}_std": figure.std}
            apart_numbers |= difference_numbers(metric.key, ours, figure.mean)
    yield paper, paper_numbers
    yield apart, apart_numbers


def _best_line(results: Results) -> tuple[Texts, Numbers]:
    best = {"Method": "best other (paper)"}
    numbers = Numbers(method="", row="best other, paper")
    for metric in results.metrics:
        top = state_of_the_art(results.categories, metric=metric.key, method=results.method)
        best[metric.display] = "" if top is None else f"{format_published(top[1])} ({top[0]})"
        if top is not None:
            numbers |= {f"{metric.key}_mean": top[1].mean, f"{metric.key}_method": top[0]}
    return best, numbers


def image_table(results: Results) -> Table:
    """Build detection by all methods, the paper's Table 1.

    On MVTec AD the rows are the paper's, in its order, and then what it does not know; elsewhere
    only the methods measured. Floors stand in a block below.
    """
    metrics = tuple(metric for metric in results.metrics if metric.table == "1")
    printed = published_methods("1") if results.comparable else ()
    lines: list[Line] = []
    for method in dict.fromkeys((*printed, *results.fulls)):
        if method in results.floors[:1]:
            lines.append(({"Method": FLOORS_HEADING}, None))
        measured = method in results.variants
        texts, numbers = {"Method": method}, Numbers(method=method)
        for metric in metrics:
            ours = results.estimate(metric.key, method=method)
            texts[metric.display] = format_estimate(ours, metric) if measured else ""
            numbers |= estimate_numbers(metric.key, ours)
            if results.comparable:
                figure = published_over(results.categories, metric=metric.key, method=method)
                more = beside_paper(metric, ours, figure, measured=measured)
                texts, numbers = texts | more[0], numbers | more[1]
        lines.append((texts, numbers))
    return make_table(
        "image",
        f"Detection, {', '.join(_uncapitalised(metric.display) for metric in metrics)}",
        results,
        (
            *method_notes(results, metrics),
            *paper_notes(results, "Table 1"),
            *difference_notes(results),
        ),
        lines,
    )


def _uncapitalised(text: str) -> str:
    return text[0].lower() + text[1:]
