"""All figures by name, as pure functions of the measured cells and of what was taken of the maps.

One style throughout: colours that colour-blind people tell apart, and a marker beside each colour
so that a grey print says the same. Figures are objects and touch no global state of matplotlib;
files are PNG, SVG and PDF, without dates or random names, so that the same numbers give the same
file.
"""

import io
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

from matplotlib.figure import Figure
from PIL import Image

from bench.metrics import ALL_METRICS, Metric
from bench.presentation.captions import effects_caption, threshold_caption
from bench.presentation.costs_table import CURVE_METRIC, curve_means
from bench.presentation.examples import Example, examples_figure
from bench.presentation.figure_style import pdf, png, svg
from bench.presentation.figures_categories import heatmap_figure, seeds_figure
from bench.presentation.figures_curves import Curve, curves_figure
from bench.presentation.figures_effects import effects_figure, with_effects
from bench.presentation.figures_training import training_figure
from bench.presentation.figures_variants import variants_figure
from bench.presentation.formatting import format_estimate, in_words, listed
from bench.results.results import Results, Row
from destseg.atomic import write_atomically

OF_CELLS = ("variants", "seeds", "effects", "heatmap", "training")
"""Kinds of figures that need the cells only."""

OF_MAPS = ("curves", "examples", "missed", "false-alarms")
"""Kinds of figures that need stored maps and decoded images as well."""

KINDS = (*OF_CELLS, *OF_MAPS)

_PHOTO_QUALITY = 88
_HALF_PAGE = 6.0

EXAMPLES_RULE = "each category's anomalous image of median score"
MISSED_RULE = "the largest instance (white) that is not found at the threshold of IAP@k"
FALSE_ALARMS_RULE = "each category's good image of highest score"


@dataclass(frozen=True, eq=False)
class Excerpts:
    """What was taken of the maps of one method's variant and seed.

    Attributes
    ----------
    row, seed
        Whose maps they are.
    examples, missed, false_alarms
        One of each category at most, chosen by the rule of the same name above.
    curves
        Of `Results.extremes`, category by category.
    """

    row: Row
    seed: int
    examples: tuple[Example, ...] = ()
    missed: tuple[Example, ...] = ()
    false_alarms: tuple[Example, ...] = ()
    curves: tuple[Curve, ...] = ()


@dataclass(frozen=True, eq=False)
class Drawing:
    """A figure that can be drawn: stem of its files, one of `KINDS`, one sentence under it.

    `alt` says what it shows, for those who cannot see it.
    """

    name: str
    kind: str
    caption: str
    alt: str
    draw: Callable[[], Figure]

    @cached_property
    def figure(self) -> Figure:
        """The figure, drawn once."""
        return self.draw()

    @cached_property
    def png(self) -> bytes:
        """It as PNG."""
        return png(self.figure)

    @cached_property
    def svg(self) -> bytes:
        """It as SVG."""
        return svg(self.figure)

    @cached_property
    def pdf(self) -> bytes:
        """It as PDF."""
        return pdf(self.figure)

    @property
    def _photographic(self) -> bool:
        """Whether it is made of images, so that lines are no saving."""
        return self.kind in OF_MAPS and self.kind != "curves"

    @property
    def mime(self) -> str:
        """What `content` is."""
        return "image/webp" if self._photographic else "image/svg+xml"

    @cached_property
    def content(self) -> bytes:
        """The file that stands on a page."""
        if not self._photographic:
            return self.svg
        buffer = io.BytesIO()
        with Image.open(io.BytesIO(self.png)) as image:
            image.convert("RGB").save(buffer, "WEBP", quality=_PHOTO_QUALITY)
        return buffer.getvalue()

    @property
    def inches(self) -> float:
        """Its width; type is legible at that width."""
        return round(float(self.figure.get_figwidth()), 2)

    @property
    def wide(self) -> bool:
        """Whether two of them do not fit beside each other on a page."""
        return self.inches > _HALF_PAGE


def drawings(
    results: Results, excerpts: Excerpts | None = None, kinds: Collection[str] = KINDS
) -> tuple[Drawing, ...]:
    """List the figures of some `KINDS`, without drawing any.

    There are no excerpts where maps or images are not at hand.
    """
    everything = [*_of_cells(results)]
    if excerpts is not None:
        everything += _of_maps(excerpts, results)
    return tuple(drawing for drawing in everything if drawing.kind in kinds)


