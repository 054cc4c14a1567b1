"""A report for machines: JSON, JUnit XML, GitHub annotations."""

import dataclasses
import json
import xml.etree.ElementTree as ET
from collections.abc import Sequence

from bench.experiment.grid import Cell
from bench.regress.gate_report import Change, GateReport, Verdict
from bench.regress.measured import name_of
from bench.regress.rendering import SHOWN, sentence

FORMAT = 1


def json_text(report: GateReport) -> str:
    """Write everything a report holds."""
    table = dataclasses.asdict(report)
    table["verdict"] = report.verdict.value
    for entry, change in zip(table["changes"], report.changes, strict=True):
        entry["change"] = change.change
    return json.dumps({"format": FORMAT, **table}, indent=1, sort_keys=True) + "\n"


def junit_text(report: GateReport) -> str:
    """Write JUnit XML: a test for each cell, one for completeness, one for comparability."""
    suite = ET.Element("testsuite", name=f"regress {report.experiment}")

    def add(group: str, name: str, tag: str, lines: Sequence[str]) -> None:
        case = ET.SubElement(suite, "testcase", classname=f"regress.{group}", name=name)
        if lines:
            ET.SubElement(case, tag, message=lines[0]).text = "\n".join(lines)

    add("gate", "comparable", "error", report.incomparable)
    unseen = () if report.compared else ("nothing was compared",)
    add("gate", "complete", "error", report.missing or unseen)
    cases: dict[tuple[str, str], list[str]] = {_place(cell): [] for cell in report.cells}
    for change in report.changes:
        cases.setdefault(_place(change), []).extend([sentence(change)] * change.worse)
    for place, lines in cases.items():
        add(*place, "failure", lines)
    for name, tag in (("tests", "testcase"), ("failures", "failure"), ("errors", "error")):
        suite.set(name, str(len(list(suite.iter(tag)))))
    ET.indent(suite)
    return ET.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def _place(number: Cell | Change) -> tuple[str, str]:
    """Name the group and the test that a number belongs to."""
    seed = "" if number.seed is None else f" seed {number.seed}"
    return number.category or "mean", f"{name_of(number.method, number.variant)}{seed}"


def annotations(report: GateReport) -> list[str]:
    """Write GitHub's workflow commands that show a report beside the change."""
    title = f"regression gate: {report.verdict}"
    if report.verdict is Verdict.PASS:
        return []
    level = "warning" if report.verdict is Verdict.IMPROVEMENT else "error"
    lines = [*report.incomparable, *report.missing]
    if not lines:
        told = [c for c in report.changes if c.worse] or list(report.changes)
        lines = [sentence(change) for change in told] or ["nothing was compared"]
    place = f",file={_property(report.cause.sources[0])}" if report.cause.sources else ""
    return [
        f"::{level} title={_property(title)}{place}::{_message(line)}" for line in lines[:SHOWN]
    ]


def _message(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")
