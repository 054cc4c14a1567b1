"""Names in CSV files that people open with a spreadsheet, which takes some for formulas."""

import re


def guarded(value: object) -> object:
    """Put an apostrophe before a text that a spreadsheet would compute; leave all else.

    Examples
    --------
    >>> guarded("=1+1"), guarded("grid"), guarded(-0.5), unguarded("'=1+1")
    ("'=1+1", 'grid', -0.5, '=1+1')
    """
    return f"'{value}" if isinstance(value, str) and re.match(r"'*[=+\-@\t\r]", value) else value


def unguarded(text: str) -> str:
    """Take the apostrophe away again."""
    return text[1:] if re.match(r"'+[=+\-@\t\r]", text) else text
