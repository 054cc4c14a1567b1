"""The contact sheet: every category with good samples and each defect, the masks outlined."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from bench.data.miniature.defects import GOOD
from bench.data.miniature.sample import CATEGORIES, DEFECTS, render

_BLOCKS_ACROSS = 3
_TILES = 4, 3  # of one category, across and down
_TILE = 98
_GAP = 6
_CAPTION = 22
_TITLE = 34
_MARGIN = 26
_BLOCK = (
    _TILES[0] * (_TILE + _GAP) - _GAP + _MARGIN,
    _TITLE + _TILES[1] * (_TILE + _GAP) - _GAP + _CAPTION + _MARGIN // 2,
)
_PAPER = (255, 255, 255)
_INK = (31, 35, 40)
_FADED = (98, 106, 116)
_OUTLINE = (0, 255, 216)

# Tiles are rendered larger and averaged down: less sensor noise, and a smaller file.
_OVERSIZE = 2


def contact_sheet(path: Path) -> None:
    """Draw the overview of all categories and defects into a PNG file, whose folder is made."""
    down = -(-len(CATEGORIES) // _BLOCKS_ACROSS)
    size = _MARGIN + _BLOCKS_ACROSS * _BLOCK[0], _MARGIN // 2 + down * _BLOCK[1]
    sheet = Image.new("RGB", size, _PAPER)
    for place, category in enumerate(CATEGORIES):
        row, column = divmod(place, _BLOCKS_ACROSS)
        _draw_block(sheet, category, _MARGIN + column * _BLOCK[0], _MARGIN // 2 + row * _BLOCK[1])
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.point(_coarse).save(path, optimize=True)


def _coarse(level: int) -> int:
    """Round a grey level to a multiple of 12: halves the file at no cost that the eye sees."""
    return 255 if level > 249 else (level + 6) // 12 * 12


def _draw_block(sheet: Image.Image, category: str, left: int, top: int) -> None:
    """Draw a category's title and tiles: all its defects, filled up with good samples."""
    pen = ImageDraw.Draw(sheet)
    pen.text((left, top + _TITLE - 8), category, _INK, ImageFont.load_default(22), anchor="ls")
    shown = [("test/good", GOOD)] * (_TILES[0] * _TILES[1] - len(DEFECTS[category]))
    shown += [(f"test/{defect}", defect) for defect in DEFECTS[category]]
    for place, (split, caption) in enumerate(shown):
        row, column = divmod(place, _TILES[0])
        x = left + column * (_TILE + _GAP)
        y = top + _TITLE + row * (_TILE + _GAP)
        index = place if caption == GOOD else 0
        sheet.paste(Image.fromarray(_tile(category, split, index)), (x, y))
        if row == _TILES[1] - 1:  # all above are good
            text = x + _TILE // 2, y + _TILE + _CAPTION // 2 - 1
            pen.text(text, caption, _FADED, ImageFont.load_default(12), anchor="mm")


def _tile(category: str, split: str, index: int) -> npt.NDArray[np.uint8]:
    """Render one sample with the outline of its mask, (T, T, 3)."""
    sample = render(category, split, index, _TILE * _OVERSIZE)
    blocks = sample.image.reshape(_TILE, _OVERSIZE, _TILE, _OVERSIZE, 3)
    picture = np.asarray(blocks.mean(axis=(1, 3)) + 0.5, np.uint8)
    mask = sample.mask[::_OVERSIZE, ::_OVERSIZE]
    border = ndimage.binary_dilation(mask, iterations=2) & ~ndimage.binary_dilation(mask)
    picture[border] = _OUTLINE
    return picture
