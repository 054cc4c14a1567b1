"""From what is finished of an experiment to its figures and its report."""

import dataclasses
import json
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from bench.data.categories import load_category
from bench.experiment.grid import Cell
from bench.experiment.tables import CLAIMS
from bench.presentation.figures import KINDS, OF_MAPS, Drawing, drawings, write_figures
from bench.presentation.findings import findings, main_metric
from bench.presentation.formatting import in_words
from bench.presentation.notes import precision_notes, warnings
from bench.presentation.report.content import ReportPage
from bench.presentation.report.downloads import figure_bytes
from bench.presentation.report.gallery import CategoryImages, Gallery, Scored, View, make_gallery
from bench.presentation.report.page import render
from bench.presentation.report.verdicts import view_verdicts
from bench.presentation.tables import build_table
from bench.results.files import REPORT
from bench.results.finished import Finished
from bench.results.results import Results
from bench.workflows.excerpts import take_excerpts
from destseg.atomic import write_atomically

PAGE = 12_000_000
"""Bytes of all pictures on a page and of its files, so that with its text it stays below 15 MB."""

REPEATED = {"image": "main", "pixel": "categories", "instance": "categories"}
"""Tables in the paper's order -> those that have the same numbers and more.

Where published numbers stand beside, they are no repetition.
"""


def draw(finished: Finished, kinds: Collection[str] = KINDS) -> tuple[Drawing, ...]:
    """List an experiment's figures, those of maps only where maps are at hand."""
    if finished.results.missing == finished.results.expected:
        return ()
    excerpts = take_excerpts(finished) if set(kinds) & set(OF_MAPS) else None
    return drawings(finished.results, excerpts, kinds)


def write_all(finished: Finished, folder: Path, rerun: str) -> None:
    """Write the figures and the report, each figure drawn once."""
    chosen = draw(finished)
    write_figures(chosen, folder / "figures")
    write_report(finished, folder, rerun, chosen)


def write_report(
    finished: Finished, folder: Path, rerun: str, chosen: tuple[Drawing, ...] | None = None
) -> Path:
    """Write ``report.html`` into the experiment's folder; by default with every figure.

    `rerun` is the command that makes the numbers.
    """
    report = build_report(finished, rerun, draw(finished) if chosen is None else chosen)
    path = folder / REPORT
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(path, render(report).encode())
    return path


def build_report(finished: Finished, rerun: str, chosen: tuple[Drawing, ...]) -> ReportPage:
    """Say everything the page says."""
    experiment, results = finished.experiment, finished.results
    tables = {name: build_table(name, results) for name in dict.fromkeys(experiment.tables)}
    of_claims = tuple(tables.pop(name) for name in CLAIMS if name in tables)
    repeated = () if results.comparable else tuple(n for n in tables if REPEATED.get(n) in tables)
    shown = [table for name, table in tables.items() if name not in repeated]
    lead, *others = shown or of_claims
    lead_figure = _lead_figure(results, chosen)
    gallery = _gallery(finished, gallery_budget(chosen))
    return ReportPage(
        title=experiment.title or experiment.name,
        warnings=warnings(results, results.metrics, [*results.labels]),
        findings=findings(results),
        summary=_summary(results),
        lead=lead,
        lead_figure=lead_figure,
        verdicts=view_verdicts(results) if of_claims else None,
        claim_tables=of_claims,
        tables=tuple(others) if shown else (),
        repeated=tuple(tables[name] for name in repeated),
        figures=tuple(figure for figure in chosen if figure is not lead_figure),
        gallery=gallery,
        gallery_note=gallery_note(gallery, images=bool(finished.images)),
        failures=finished.failures,
        provenance=(*measured_by(results.cells), *_made_by(results.provenance)),
        setting=json.dumps(dataclasses.asdict(experiment), indent=2),
        rerun=rerun,
        citation="\n".join(
            known.bibtex or known.reference
            for name, known in results.known.items()
            if name not in results.floors
        ),
    )


