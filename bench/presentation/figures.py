"""All figures by name, as pure functions of the measured cells and of what was taken of the maps.

One style throughout: colours that colour-blind people tell apart, and a marker beside each colour
so that a grey print says the same. Figures are objects and touch no global state of matplotlib;
files are PNG and SVG, the latter without date or random names, so that the same numbers give the
same file.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from bench.presentation.comparisons import COMPARISONS
from bench.presentation.examples import Example, examples_figure
from bench.presentation.figure_style import png, svg
from bench.presentation.figures_categories import heatmap_figure, seeds_figure
from bench.presentation.figures_curves import Curve, curves_figure
from bench.presentation.figures_effects import effects_figure, has_effects
from bench.presentation.figures_variants import variants_figure
from bench.presentation.formatting import format_estimate
from bench.presentation.heading import ABLATION_METRICS, METRIC_NAMES, Heading
from bench.presentation.notes import require_one_protocol
from bench.stats import estimate
from destseg.atomic import write_atomically

OF_CELLS = ("variants", "seeds", "effects", "heatmap")
"""Kinds of figures that need the cells only."""

OF_MAPS = ("curves", "examples", "missed", "false-alarms")
"""Kinds of figures that need stored maps and decoded images as well."""

KINDS = (*OF_CELLS, *OF_MAPS)

EXAMPLES_RULE = "each category's anomalous image of median score"
MISSED_RULE = "the largest (white) below the threshold of IAP@k"
FALSE_ALARMS_RULE = "each category's good image of highest score"


@dataclass(frozen=True, eq=False)
class Pictures:
    """What was taken of the maps of one variant and seed.

    Attributes
    ----------
    variant, seed
        Whose maps they are.
    examples, missed, false_alarms
        One of each category at most, chosen by the rule of the same name above.
    curves
        Of this variant and of the one with the least parts.
    """

    variant: str
    seed: int
    examples: tuple[Example, ...] = ()
    missed: tuple[Example, ...] = ()
    false_alarms: tuple[Example, ...] = ()
    curves: tuple[Curve, ...] = ()


@dataclass(frozen=True, eq=False)
class Drawing:
    """A figure that can be drawn.

    Attributes
    ----------
    name
        Stem of its files.
    kind
        One of `KINDS`.
    caption
        One sentence under it.
    alt
        What it shows, in words, for those who cannot see it.
    draw
        Makes the figure.
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

    @property
    def photographic(self) -> bool:
        """Whether it is made of images, so that lines are no saving."""
        return self.kind in OF_MAPS and self.kind != "curves"


def drawings(
    cells: pd.DataFrame,
    heading: Heading,
    pictures: Pictures | None = None,
    kinds: Collection[str] = KINDS,
) -> tuple[Drawing, ...]:
    """List the figures there can be, without drawing any.

    Parameters
    ----------
    cells
        One row per (method, category, variant, seed), metrics as fractions.
    heading
        What the numbers are of.
    pictures
        None where maps or images are not at hand.
    kinds
        Only these of `KINDS`.

    Raises
    ------
    InputError
        If a cell was measured under another protocol than the heading's.
    """
    require_one_protocol(cells, heading)
    everything = [*_of_cells(cells, heading)]
    if pictures is not None:
        everything += _of_maps(pictures, heading)
    return tuple(drawing for drawing in everything if drawing.kind in kinds)


def write_figures(chosen: Iterable[Drawing], folder: Path) -> list[Path]:
    """Write figures as PNG and SVG, each file atomically, and return the files.

    Raises
    ------
    OSError
        If the folder, which is made if it is not there, cannot be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for drawing in chosen:
        for form, content in (("png", drawing.png), ("svg", drawing.svg)):
            path = folder / f"{drawing.name}.{form}"
            write_atomically(path, content)
            written.append(path)
    return written


def stem(heading: Heading) -> str:
    """Return the stem of the variants' figures: the experiment's name where it is a table's."""
    return heading.experiment if heading.experiment in COMPARISONS else "ablation"


