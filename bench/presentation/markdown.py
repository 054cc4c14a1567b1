"""Foreign text in Markdown."""

import re

_SPECIAL = re.compile(r"[\\`*|$<~]|&(?=[#\w]+;)|\](?=\()|(?<!\w)_|_(?!\w)")


def escape(text: str) -> str:
    r"""Text as it is: no column of a table, HTML, formula, link or emphasis.

    Examples
    --------
    >>> print(escape("a | <img> $x$ metal_nut"))
    a \| \<img> \$x\$ metal_nut
    """
    return _SPECIAL.sub(r"\\\g<0>", text)
