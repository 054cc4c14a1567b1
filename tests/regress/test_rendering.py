import dataclasses

import pytest

from bench.metrics import METRICS
from bench.regress.gate_report import Verdict
from bench.regress.rendering import SHOWN, markdown_text, terminal_text
from tests.regress.small_baseline import (
    CELL,
    SOURCES,
    compared,
    measured,
    with_score,
)

ADOPT = "python -m bench baseline --reason why"


def compare(now, **sources):
    return compared(now, sources={**SOURCES, **sources})


def test_a_pass_is_a_line():
    report = compare(measured())
    assert report.verdict is Verdict.PASS
    assert terminal_text(report, ADOPT) == (
        "smoke: pass: nothing changed beyond what arithmetic or chance explains. "
        "48 numbers compared, 0 worse, 0 better."
    )


def test_a_pass_tells_of_changed_sources():
    text = terminal_text(compare(measured(), **{"destseg/losses.py": "new"}), ADOPT)
    assert "1 source component differs from the baseline's, and no number moved" in text
    assert text.endswith(f"put down to these, adopt them:\n  {ADOPT}")


@pytest.mark.parametrize("words", [terminal_text, markdown_text])
def test_a_regression_tells_what_where_how_much_and_why(words):
    text = words(
        compare(with_score(measured(), CELL, "pro", 0.4), **{"destseg/losses.py": "new"}), ADOPT
    )
    for word in ("PRO", "den", "tile", "0.5000", "0.4000", "-0.1000", "0.0030"):
        assert word in text
    assert "first source component that changed: destseg/losses.py" in text
    assert text.rstrip().endswith(f"  {ADOPT}")


def test_an_improvement_says_how_to_adopt_it():
    text = terminal_text(compare(with_score(measured(), CELL, "pro", 0.6)), ADOPT)
    assert text.startswith("smoke: improvement: numbers got better and none got worse.")
    assert text.endswith(
        f"If the change is meant, adopt it, and let the diff be reviewed:\n  {ADOPT}"
    )


@pytest.mark.parametrize("words", [terminal_text, markdown_text])
def test_what_is_not_comparable_is_not_offered_as_the_baseline(words):
    report = compare(dataclasses.replace(measured(), dataset="mvtec"))
    assert report.verdict is Verdict.NOT_COMPARABLE
    text = words(report, ADOPT)
    assert ADOPT not in text
    assert "Compare a run of the same images, protocol and precision." in text


def test_nothing_changed_but_the_numbers():
    text = terminal_text(compare(with_score(measured(), CELL, "pro", 0.4)), ADOPT)
    assert "neither settings, source components nor versions differ" in text


def test_long_lists_are_counted():
    run = measured()
    worse = {cell: dict.fromkeys(scores, 0.1) for cell, scores in run.cells.items()}
    text = terminal_text(compare(dataclasses.replace(run, cells=worse)), ADOPT)
    assert f"and {8 * len(METRICS) - SHOWN} smaller ones." in text


def test_what_is_missing_is_listed():
    assert "pro of DeSTSeg den on tile, seed 1: not in the run" in terminal_text(
        compare(with_score(measured(), CELL, "pro", None)), ADOPT
    )


def test_markdown_has_a_table():
    text = markdown_text(compare(with_score(measured(), CELL, "pro", 0.4)), ADOPT)
    assert text.startswith("## Regression gate: regression\n")
    assert "| PRO" in text