def write_figures(chosen: Iterable[Drawing], folder: Path) -> list[Path]:
    """Write figures as PNG, SVG and PDF, each file atomically, and return the files.

    Raises
    ------
    OSError
        If the folder, which is made if it is not there, cannot be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for drawing in chosen:
        for form, content in (
            ("png", drawing.png),
            ("svg", drawing.svg),
            ("pdf", drawing.pdf),
        ):
            path = folder / f"{drawing.name}.{form}"
            write_atomically(path, content)
            written.append(path)
    return written


def stem(results: Results) -> str:
    """Return the stem of the variants' figures: the experiment's name where it is a table's.

    Else the first table of variants of the method whose tables these are.
    """
    known = results.known.get(results.method)
    names = [] if known is None else [comparison.name for comparison in known.comparisons]
    if len(results.learners) > 1 or not names:
        return "methods"
    return results.experiment if results.experiment in names else names[0]


def _of_cells(results: Results) -> Iterator[Drawing]:
    several = len(results.learners) > 1
    floors = f"; {listed(results.floors)} learn nothing" if results.floors else ""
    whose = "the methods and their variants" if several else "the variants"
    below = (
        "their names stand below" if several else "dark dots below are the parts that a variant has"
    )
    each = "method and variant" if several else "variant"
    spread = "mean and sample standard deviation over seeds of the mean over categories"
    if len(results.seeds) == 1:
        spread = "mean over categories of one seed, which has no standard deviation"
    for metric in results.headline:
        yield Drawing(
            f"{stem(results)}_{metric.key}",
            "variants",
            f"{metric.display} of {whose}: {spread}; {below}{floors}.",
            f"{metric.display} in percent. {_in_words(results, metric)}",
            partial(variants_figure, results, metric),
        )
    for metric in results.headline:
        yield Drawing(
            f"seeds_{metric.key}",
            "seeds",
            f"{metric.display} of each category, seed by seed: how far two "
            f"{'methods' if several else 'variants'} lie apart, and how far two seeds of one"
            f"{floors}.",
            f"{metric.display} in percent of {', '.join(results.categories)}; one mark for "
            "each seed.",
            partial(seeds_figure, results, metric),
        )
    for number, method in enumerate(with_effects(results)):
        factors = listed(method.factors)
        yield Drawing(
            f"effects_{method.name}" if number else "effects",
            "effects",
            effects_caption(results, method),
            f"A panel for each of {factors} with the effect on the "
            f"{in_words(len(results.metrics), 'metric')} in points and "
            "both intervals; the same numbers are in the table of effects.",
            partial(effects_figure, results, method),
        )
    for metric in results.headline:
        yield Drawing(
            f"heatmap_{metric.key}",
            "heatmap",
            f"{metric.display} of each {each} on each category, in percent; the stronger, "
            f"the nearer to the category's best{'' if several else ' variant'}{floors}.",
            f"{metric.display} in percent, {len(results.categories)} categories by "
            f"{len(results.labels)} variants. {_in_words(results, metric)}",
            partial(heatmap_figure, results, metric),
        )
    if results.curve is not None and results.costs:
        yield _of_curve(results)


def _of_curve(results: Results) -> Drawing:
    metric = ALL_METRICS[CURVE_METRIC]
    curves = (
        f"{method} {', '.join(f'{100 * mean:.{metric.decimals}f}' for mean in means.values())}"
        for method in results.fulls
        if (means := curve_means(results, method))
    )
    return Drawing(
        "training",
        "training",
        f"{metric.display} on development images, not the tables', by how long each method is "
        "trained; the large mark is the setting of the tables, and a method whose curve still "
        "rises there may be better with more. No spread is shown.",
        f"{metric.display} in percent by rising length of training: {'; '.join(curves)}.",
        partial(training_figure, results),
    )


def _of_maps(excerpts: Excerpts, results: Results) -> Iterator[Drawing]:
    whose = f"{results.labels[excerpts.row]}, seed {excerpts.seed}"
    k = f"{100 * results.protocol.iap_k:g}"
    if excerpts.curves:
        points = (
            f"{curve.category} {100 * curve.precision[curve.point]:.0f}"
            for curve in excerpts.curves
            if curve.row == excerpts.row
        )
        yield Drawing(
            "curves",
            "curves",
            "The curve whose mean is IAP: the best pixel precision at each recall of instances; "
            f"the mark is IAP@k, the precision at {k} %.",
            f"One panel for each category. IAP@k at {k} in percent, {whose}: {', '.join(points)}.",
            partial(curves_figure, excerpts.curves, results, excerpts.seed),
        )
    for name, kind, examples, title, rule, more in (
        ("examples", "examples", excerpts.examples, "Examples", EXAMPLES_RULE, ""),
        (
            "missed", "missed", excerpts.missed, "Missed instances", MISSED_RULE,
            f" {threshold_caption(results, good=False)}",
        ),
        (
            "false_alarms", "false-alarms", excerpts.false_alarms, "False alarms",
            FALSE_ALARMS_RULE, f" {threshold_caption(results, good=True)}",
        ),
    ):  # fmt: skip
        if examples:
            rule = rule.replace("@k", f"@{k}")
            shown = ", ".join(f"{example.category} {example.name}" for example in examples)
            yield Drawing(
                name,
                kind,
                f"{title} of {whose}: {rule}; input, ground truth and anomaly map. "
                "Each category has one colour scale, up to the score that half of its anomalous "
                f"images reach.{more}",
                f"Input, ground truth and anomaly map of {shown}.",
                partial(examples_figure, examples, results, f"{title} of {whose}", rule),
            )


def _in_words(results: Results, metric: Metric) -> str:
    """Such as ``"none 22.4 ± 0.5; den 22.8 ± 0.8."``."""
    values = []
    for (method, variant), label in results.labels.items():
        ours = results.estimate(metric.key, method=method, variant=variant)
        values.append(f"{label} {format_estimate(ours, metric)}")
    return f"{'; '.join(values)}."
