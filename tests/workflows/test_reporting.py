import dataclasses

import pytest

from bench.results.gathering import Findings
from bench.workflows.reporting import (
    PAGE,
    build_report,
    draw,
    gallery_budget,
    gallery_note,
    measured_by,
    write_report,
)


@pytest.fixture(scope="module")
def built(findings):
    return build_report(
        findings, "python -m bench reproduce", draw(findings, ["effects", "missed"])
    )


def test_a_report_says_what_its_numbers_are_of(built, findings):
    assert built.title == "tiny"
    assert built.summary[0].startswith("Measured on the embedded miniature")
    assert "complete: all 8 cells" in built.summary[1]
    assert [table.name for table in built.verdicts] == ["verdicts", "claims"]
    others = list(findings.experiment.tables[:-2])
    assert [table.name for table in built.tables] == others
    assert [picture.name for picture in built.pictures] == ["missed"]
    assert '"batch_size": 4' in built.setting
    assert dict(built.provenance)["Cells"] == "8"


def test_the_gallery_has_every_test_image(built, findings):
    refs = findings.evidence.images
    assert {s.category: len(s.names) for s in built.gallery.sheets} == {
        name: ref.test for name, ref in refs.items()
    }
    assert len(built.gallery.views) == 4
    total = sum(ref.test for ref in refs.values())
    assert built.gallery_note.startswith(f"All {total} test images of 2 categories")


def test_a_claims_table_comes_first(findings, monkeypatch):
    from bench.workflows import reporting

    tables = {**reporting.TABLES, "claims": reporting.TABLES["main"]}
    monkeypatch.setattr(reporting, "TABLES", tables)
    experiment = dataclasses.replace(findings.experiment, tables=("ablation", "claims"))
    other = Findings(experiment, dataclasses.replace(findings.evidence, images={}), None)
    made = build_report(other, "again", ())
    assert [len(made.verdicts), len(made.tables)] == [1, 1]


def test_of_an_incomplete_run_the_missing_cells_are_counted(findings):
    part = dataclasses.replace(findings.evidence, cells=findings.evidence.cells[:5], images={})
    made = build_report(Findings(findings.experiment, part, None), "again", ())
    assert "INCOMPLETE: 3 of 8 cells are missing" in made.summary[1]
    assert made.gallery is None
    assert "decoded images are not at hand" in made.gallery_note


def test_views_that_are_left_out_are_told(built):
    note = gallery_note(dataclasses.replace(built.gallery, left_out=1), images=True)
    assert "1 of 4 variants and seeds are left out" in note
    assert "stored maps are not at hand" in gallery_note(None, images=True)


def test_figures_and_gallery_share_the_page(built):
    large = dataclasses.replace(built.pictures[0], content=bytes(9_000_000))
    assert gallery_budget(()) * 4 / 3 == PAGE
    assert 0 < gallery_budget([large]) < gallery_budget([])
    assert gallery_budget([large, large]) == 0


def test_where_cells_come_from_is_told_once_each(findings):
    cells = findings.evidence.cells.assign(commit=["a"] * 7 + ["b"], dirty="yes")
    said = dict(measured_by(cells))
    assert said["Commit"] == "a, b (with uncommitted changes)"
    assert said["Device"] == "cpu"
    assert dict(measured_by(cells[:0])) == {"Cells": "0"}


def test_the_page_is_written(findings, tmp_path):
    path = write_report(findings, tmp_path / "new", "python -m bench reproduce", ())
    text = path.read_text(encoding="utf-8")
    assert text.lstrip().startswith("<!doctype html>")
    assert text.count("image/webp") == 2 * (2 + 4)