def gallery_note(gallery: Gallery | None, *, images: bool) -> str:
    """Say which test images are shown, or why none are."""
    if gallery is None:
        missing = "stored maps" if images else "decoded images"
        return (
            f"There is no gallery, since the {missing} are not at hand: the numbers above come "
            "from the table of cells alone. Run the command below, then make the report again."
        )
    shown = sum(len(sheet.names) for sheet in gallery.sheets)
    kind, count = gallery.kind, len(gallery.sheets)
    of = "1 category" if count == 1 else f"{count} categories"
    note = (
        f"All {shown} test images of {of}: input, ground truth and anomaly map. The maps of a "
        f"category, {kind} and seed share one colour scale, from their least score to the one that "
        "half of the anomalous images reach; lighter is more anomalous. Their threshold is the one "
        "of best F1 on these very images: one that is chosen beforehand does not do better."
    )
    if gallery.left_out:
        note += (
            f" {gallery.left_out} of {gallery.left_out + len(gallery.views)} pairs of {kind} and "
            "seed are left out, or the page would be too large: shown are as many as fit, seed by "
            "seed."
        )
    return note


def measured_by(cells: pd.DataFrame) -> tuple[tuple[str, str], ...]:
    """Say where the cells come from, each different answer once."""

    def each(column: str) -> str:
        if column not in cells:
            return ""
        return ", ".join(dict.fromkeys(str(value) for value in cells[column].dropna()))

    dirty = " (with uncommitted changes)" if "yes" in each("dirty") else ""
    days = (
        sorted(str(value)[:10] for value in cells["started"].dropna()) if "started" in cells else []
    )
    lines = {
        "Cells": str(len(cells)),
        "Protocol": each("protocol"),
        "Commit": f"{each('commit')}{dirty}" if each("commit") else "",
        "torch, numpy": f"{each('torch')}; {each('numpy')}" if each("torch") else "",
        "Device": each("device"),
        "Processor": each("cpu"),
        "Measured": " to ".join(dict.fromkeys((days[0], days[-1]))) if days else "",
    }
    return tuple((name, value) for name, value in lines.items() if value)


def _made_by(foot: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Take the setting from the foot of the tables, and add the date of this page."""
    lines = [tuple(line.split(": ", 1)) for line in foot if line.startswith("Setting")]
    return *((name, value) for name, value in lines), ("Page made", f"{datetime.now(UTC):%Y-%m-%d}")


def _summary(results: Results) -> tuple[str, ...]:
    """Say of which grid the numbers are, and what is missing of it."""
    methods, variants = results.learners, results.variants[results.method]
    grid = f"{len(variants)} variants" if len(variants) > 1 else results.method
    if len(methods) > 1:
        grid = f"{len(methods)} methods ({', '.join(methods)})"
    if results.floors:
        grid += f" and {in_words(len(results.floors), 'floor')} ({', '.join(results.floors)})"
    if results.missing:
        state = f"{results.missing} of {results.expected} cells are missing."
    else:
        state = f"complete: all {results.expected} cells are measured."
    what = f"{results.dataset[0].upper()}{results.dataset[1:]}, {grid}, {state}"
    return (what, *precision_notes(results), *results.remarks)


def _lead_figure(results: Results, chosen: Sequence[Drawing]) -> Drawing | None:
    """Choose the figure of the rows by the metric that the findings are told by."""
    key = main_metric(results).key
    found = [figure for figure in chosen if figure.kind == "variants"]
    own = (figure for figure in found if figure.name.endswith(f"_{key}"))
    return next(own, found[0] if found else None)


def gallery_budget(figures: Sequence[Drawing]) -> int:
    """Return the bytes that the sheets of the gallery may have beside these figures."""
    encoded = 3 * PAGE // 4  # base64 makes four bytes of three
    return max(encoded - sum(map(figure_bytes, figures)), 0)


def _gallery(finished: Finished, budget: int) -> Gallery | None:
    results = finished.results
    tests = []
    for category in results.categories:
        if category in finished.images:
            data = load_category(finished.images[category])
            tests.append(CategoryImages(category, data.names, data.test, data.masks))

    def scored(category: str, view: View) -> Scored | None:
        cell = Cell(*view.row, category, view.seed)
        native, given = finished.scores(cell), finished.scored_images(cell)
        if native is None or given is None:
            return None
        # The maps before any crop, as the images are, and the scores as the metrics have them.
        return Scored(native.maps, given.image_scores)

    return make_gallery(tests, results, scored, budget)
