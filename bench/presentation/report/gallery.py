"""Every test image with its ground truth and its maps, small, on one sheet per category.

A sheet is one picture of many tiles, since a thousand pictures of their own would need several
times the bytes. Of the same images the sheets of input, ground truth and maps have the same tiles
in the same places.
"""

import io
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
from matplotlib.colors import Normalize
from numpy.typing import NDArray
from PIL import Image

from bench.methods import FLOORS
from bench.presentation.examples import HEAT, colour_scale
from bench.presentation.report.outcomes import OUTCOMES, Judged, judge, shown
from bench.results.results import Results, Row

TILE = 64
"""Side of a tile in pixels."""

_QUALITY = 80
"""Of WebP, for images, which are looked at large; maps are smooth and look the same far below."""

_MAP_QUALITY = 40


@dataclass(frozen=True)
class View:
    """Whose maps are shown: a method and its variant, and a seed."""

    row: Row
    seed: int


@dataclass(frozen=True)
class Maps:
    """What a view shows of a category.

    Attributes
    ----------
    content
        A WebP file.
    scale
        The scores that are black, and from which on the colour is the lightest.
    judged
        What the image scores say.
    """

    content: bytes
    scale: tuple[float, float]
    judged: Judged


@dataclass(frozen=True)
class Sheet:
    """One category's test images.

    Attributes
    ----------
    names
        Of the tiles in reading order, as ``defect/stem``.
    columns, rows
        Tiles beside and below each other.
    marked
        Share of each image that its ground truth marks.
    inputs, truth
        WebP files.
    maps
        Of each view that has maps of this category.
    """

    category: str
    names: tuple[str, ...]
    columns: int
    rows: int
    marked: tuple[float, ...]
    inputs: bytes
    truth: bytes
    maps: dict[View, Maps]

    def position(self, index: int) -> tuple[float, float]:
        """Return where a tile lies in percent, as CSS has it for backgrounds."""
        row, column = divmod(index, self.columns)
        return (
            100 * column / max(self.columns - 1, 1),
            100 * row / max(self.rows - 1, 1),
        )


@dataclass(frozen=True)
class Gallery:
    """All sheets.

    Attributes
    ----------
    labels, seeds
        The grid of the views, rows with their names; some may lack maps.
    views
        Those that are on the sheets, the first to be shown first.
    left_out
        Views that would have made the page too large.
    """

    labels: Mapping[Row, str]
    seeds: tuple[int, ...]
    views: tuple[View, ...]
    sheets: tuple[Sheet, ...]
    left_out: int

    @property
    def kind(self) -> str:
        """What the rows are called: variants of a method, or methods."""
        learners = {method for method, _ in self.labels} - {*FLOORS}
        return "method" if len(learners) > 1 else "variant"

    @property
    def defects(self) -> tuple[str, ...]:
        """The defects of all categories, each once."""
        names = (name.partition("/")[0] for sheet in self.sheets for name in sheet.names)
        return tuple(sorted(set(names)))

    def facts(self) -> dict[str, object]:
        """Return what a script says, sorts and filters by: names of views, scores, outcomes."""
        return {
            "views": [f"{self.labels[view.row]}, seed {view.seed}" for view in self.views],
            "outcomes": OUTCOMES,
            "sheets": [
                {
                    str(self.views.index(view)): {
                        "scores": [float(shown(score)) for score in maps.judged.scores],
                        "threshold": maps.judged.least,
                        "outcomes": maps.judged.outcomes,
                        "scale": [shown(end) for end in maps.scale],
                    }
                    for view, maps in sheet.maps.items()
                }
                for sheet in self.sheets
            ],
        }


@dataclass(frozen=True, eq=False)
class Scored:
    """What a view makes of a category: maps of shape (N, h, w), image scores of shape (N,)."""

    maps: NDArray[np.floating]
    scores: NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class CategoryImages:
    """One category's test images: shapes (N, S, S, 3) and (N, P, P), names as ``defect/stem``."""

    category: str
    names: tuple[str, ...]
    images: NDArray[np.uint8]
    masks: NDArray[np.bool_]


