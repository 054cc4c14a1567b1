import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from destseg.application.console import coloured, open_console, print_error
from destseg.errors import InputError

ROOT = Path(__file__).parents[2]
PRINT = """
from destseg.application.console import open_console
open_console()
print("83.1 ± 0.4 ✓ − ×")
"""


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-8"])
def test_what_is_redirected_is_utf8_whatever_the_machine_says(encoding):
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", PRINT], env=environment, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode("utf-8") == f"83.1 ± 0.4 ✓ − ×{os.linesep}"


PRINT_ON = """
import sys
from destseg.application.console import open_console
open_console()
for _ in range(10000):
    print("nobody reads this")
    print("nor this", file=sys.stderr)
sys.exit(5)
"""


@pytest.mark.parametrize("options", [[], ["-u"]])
def test_a_reader_that_has_enough_changes_no_exit_code(options):
    """As in ``python -m bench regress 2>&1 | head -1``."""
    reading, writing = os.pipe()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, *options, "-c", PRINT_ON]
    child = subprocess.Popen(command, env=environment, stdout=writing, stderr=writing)
    os.close(writing)
    os.read(reading, 1)
    os.close(reading)
    assert child.wait() == 5


def test_an_error_commands_no_terminal_and_keeps_its_lines(capsys):
    print_error(InputError("404 \x1b[31mgone\r", "and \udce9"))
    assert capsys.readouterr().err == "error: 404 \\x1b[31mgone\\r\nand \\udce9\n"


def test_windows_is_ruled_out_before_anything_is_computed(monkeypatch, capsys):
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(SystemExit) as caught:
        open_console()
    assert caught.value.code == 2
    assert capsys.readouterr().err.startswith("error: Windows is not supported; use Linux, macOS")


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("stream", "environment", "shown"),
    [
        (Terminal(), {}, "\x1b[31mx\x1b[0m"),
        (Terminal(), {"NO_COLOR": ""}, "\x1b[31mx\x1b[0m"),
        (Terminal(), {"NO_COLOR": "1"}, "x"),
        (Terminal(), {"TERM": "dumb"}, "x"),
        (io.StringIO(), {}, "x"),
    ],
)
def test_only_a_terminal_that_wants_colours_gets_them(monkeypatch, stream, environment, shown):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert coloured("x", "red", stream) == shown
