"""Standard output and error, whatever the machine makes of characters."""

import io
import sys

from destseg.errors import printable


def open_console() -> None:
    """Make printing never fail: UTF-8 into files and pipes, and spelled out what a terminal lacks.

    Windows opens what is redirected in an old 8-bit encoding, and so do some locales; then a table
    that was computed for hours could not be printed.

    Raises
    ------
    SystemExit
        On Windows, before anything is computed.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            redirected = not stream.isatty()
            stream.reconfigure(encoding="utf-8" if redirected else None, errors="backslashreplace")
    if sys.platform == "win32":
        print_error("Windows is not supported; use Linux, macOS, or Linux inside Windows (WSL).")
        raise SystemExit(2)


def print_error(error: object) -> None:
    """Print what is wrong, line by line; what came from files or servers commands no terminal."""
    said = "\n".join(map(printable, str(error).split("\n")))
    print(f"error: {said}", file=sys.stderr)
