"""Errors that are the user's to mend, and foreign text in what is said of them."""

import unicodedata


class InputError(Exception):
    """Bad input: one sentence that names the value or file, what is wrong and what to do.

    The command line prints the sentence and exits with code 2.
    """


def one_line(error: Exception) -> str:
    """Say in a line what went wrong."""
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def printable(text: str) -> str:
    r"""Spell out characters that command a terminal, break a line or turn the text around them.

    Examples
    --------
    >>> print(printable("red \x1b[31m, é"))
    red \x1b[31m, é
    """
    return "".join(
        character.encode("unicode_escape").decode() if _commands(character) else character
        for character in text
    )


def _commands(character: str) -> bool:
    turning = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
    kind = unicodedata.category(character)
    return kind in ("Cc", "Cs", "Zl", "Zp") or unicodedata.bidirectional(character) in turning
