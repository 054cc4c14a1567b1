"""Standard output and error, whatever the machine makes of characters."""

import io
import os
import stat
import sys
from typing import Any, TextIO

from destseg.errors import printable

COLOURS = {"red": 31, "green": 32, "yellow": 33}
"""Codes of ECMA-48 for the colour of characters."""


def open_console() -> None:
    """Make printing never fail: UTF-8 into files and pipes, and spelled out what a terminal lacks.

    Windows opens what is redirected in an old 8-bit encoding, and so do some locales; then a table
    that was computed for hours could not be printed. Where the reader of a pipe has enough, such
    as ``head``, the rest is printed into nothing: a command ends with its own exit code, whoever
    listens.

    Raises
    ------
    SystemExit
        On Windows, before anything is computed.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):
            if _is_pipe(stream):
                stream = _unbreakable(stream)
                setattr(sys, name, stream)
            redirected = not stream.isatty()
            stream.reconfigure(encoding="utf-8" if redirected else None, errors="backslashreplace")
    if sys.platform == "win32":
        print_error("Windows is not supported; use Linux, macOS, or Linux inside Windows (WSL).")
        raise SystemExit(2)


class _Pipe(io.FileIO):
    """A pipe into which one can write though nobody reads it any more."""

    def write(self, data: Any, /) -> int:
        """Write bytes."""
        try:
            return super().write(data)
        except BrokenPipeError:
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, self.fileno())
            os.close(nothing)
            return len(data)


def _is_pipe(stream: io.TextIOWrapper) -> bool:
    if not isinstance(stream.buffer, io.BufferedWriter | io.FileIO):  # none of the system's
        return False
    mode = os.fstat(stream.fileno()).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def _unbreakable(stream: io.TextIOWrapper) -> io.TextIOWrapper:
    stream.flush()
    pipe = _Pipe(stream.fileno(), "w", closefd=False)
    # Without a buffer where Python was told so (-u).
    buffer = pipe if isinstance(stream.buffer, io.FileIO) else io.BufferedWriter(pipe)
    return io.TextIOWrapper(
        buffer,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def print_error(error: object) -> None:
    """Print what is wrong, line by line; what came from files or servers commands no terminal."""
    said = "\n".join(map(printable, str(error).split("\n")))
    print(f"{coloured('error:', 'red', sys.stderr)} {said}", file=sys.stderr)


def coloured(text: str, colour: str, stream: TextIO | None = None) -> str:
    """Colour a text that goes to a terminal; nothing else, and nothing where NO_COLOR is set.

    Parameters
    ----------
    text : str
        Without codes of its own.
    colour : {"red", "green", "yellow"}
        Of the terminal's sixteen, so that its owner has chosen it.
    stream : file, optional
        Where it will be printed; by default standard output.
    """
    shown = (stream or sys.stdout).isatty() and os.environ.get("TERM") != "dumb"
    # An empty NO_COLOR counts as none: https://no-color.org.
    if not shown or os.environ.get("NO_COLOR"):
        return text
    return f"\x1b[{COLOURS[colour]}m{text}\x1b[0m"
