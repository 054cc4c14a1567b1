import json
import xml.etree.ElementTree as ET

import pytest

from bench.regress.ci_formats import annotations, json_text, junit_text
from bench.regress.gate_report import Change, GateReport
from tests.regress.small_baseline import (
    CELL,
    SOURCES,
    compared,
    measured,
    with_score,
)


def compare(now):
    return compared(now, sources={**SOURCES, "destseg/losses.py": "new"})


@pytest.fixture
def worse():
    return compare(with_score(measured(), CELL, "pro", 0.4))


def test_json_holds_everything(worse):
    table = json.loads(json_text(worse))
    assert (table["format"], table["verdict"], table["compared"]) == (1, "regression", 48)
    assert table["changes"][0]["change"] == pytest.approx(-0.1)
    assert table["cause"]["sources"] == ["destseg/losses.py"]


def test_junit_fails_the_cell(worse):
    suite = ET.fromstring(junit_text(worse))
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("10", "1", "0")
    (case,) = (case for case in suite if case.find("failure") is not None)
    assert (case.get("classname"), case.get("name")) == ("regress.tile", "DeSTSeg den seed 1")
    assert case.find("failure").get("message").startswith("PRO of DeSTSeg den on tile, seed 1")


def test_junit_has_an_error_where_nothing_was_compared():
    suite = ET.fromstring(junit_text(GateReport("smoke")))
    assert suite.get("errors") == "1"


def test_junit_has_the_means_too():
    change = Change("pro", "DeSTSeg", "den", "", None, 0.5, 0.4, 0.01, worse=True, p=0.001)
    report = GateReport("mvtec", 1, (CELL,), (change,))
    suite = ET.fromstring(junit_text(report))
    assert [case.get("classname") for case in suite][-1] == "regress.mean"
    assert suite.get("failures") == "1"


def test_annotations_point_at_the_source(worse):
    (line,) = annotations(worse)
    assert line.startswith(
        "::error title=regression gate%3A regression,file=destseg/losses.py::PRO of DeSTSeg den on"
    )


def test_annotations_of_other_verdicts():
    assert annotations(compare(measured())) == []
    (line,) = annotations(compare(with_score(measured(), CELL, "pro", 0.6)))
    assert line.startswith("::warning ")
    (line,) = annotations(compare(with_score(measured(), CELL, "pro", None)))
    assert line.startswith("::error title=regression gate%3A incomplete")
    assert annotations(GateReport("smoke"))[0].endswith("::nothing was compared")
