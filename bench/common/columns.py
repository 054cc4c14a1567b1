"""Tables as wide as the terminal that shows them."""

import re
import shutil
import sys
import textwrap
from collections.abc import Sequence
from itertools import product
from typing import Any

from tabulate import tabulate

LINES = 3
"""Of a cell at most, where a table is too wide."""

_UNBROKEN = re.compile(r" (?=[±%(=])|(?<=[±=,]) (?=[\d+−])")
"""Spaces inside of numbers, intervals and p values."""


def screen_width(*, wide: bool = False) -> int | None:
    """Return how many characters a line of standard output may have; None where it has no end.

    Only a terminal has an end, and not where all is asked for.
    """
    if wide or not sys.stdout.isatty():
        return None
    return shutil.get_terminal_size().columns


def fitted(
    rows: Sequence[Sequence[Any]], headers: Sequence[str], width: int | None, **look: Any
) -> str:
    """Lay a table out in a width: with words of cells in several lines, then with fewer columns.

    Cells have `LINES` lines at most. Where these are not enough the last columns are left out, and
    a line below names them.

    Parameters
    ----------
    rows, headers : sequence
        The first column always stays.
    width : int or None
        Characters in a line, see `screen_width`.
    **look
        Of `tabulate`; a ``colalign`` has a word for each column.

    Examples
    --------
    >>> print(fitted([["bottle", 0.9123, "long words"]], ["category", "AP", "note"], 26))
    category        AP  note
    ----------  ------  ------
    bottle      0.9123  long
                        words
    """
    aligned = look.pop("colalign", None)
    for count, lines in product(range(len(headers), 0, -1), range(1, LINES + 1)):
        if aligned is not None:
            look["colalign"] = aligned[:count]
        columns = [_narrow([*column], lines) for column in zip(headers, *rows, strict=True)]
        head, *body = zip(*columns[:count], strict=True)
        text = tabulate(body, head, **look)
        if width is None or _width(text) <= width:
            break
    left = ", ".join(headers[count:])
    if not left:
        return text
    return f"{text}\n\nleft out, since the terminal is {width} wide: {left}; --wide shows all."


def _narrow(column: list[Any], lines: int) -> list[Any]:
    """Break a column's texts at spaces, so that it is narrow and none has more lines than these."""
    if lines == 1:
        return column
    # What has colours is short.
    texts = {
        text: _UNBROKEN.sub("\0", text)
        for text in column
        if isinstance(text, str) and "\x1b" not in text
    }
    need = max((_least(text, lines) for text in texts.values()), default=1)
    broken = {text: "\n".join(_wrap(bound, need)) for text, bound in texts.items()}
    return [broken[text].replace("\0", " ") if text in broken else text for text in column]


def _least(text: str, lines: int) -> int:
    """Return the smallest width at which a text has no more lines than these."""
    longest = max(map(len, text.split(" ")))
    return next(w for w in range(max(longest, 1), len(text) + 2) if len(_wrap(text, w)) <= lines)


def _wrap(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)


def _width(text: str) -> int:
    """Return how wide a table is: as its rule, whatever colours the cells have."""
    return max(len(line) for line in text.splitlines() if set(line) <= set("-:| "))