def make_gallery(
    tests: Sequence[CategoryImages],
    results: Results,
    scored: Callable[[str, View], Scored | None],
    budget: int,
) -> Gallery | None:
    """Put the sheets together, view by view, as long as they are not too large.

    The order is seed by seed, and in each the last of `Results.extremes` first and floors last.
    `scored` gives a category's maps and scores, or None; the budget is in bytes. None without
    any category or map.
    """
    bases = [(one, _colour_sheet(one.images), _truth_sheet(one.masks)) for one in tests]
    used = sum(len(inputs) + len(truth) for _, inputs, truth in bases)
    found: dict[View, dict[str, Maps]] = {}
    left_out = 0
    for view in _in_order(results):
        made = {}
        if not left_out:
            for one in tests:
                given = scored(one.category, view)
                if given is not None:
                    made[one.category] = _maps(given, np.asarray(one.masks.any(axis=(1, 2))))
        size = sum(len(maps.content) for maps in made.values())
        if left_out or used + size > budget:
            left_out += 1
        elif made:
            found[view] = made
            used += size
    if not found:
        return None
    sheets = []
    for one, inputs, truth in bases:
        name = one.category
        sheets.append(
            Sheet(
                name,
                one.names,
                *layout(len(one.names)),
                tuple(map(float, one.masks.mean(axis=(1, 2)))),
                inputs,
                truth,
                {view: made[name] for view, made in found.items() if name in made},
            )
        )
    return Gallery(results.labels, results.seeds, tuple(found), tuple(sheets), left_out)


def layout(tiles: int) -> tuple[int, int]:
    """Return columns and rows of a sheet: nearly square.

    Examples
    --------
    >>> layout(44), layout(1)
    ((7, 7), (1, 1))
    """
    columns = math.ceil(math.sqrt(tiles))
    return columns, -(-tiles // columns)


def arrange(tiles: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Lay tiles, shape (N, T, T, 3), out in reading order; what is left over is black."""
    columns, rows = layout(len(tiles))
    side = tiles.shape[1]
    sheet = np.zeros((rows * columns, side, side, 3), np.uint8)
    sheet[: len(tiles)] = tiles
    turned = sheet.reshape(rows, columns, side, side, 3).transpose(0, 2, 1, 3, 4)
    return turned.reshape(rows * side, columns * side, 3)


def colours(maps: NDArray[np.floating], scale: tuple[float, float]) -> NDArray[np.uint8]:
    """Colour maps, shape (N, h, w), on one scale; what lies beyond it has the colour of its end."""
    levels = Normalize(*scale, clip=True)(maps).data
    coloured: NDArray[np.uint8] = mpl.colormaps[HEAT](levels, bytes=True)[..., :3]
    return coloured


def _in_order(results: Results) -> list[View]:
    learning = [row for row in results.labels if row[0] not in results.floors]
    rows = dict.fromkeys((results.extremes[-1], *reversed(learning), *results.labels))
    return [View(row, seed) for seed in results.seeds for row in rows]


def _maps(given: Scored, anomalous: NDArray[np.bool_]) -> Maps:
    """Make a sheet of maps; enlarged as scores and coloured after, as the figures have them."""
    size = (TILE, TILE)
    tiles = np.stack(
        [
            np.asarray(
                Image.fromarray(one.astype(np.float32)).resize(size, Image.Resampling.BILINEAR)
            )
            for one in given.maps
        ]
    )
    scale = colour_scale(tiles, anomalous)
    content = _webp(arrange(colours(tiles, scale)), quality=_MAP_QUALITY)
    return Maps(content, scale, judge(given.scores, anomalous))


def _colour_sheet(images: NDArray[np.uint8]) -> bytes:
    tiles = [np.asarray(_small(Image.fromarray(np.asarray(image)))) for image in images]
    return _webp(arrange(np.stack(tiles)), quality=_QUALITY)


def _truth_sheet(masks: NDArray[np.bool_]) -> bytes:
    tiles = [np.asarray(_small(Image.fromarray(255 * mask.astype(np.uint8)))) for mask in masks]
    return _webp(arrange(np.stack(tiles)[..., None].repeat(3, axis=-1)), lossless=True)


def _small(image: Image.Image) -> Image.Image:
    return image.resize((TILE, TILE), Image.Resampling.BILINEAR)


def _webp(pixels: NDArray[np.uint8], **how: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "WEBP", method=4, **how)
    return buffer.getvalue()
