"""Examples: what goes in, what should come out, and what does."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bench.presentation.figure_style import COLUMN, MUTED, Head, style
from bench.results.results import Results

HEAT = "inferno"
"""Colours of anomaly scores; lighter is higher, in grey as well."""

_PANELS = ("input", "ground truth", "anomaly map")
_MOST_COLUMNS = 8
# The input shows through where the score is low; dimmed, so that it is never taken for a score.
_DIMMED = 0.6
_WEIGHT_LOW, _WEIGHT_HIGH = 0.35, 0.95
_OTHER_INSTANCES = 95
_LINE, _ON_BLACK = "#56d0ff", "0.75"
"""Colours that `HEAT` does not have, of the threshold's line and of writing on black."""


@dataclass(frozen=True, eq=False)
class Example:
    """One test image with its ground truth and anomaly map.

    Attributes
    ----------
    category, name
        Where it comes from; `name` such as ``"scratch/003"``.
    image
        uint8, shape (H, W, 3).
    mask
        bool, shape (H, W): the anomalous pixels.
    anomaly_map
        float, shape (H, W).
    low, high
        Ends of the `colour_scale`, the same for every example of the category.
    instance
        The one instance that is meant, where it is not all of the mask; the others are grey.
    threshold
        Scores of at least this are inside the line that is drawn on the map; None draws none.

    Raises
    ------
    ValueError
        If the shapes differ or the scale is empty.
    """

    category: str
    name: str
    image: NDArray[np.uint8]
    mask: NDArray[np.bool_]
    anomaly_map: NDArray[np.floating]
    low: float
    high: float
    instance: NDArray[np.bool_] | None = None
    threshold: float | None = None

    def __post_init__(self) -> None:
        where = f"example {self.category}/{self.name}"
        shape = self.mask.shape
        if self.image.shape != (*shape, 3) or self.anomaly_map.shape != shape:
            raise ValueError(
                f"{where}: image {self.image.shape}, mask {shape} and "
                f"map {self.anomaly_map.shape} do not belong together"
            )
        if not self.low < self.high:
            raise ValueError(f"{where}: colour scale from {self.low} to {self.high} is empty")


def colour_scale(maps: NDArray[np.floating], anomalous: NDArray[np.bool_]) -> tuple[float, float]:
    """Return the ends of the colour scale that the maps of a category share.

    The lower one is their least score. The upper one is reached by half of the anomalous images:
    scores of some methods span decades, and up to the largest of all one image would have a colour
    and the others none.

    Parameters
    ----------
    maps
        Float, shape (N, h, w).
    anomalous
        Bool, shape (N,): the images with a defect; where there is none, all count.

    Returns
    -------
    tuple of float
        The first is below the second, for constant maps as well.
    """
    low = maps.min()
    peaks = maps.max(axis=(1, 2))
    half = np.median(peaks[anomalous] if anomalous.any() else peaks)
    high = half if half > low else peaks.max()
    return float(low), float(max(high, np.nextafter(low, low.dtype.type(np.inf))))


def examples_figure(
    examples: Sequence[Example],
    results: Results,
    title: str = "Input, ground truth and anomaly map",
    detail: str = "",
) -> Figure:
    """Draw input, ground truth and anomaly map of each example, in bands of columns.

    One colour scale per category, given with the examples, never per image. The detail is the rule
    by which they were chosen; what grey and the lines are is said below.

    Raises
    ------
    ValueError
        If there is no example.
    """
    if not examples:
        raise ValueError("there are no examples to draw")
    bands = -(-len(examples) // _MOST_COLUMNS)
    columns = -(-len(examples) // bands)
    tile, gap, left = 0.92, 0.04, 0.3
    # A lone example still needs the width of the title.
    width = max(left + columns * (tile + gap) + 0.04, COLUMN)
    with style(width):
        head = Head(title, results, width, detail)
        name_height = 2 * head.em
        band_height = len(_PANELS) * (tile + gap) - gap + name_height
        said = [line for text in _explanation(examples) for line in head.wrapped(text, less=1.38)]
        foot = 0.15 + 1.25 * head.em * len(said)
        height = head.height + bands * band_height + foot
        figure = Figure(figsize=(width, height))
        for index, example in enumerate(examples):
            band, column = divmod(index, columns)
            x = left + column * (tile + gap)
            panels = dict(zip(_PANELS, _panels(example), strict=True))
            for row, name in enumerate(_PANELS):
                top = height - head.height - band * band_height - 1.7 * head.em
                y = top - (row + 1) * tile - row * gap
                axes = figure.add_axes((x / width, y / height, tile / width, tile / height))
                axes.imshow(panels[name], interpolation="nearest", aspect="equal")
                axes.set(xticks=[], yticks=[])
                axes.grid(visible=False)
                axes.spines[:].set_visible(False)
                if row == 0:
                    axes.set_title(example.category, pad=2.5)
                if column == 0:
                    axes.set_ylabel(name, labelpad=3)
                if row == 1 and not example.mask.any():
                    axes.text(
                        0.5, 0.5, "no anomaly", transform=axes.transAxes, color=_ON_BLACK,
                        ha="center", va="center",
                    )  # fmt: skip
            _draw_threshold(axes, example)
        head.draw(figure)
        scale = figure.add_axes(
            (left / width, (foot - 0.08 - head.em) / height, 1.0 / width, 0.09 / height)
        )
        bar = figure.colorbar(
            ScalarMappable(Normalize(0, 1), HEAT), cax=scale, orientation="horizontal", ticks=[]
        )
        bar.outline.set_visible(False)
        figure.text(
            (left + 1.08) / width,
            (foot - 0.08) / height,
            "\n".join(said),
            color=MUTED,
            va="top",
        )
    return figure


def _draw_threshold(axes: Axes, example: Example) -> None:
    """Draw the edge of the region whose scores reach the threshold, at borders too."""
    if example.threshold is None:
        return
    over = np.pad(example.anomaly_map >= example.threshold, 1).astype(float)
    if not over.any():
        return
    rows, columns = (np.arange(-1, side + 1) for side in example.mask.shape)
    limits = axes.get_xlim(), axes.get_ylim()
    axes.contour(columns, rows, over, levels=[0.5], colors=[_LINE], linewidths=0.8)
    axes.set(xlim=limits[0], ylim=limits[1])


def _explanation(examples: Sequence[Example]) -> list[str]:
    """Say what the colours and lines are that these examples have, line by line."""
    said = ["low to high anomaly score; half of a category's anomalous images reach the lightest"]
    if any(example.threshold is not None for example in examples):
        said.append("blue line: around the scores that reach the threshold")
    if any(e.instance is not None and (e.mask & ~e.instance).any() for e in examples):
        said.append("grey: other instances of the image")
    return said


def _panels(example: Example) -> Iterator[NDArray[np.uint8]]:
    """Yield the input, the mask in white on black, and the map laid over the input in grey."""
    yield example.image
    truth = np.where(example.mask, 255, 0)
    if example.instance is not None:
        truth[example.mask & ~example.instance] = _OTHER_INSTANCES
    yield truth[..., None].repeat(3, axis=-1).astype(np.uint8)
    score = Normalize(example.low, example.high, clip=True)(example.anomaly_map).data[..., None]
    heat = mpl.colormaps[HEAT](score[..., 0])[..., :3]
    grey = _DIMMED * example.image.mean(axis=-1, keepdims=True) / 255
    weight = _WEIGHT_LOW + (_WEIGHT_HIGH - _WEIGHT_LOW) * score
    yield np.rint(255 * (weight * heat + (1 - weight) * grey)).astype(np.uint8)
