"""What is said to the user: errors that are theirs to mend, notes, and foreign text in both."""

import difflib
import errno
import logging
import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import cache

LISTED_FAULTS = 10
"""Faults spelt out in one message; the rest are counted."""

_log = logging.getLogger(__name__)
_ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


class InputError(Exception):
    """Bad input: one sentence that names the value or file, what is wrong and what to do.

    The command line prints the sentence and exits with code 2.

    Parameters
    ----------
    *lines : str
        The sentence; further ones, such as a list of faults, have lines of their own. What would
        break a line, such as a newline in the name of a file, is spelt out.
    """

    def __init__(self, *lines: str) -> None:
        super().__init__(*map(printable, lines))

    def __str__(self) -> str:
        return "\n".join(self.args)


def one_line(error: Exception) -> str:
    """Say in a line what went wrong, without a terminal's codes, an error's number and its path."""
    text = _ESCAPES.sub("", str(getattr(error, "strerror", None) or error))
    return printable(text.splitlines()[0]) if text else type(error).__name__


def overlong_name(error: OSError) -> InputError | None:
    """Say that a name is longer than any file's may be, when that is the system's complaint."""
    if error.errno != errno.ENAMETOOLONG:
        return None
    name = max(str(error.filename).split("/"), key=len)
    return InputError(f"{name[:40]}... ({len(name)} characters): {error.strerror}; give another.")


def input_faults(subject: str, faults: Sequence[str]) -> InputError:
    """Put all faults of a folder into one error: a sentence, then a line for each fault."""
    count = counted(len(faults), "fault")
    lines = [f"{subject}: {count} found; mend the files listed here and start again:"]
    lines += [f"  - {fault}" for fault in faults[:LISTED_FAULTS]]
    if len(faults) > LISTED_FAULTS:
        lines.append(f"  - and {len(faults) - LISTED_FAULTS} more")
    return InputError(*lines)


def counted(count: int, noun: str) -> str:
    """Put a number before a noun that forms its plural with an s.

    Examples
    --------
    >>> counted(1, "image"), counted(0, "image")
    ('1 image', '0 images')
    """
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Ask whether the known name nearest to an unknown one was meant; empty where none is near.

    Examples
    --------
    >>> did_you_mean("Nonee", ["none", "den"])
    'did you mean none?'
    """
    names = {one.lower(): one for one in known}
    near = difflib.get_close_matches(name.lower(), names, n=1)
    return f"did you mean {names[near[0]]}?" if near else ""


def suggestion(name: str, known: Iterable[str]) -> str:
    """Ask as `did_you_mean` does, or list all known names: the end of a sentence on a name.

    Examples
    --------
    >>> suggestion("Bottel", ["bottle", "tile"]), suggestion("x", ["bottle", "tile"])
    ('did you mean bottle?', 'there are bottle, tile.')
    """
    names = list(known)
    listed = f"there are {', '.join(names)}." if names else "there are none."
    return did_you_mean(name, names) or listed


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


@cache
def tell(sentence: str) -> None:
    """Say on stderr, once in a process, what does not stop anything."""
    _log.warning("note: %s", printable(sentence))
