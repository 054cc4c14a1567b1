import re
import sys
import time

import pytest

from destseg.application import progress as module
from destseg.application.progress import Progress, progress


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still unless it is told otherwise."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_a_log_has_whole_lines_with_count_rate_and_eta(clock, capsys):
    with Progress("tiny", 40, done=10) as shown:
        for _ in range(10):
            clock[0] += 20
            shown.advance()
    out, err = capsys.readouterr()
    assert out == ""
    assert "\r" not in err
    assert "\x1b" not in err
    lines = err.splitlines()
    assert len(lines) == 10
    assert err.endswith("\n")
    # 10 cells in 200 s: 20 s a cell, and 20 cells to go. Cached cells do not enter the rate.
    assert re.search(r"tiny: +50%.* 20/40 \[03:20<06:40, 20\.00s/cell\]$", lines[-1])


def test_lines_are_spaced_but_the_last_always_comes(clock, capsys):
    with Progress("tiny", 100) as shown:
        for _ in range(100):
            clock[0] += 1
            shown.advance()
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 100 // module.LOG_INTERVAL + 1
    assert " 15/100 " in lines[0]
    assert " 100/100 " in lines[-1]


def test_a_note_stands_beside_the_count(clock, capsys):
    shown = Progress("tiny", 1)
    shown.advance(note="1 failed")
    assert "1 failed" in capsys.readouterr().err


def test_nothing_to_do_says_nothing(capsys):
    Progress("tiny", 4, done=4).close()
    assert capsys.readouterr().err == ""


def test_say_prints_a_line_to_stderr(capsys):
    with Progress("tiny", 2) as shown:
        shown.say("failed: bottle none seed 0: why")
    assert capsys.readouterr() == ("", "failed: bottle none seed 0: why\n")


def test_a_terminal_gets_a_live_bar(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with Progress("tiny", 2) as shown:
        shown.advance()
        shown.say("a line")
        shown.advance(note="1 failed")
    err = capsys.readouterr().err
    assert "\r" in err
    assert "a line\n" in err
    assert "2/2" in err
    assert "1 failed" in err


def test_an_iteration_shows_how_far_it_is(clock, capsys):
    assert list(progress(iter("ab"), "prepare", 2, unit="input")) == ["a", "b"]
    assert "2/2" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("total", "done", "line"),
    [
        (5_000_000, 1_000_000, r" 60%.* 3\.00M/5\.00M \[00:20<00:20, 100kB/s\]"),
        (None, 0, r"archive.tar: 2\.00MB \[00:20, 100kB/s\]"),
    ],
)
def test_bytes_are_scaled_and_an_unknown_total_has_no_percentage(clock, capsys, total, done, line):
    with Progress("archive.tar", total, done=done, unit="B") as shown:
        clock[0] += 20
        shown.advance(2_000_000)
    assert re.search(f"{line}\n$", capsys.readouterr().err)


def test_each_stage_that_is_told_of_is_shown(clock, capsys):
    with module.stage_progress() as show:
        show("student", 1, 3, "")
        clock[0] += 20
        show("student", 2, 3, "loss 0.5")
        show("scale", 4, 4, "")
    first, second = capsys.readouterr().err.splitlines()
    # The update that was done before does not enter the rate.
    assert re.search(r"student: +67%.* 2/3 \[00:20<00:20, 20\.00s/step, loss 0\.5\]$", first)
    assert re.search(r"scale: +100%.* 4/4 ", second)


def test_a_line_is_no_part_of_a_bar_and_a_finished_bar_is_left_alone(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with module.stage_progress() as show:
        show("student", 1, 2, "")
        module.say("a sentence")
        show("student", 2, 2, "")
        show("scale", 1, 1, "")
    err = capsys.readouterr().err
    assert re.search(r"\r *\ra sentence\n", err), "the bar is wiped first"
    before, after = err.split("scale", 1)
    assert "2/2" in before
    assert "student" not in after
