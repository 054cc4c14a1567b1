"""Tables whose rows are variants of one method, such as the paper's Tables 4, 5 and 6.

Each row shows the variant's parts, our mean ± std on the metrics that variants are compared by, and
on MVTec AD the published figure beside it, with the difference.
"""

from typing import Any

from bench.methods.interface import Comparison, Method
from bench.paper.published import published_variant
from bench.presentation.formatting import (
    Numbers,
    Texts,
    beside_paper,
    estimate_numbers,
    format_estimate,
)
from bench.presentation.notes import difference_notes, paper_notes, score_notes
from bench.presentation.table import Table, make_table
from bench.results.results import Results
from bench.stats import estimate


def comparison_table(
    name: str, method: Method[Any, Any], comparison: Comparison[Any], results: Results
) -> Table:
    """Build a method's table of variants; the rows are those of the grid, in its paper's order."""
    lines: list[tuple[Texts, Numbers]] = []
    rows = results.rows(method.name)
    for variant in rows:
        parts = {
            column: part(method.variants[variant]) for column, part in comparison.parts.items()
        }
        texts = {"Variant": variant, **{column: _shown(part) for column, part in parts.items()}}
        numbers: Numbers = {"variant": variant, **parts}
        for metric in results.headline:
            ours = estimate(results.scores(metric.key, method=method.name, variant=variant))
            texts[metric.display] = format_estimate(ours, metric)
            numbers |= estimate_numbers(metric.key, ours)
            if results.comparable:
                figure = published_variant(
                    results.categories,
                    method,
                    variant,
                    metric=metric.key,
                    table=comparison.table,
                )
                more = beside_paper(metric, ours, figure)
                texts, numbers = texts | more[0], numbers | more[1]
        lines.append((texts, numbers))
    of = "" if len(results.variants) == 1 else f", {method.name}"
    return make_table(
        name,
        f"{comparison.title}{of}",
        results,
        (
            *score_notes(results, results.headline, [(method.name, variant) for variant in rows]),
            *paper_notes(results, f"Table {comparison.table}", method.reference),
            *difference_notes(results),
        ),
        lines,
        labels="l" + "".join("l" if isinstance(part, str) else "c" for part in parts.values()),
    )


def _shown(value: bool | str) -> str:
    if isinstance(value, str):
        return value
    return "✓" if value else ""
