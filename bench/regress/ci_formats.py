"""A report for machines: JSON, JUnit XML, GitHub annotations."""

import dataclasses
import json
import xml.etree.ElementTree as ET

from bench.regress.gate_report import GateReport, Verdict
from bench.regress.measured import name_of
from bench.regress.rendering import SHOWN, sentence

FORMAT = 1


def json_text(report: GateReport) -> str:
    """Write everything a report holds."""
    table = dataclasses.asdict(report)
    table["verdict"] = report.verdict.value
    table["changes"] = [
        {**dataclasses.asdict(change), "change": change.change} for change in report.changes
    ]
    return json.dumps({"format": FORMAT, **table}, indent=1, sort_keys=True) + "\n"


def junit_text(report: GateReport) -> str:
    """Write JUnit XML: a test for each cell, one for completeness, one for comparability."""
    suite = ET.Element("testsuite", name=f"regress {report.experiment}")
    counts = {"tests": 0, "failures": 0, "errors": 0}

    def add(group: str, name: str, tag: str, lines: list[str]) -> None:
        counts["tests"] += 1
        case = ET.SubElement(suite, "testcase", classname=f"regress.{group}", name=name)
        if lines:
            counts[f"{tag}s"] += 1
            ET.SubElement(case, tag, message=lines[0]).text = "\n".join(lines)

    add("gate", "comparable", "error", list(report.incomparable))
    missing = list(report.missing)
    if not report.compared and not missing:
        missing = ["nothing was compared"]
    add("gate", "complete", "error", missing)
    cases: dict[tuple[str, str], list[str]] = {
        (cell.category, f"{name_of(cell.method, cell.variant)} seed {cell.seed}"): []
        for cell in report.cells
    }
    for change in report.changes:
        seed = "" if change.seed is None else f" seed {change.seed}"
        name = f"{name_of(change.method, change.variant)}{seed}"
        lines = cases.setdefault((change.category or "mean", name), [])
        lines += [sentence(change)] * change.worse
    for place, lines in cases.items():
        add(*place, "failure", lines)
    for name, count in counts.items():
        suite.set(name, str(count))
    ET.indent(suite)
    return ET.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def annotations(report: GateReport) -> list[str]:
    """Write GitHub's workflow commands that show a report beside the change."""
    title = f"regression gate: {report.verdict}"
    if report.verdict is Verdict.PASS:
        return []
    level = "notice" if report.verdict is Verdict.IMPROVEMENT else "error"
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
