"""Tables whose rows are variants of one method, such as the paper's Tables 4, 5 and 6.

Each row shows the variant's parts, our mean ± std on the metrics that variants are compared by, and
on MVTec AD the published figure beside it, with the difference. Floors stand in a block below.
"""

from typing import Any

from bench.methods.interface import Comparison, Method
from bench.paper.published import published_variant
from bench.presentation.floors import FLOORS_HEADING, floor_findings
from bench.presentation.formatting import (
    Numbers,
    Texts,
    beside_paper,
    estimate_numbers,
    format_estimate,
)
from bench.presentation.notes import difference_notes, paper_notes, score_notes
from bench.presentation.table import Line, Table, make_table
from bench.results.results import Results


def comparison_table(
    name: str, method: Method[Any, Any], comparison: Comparison[Any], results: Results
) -> Table:
    """Build a method's table of variants; the rows are those of the grid, in its paper's order."""
    rows = [(method.name, variant) for variant in results.rows(method.name)]
    lines: list[Line] = [_variant_line(results, method, comparison, row[1]) for row in rows]
    if results.floors:
        lines.append(({"Variant": FLOORS_HEADING}, None))
        lines += [_floor_line(results, floor) for floor in results.floors]
    of = "" if len(results.learners) == 1 else f", {method.name}"
    parts = [part(method.variants[method.full]) for part in comparison.parts.values()]
    return make_table(
        name,
        f"{comparison.title}{of}",
        results,
        (
            *score_notes(results, results.headline, [*rows, *((f, "") for f in results.floors)]),
            *paper_notes(results, f"Table {comparison.table}", method.reference),
            *difference_notes(results),
        ),
        lines,
        labels="l" + "".join("l" if isinstance(part, str) else "c" for part in parts),
        findings=floor_findings(results),
    )


def _variant_line(
    results: Results, method: Method[Any, Any], comparison: Comparison[Any], variant: str
) -> tuple[Texts, Numbers]:
    parts = {column: part(method.variants[variant]) for column, part in comparison.parts.items()}
    texts = {"Variant": variant, **{column: _shown(part) for column, part in parts.items()}}
    numbers: Numbers = {"variant": variant, **parts}
    for metric in results.headline:
        ours = results.estimate(metric.key, method=method.name, variant=variant)
        texts[metric.display] = format_estimate(ours, metric)
        numbers |= estimate_numbers(metric.key, ours)
        if results.comparable:
            figure = published_variant(
                results.categories, method, variant, metric=metric.key, table=comparison.table
            )
            more = beside_paper(metric, ours, figure)
            texts, numbers = texts | more[0], numbers | more[1]
    return texts, numbers


def _floor_line(results: Results, floor: str) -> tuple[Texts, Numbers]:
    """Make a row without parts, and with nothing of the paper beside."""
    texts, numbers = {"Variant": floor}, Numbers(variant=floor)
    for metric in results.headline:
        ours = results.estimate(metric.key, method=floor)
        texts[metric.display] = format_estimate(ours, metric)
        numbers |= estimate_numbers(metric.key, ours)
    return texts, numbers


def _shown(value: bool | str) -> str:
    if isinstance(value, str):
        return value
    return "✓" if value else ""
