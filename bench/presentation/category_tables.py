"""Tables whose rows are categories: the paper's Tables 2 and 3, and all metrics of a method."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from bench.metrics import Metric
from bench.paper.published import prints_categories, published_methods, published_over
from bench.presentation.formatting import (
    MISSING,
    Numbers,
    Texts,
    difference_numbers,
    estimate_numbers,
    format_difference,
    format_estimate,
    format_published,
    published_numbers,
)
from bench.presentation.notes import difference_notes, method_notes, paper_notes
from bench.presentation.table import Table, make_table
from bench.results.results import Results


def category_table(results: Results) -> Table:
    """Build all metrics of each method's full variant in each category, and their average.

    On MVTec AD the figures of the paper's Tables 2 and 3 stand beside those metrics they print.
    """
    fulls = results.fulls
    several = len(fulls) > 1
    beside = [
        metric
        for metric in results.metrics
        if results.comparable and any(prints_categories(metric.key, method) for method in fulls)
    ]
    lines = []
    for name, categories in _rows(results):
        for method, variant in fulls.items():
            texts, numbers = {"Category": name}, Numbers(category=name)
            if several:
                texts["Method"] = numbers["method"] = method
            for metric in results.metrics:
                ours = results.estimate(
                    metric.key, method=method, variant=variant, categories=categories
                )
                texts[metric.display] = format_estimate(ours, metric)
                numbers |= estimate_numbers(metric.key, ours)
                if metric in beside:
                    figure = published_over(categories, metric=metric.key, method=method)
                    texts[f"{metric.display} (paper)"] = format_published(figure)
                    numbers |= published_numbers(metric.key, figure)
            lines.append((texts, numbers))
    title = "The methods" if several else "The full method" if results.full(method) else method
    return make_table(
        "categories",
        f"{title} by category",
        results,
        (
            *method_notes(results, results.metrics),
            *(paper_notes(results, "Tables 2 and 3") if beside else ()),
        ),
        lines,
        labels="ll" if several else "l",
    )


@dataclass(frozen=True)
class PairTable:
    """One of the paper's tables of two metrics in each category, a column for each method.

    Attributes
    ----------
    name, title
        Stem of its files, and its title before the metrics.
    table
        Number of the paper's table; it has the metrics that name it theirs.
    """

    name: str
    title: str
    table: str

    def build(self, results: Results) -> Table:
        """Build the table: measured methods, then on MVTec AD the paper's and the difference."""
        metrics = tuple(metric for metric in results.metrics if metric.table == self.table)
        return make_table(
            self.name,
            f"{self.title}, {' / '.join(metric.display for metric in metrics)}",
            results,
            (
                *method_notes(results, metrics),
                *paper_notes(results, f"Table {self.table}"),
                *difference_notes(results),
            ),
            [self._line(results, metrics, *row) for row in _rows(results)],
        )

    def _line(
        self, results: Results, metrics: tuple[Metric, ...], name: str, categories: tuple[str, ...]
    ) -> tuple[Texts, Numbers]:
        texts, numbers = {"Category": name}, Numbers(category=name)
        found = {
            method: [
                results.estimate(metric.key, method=method, categories=categories)
                for metric in metrics
            ]
            for method in results.fulls
        }
        for method, estimates in found.items():
            both = list(zip(metrics, estimates, strict=True))
            texts[method] = _joint(format_estimate(ours, metric) for metric, ours in both)
            for metric, ours in both:
                numbers |= estimate_numbers(f"{method}_{metric.key}", ours)
        if not results.comparable:
            return texts, numbers
        for method in published_methods(self.table):
            figures = [
                published_over(categories, metric=metric.key, method=method) for metric in metrics
            ]
            texts[f"{method} (paper)"] = _joint(map(format_published, figures))
            for metric, figure in zip(metrics, figures, strict=True):
                numbers |= published_numbers(f"{method}_{metric.key}", figure)
            if method in found:
                differences = []
                for metric, ours, figure in zip(metrics, found[method], figures, strict=True):
                    mean = None if figure is None else figure.mean
                    differences.append(format_difference(ours, mean))
                    numbers |= difference_numbers(f"{method}_{metric.key}", ours, mean)
                texts[f"{method} − paper"] = _joint(differences)
        return texts, numbers


def _rows(results: Results) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield each category by itself, and all of them as the average; one alone is its own."""
    for category in results.categories:
        yield category, (category,)
    if len(results.categories) > 1:
        yield "average", results.categories


def _joint(shown: Iterable[str]) -> str:
    """Put several metrics into one cell; one that a table does not print leaves a dash."""
    texts = list(shown)
    return " / ".join(text or MISSING for text in texts) if any(texts) else ""


PAIR_TABLES = (PairTable("pixel", "Localisation", "2"), PairTable("instance", "Instances", "3"))
