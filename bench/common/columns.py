"""Tables as wide as the terminal that shows them."""

import shutil
import sys
from collections.abc import Sequence
from typing import Any

from tabulate import tabulate


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
    """Lay a table out, without the last columns where it is too wide; a line below names those.

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
    >>> print(fitted([["bottle", 0.9123, "long, long words"]], ["category", "AP", "note"], 20))
    category        AP
    ----------  ------
    bottle      0.9123
    <BLANKLINE>
    left out, since the terminal is 20 wide: note; --wide shows all.
    """
    aligned = look.pop("colalign", None)
    # The rule below the headers is as wide as the table, whatever colours the cells have.
    for count in range(len(headers), 0, -1):
        if aligned is not None:
            look["colalign"] = aligned[:count]
        text = tabulate([row[:count] for row in rows], headers[:count], **look)
        if width is None or len(text.splitlines()[1]) <= width:
            break
    left = ", ".join(headers[count:])
    if not left:
        return text
    return f"{text}\n\nleft out, since the terminal is {width} wide: {left}; --wide shows all."
