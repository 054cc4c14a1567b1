"""A report for machines: JSON, JUnit XML, GitHub annotations."""

import dataclasses
import json
import xml.etree.ElementTree as ET

from bench.regress.baseline import CellId
from bench.regress.rendering import SHOWN, sentence
from bench.regress.report import Report, Verdict

FORMAT = 1


def json_text(report: Report) -> str:
    """Write everything a report holds."""
    table = dataclasses.asdict(report)
    table["verdict"] = report.verdict.value
    table["changes"] = [
        {**dataclasses.asdict(change), "change": change.change} for change in report.changes
    ]
    return json.dumps({"format": FORMAT, **table}, indent=1, sort_keys=True) + "\n"


def junit_text(report: Report) -> str:
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
    worse: dict[CellId | tuple[str, str], list[str]] = {}
    for change in report.changes:
        place: CellId | tuple[str, str] = (
            (change.category or "mean", change.variant)
            if change.seed is None
            else CellId(change.category, change.variant, change.seed)
        )
        if change.worse:
            worse.setdefault(place, []).append(sentence(change))
    for cell in report.cells:
        add(cell.category, f"{cell.variant} seed {cell.seed}", "failure", worse.pop(cell, []))
    for rest, lines in worse.items():
        assert not isinstance(rest, CellId)
        add(rest[0], rest[1], "failure", lines)
    for name, count in counts.items():
        suite.set(name, str(count))
    ET.indent(suite)
    return ET.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def annotations(report: Report) -> list[str]:
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