def _of_cells(cells: pd.DataFrame, heading: Heading) -> Iterator[Drawing]:
    for metric in ABLATION_METRICS:
        yield Drawing(
            f"{stem(heading)}_{metric}",
            "variants",
            f"{METRIC_NAMES[metric]} of the variants: mean and sample standard deviation over "
            "seeds of the mean over categories; the dots below tell the parts.",
            f"{METRIC_NAMES[metric]} in percent. {_variants_in_words(cells, heading, metric)}",
            partial(variants_figure, cells, heading, metric),
        )
    for metric in ABLATION_METRICS:
        yield Drawing(
            f"seeds_{metric}",
            "seeds",
            f"{METRIC_NAMES[metric]} of each category, seed by seed: how far two variants lie "
            "apart, and how far two seeds of one.",
            f"{METRIC_NAMES[metric]} in percent of {', '.join(heading.categories)}; one mark for "
            "each seed.",
            partial(seeds_figure, cells, heading, metric),
        )
    if has_effects(heading):
        yield Drawing(
            "effects",
            "effects",
            "Main effects of den, ed and seg with 95 % intervals for these categories and new "
            "seeds.",
            "A panel for each of den, ed and seg with the effect on the six metrics in points and "
            "its interval; the same numbers are in the table of effects.",
            partial(effects_figure, cells, heading),
        )
    for metric in ABLATION_METRICS:
        yield Drawing(
            f"heatmap_{metric}",
            "heatmap",
            f"{METRIC_NAMES[metric]} of each variant on each category, in percent; the darker, "
            "the further behind the category's best variant.",
            f"{METRIC_NAMES[metric]} in percent, {len(heading.categories)} categories by "
            f"{len(heading.variants)} variants. {_variants_in_words(cells, heading, metric)}",
            partial(heatmap_figure, cells, heading, metric),
        )


def _of_maps(pictures: Pictures, heading: Heading) -> Iterator[Drawing]:
    whose = f"{pictures.variant}, seed {pictures.seed}"
    k = f"k = {100 * heading.protocol.iap_k:g}"
    if pictures.curves:
        points = (
            f"{curve.category} {100 * curve.precision[curve.point]:.0f}"
            for curve in pictures.curves
            if curve.variant == pictures.variant
        )
        yield Drawing(
            "curves",
            "curves",
            "The curve whose mean is IAP: the best pixel precision at each recall of instances; "
            f"the mark is IAP@k, the precision at {k} %.",
            f"One panel for each category. IAP@k at {k} in percent, {whose}: {', '.join(points)}.",
            partial(curves_figure, pictures.curves, heading, pictures.seed),
        )
    for name, kind, examples, title, rule in (
        ("examples", "examples", pictures.examples, "Examples", EXAMPLES_RULE),
        ("missed", "missed", pictures.missed, "Missed instances", MISSED_RULE),
        (
            "false_alarms", "false-alarms", pictures.false_alarms, "False alarms",
            FALSE_ALARMS_RULE,
        ),
    ):  # fmt: skip
        if examples:
            rule = rule.replace("@k", f"@{100 * heading.protocol.iap_k:g}")
            shown = ", ".join(f"{example.category} {example.name}" for example in examples)
            yield Drawing(
                name,
                kind,
                f"{title} of {whose}: {rule}; input, ground truth and anomaly map. "
                "One colour scale for each category.",
                f"Input, ground truth and anomaly map of {shown}.",
                partial(examples_figure, examples, heading, f"{title} of {whose}", rule),
            )


def _variants_in_words(cells: pd.DataFrame, heading: Heading, metric: str) -> str:
    """Such as ``"none 22.4 ± 0.5; den 22.8 ± 0.8."``."""
    values = (
        f"{variant} {format_estimate(estimate(heading.scores(cells, metric, variant=variant)))}"
        for variant in heading.ordered_variants
    )
    return f"{'; '.join(values)}."
