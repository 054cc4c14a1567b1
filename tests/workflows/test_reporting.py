import dataclasses
from types import SimpleNamespace

import pytest
from matplotlib.figure import Figure

from bench.results.joining import join
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
def built(tiny_finished):
    chosen = draw(tiny_finished, ["effects", "missed"])
    return build_report(tiny_finished, "python -m bench reproduce", chosen)


def test_a_report_says_what_its_numbers_are_of(built, tiny_finished):
    assert built.title == "tiny"
    assert built.findings[-1].startswith("Measured on the embedded miniature")
    assert "complete: all 8 cells" in built.summary[0]
    assert [table.name for table in built.claim_tables] == ["verdicts", "claims"]
    lead, *others = tiny_finished.experiment.tables[:-2]
    assert built.lead.name == lead
    assert [table.name for table in built.repeated] == ["image", "pixel", "instance"]
    assert [table.name for table in built.tables] == [
        name for name in others if name not in ("image", "pixel", "instance")
    ]
    assert built.lead_figure is None
    assert [figure.name for figure in built.figures] == ["missed"]
    assert '"batch_size": 4' in built.setting
    assert dict(built.provenance)["Cells"] == "8"


def test_the_gallery_has_every_test_image(built, tiny_finished):
    refs = tiny_finished.images
    assert {s.category: len(s.names) for s in built.gallery.sheets} == {
        name: ref.test for name, ref in refs.items()
    }
    assert len(built.gallery.views) == 4
    total = sum(ref.test for ref in refs.values())
    assert built.gallery_note.startswith(f"All {total} test images of 2 categories")


def test_of_an_incomplete_run_the_missing_cells_are_counted(tiny_finished):
    cells = tiny_finished.results.cells[:5].assign(precision="bf16")
    results = dataclasses.replace(tiny_finished.results, cells=cells)
    part = dataclasses.replace(tiny_finished, results=results, images={})
    made = build_report(part, "again", ())
    assert "3 of 8 cells are missing" in made.summary[0]
    (warning,) = [one for one in made.warnings if one.startswith("INCOMPLETE")]
    assert "3 of 8 cells are missing or undefined; a seed counts only where" in warning
    assert made.summary[1].startswith("Precision: DeSTSeg is trained in bf16")
    assert made.gallery is None
    assert "decoded images are not at hand" in made.gallery_note


def test_of_several_methods_the_gallery_shows_all_that_have_maps(tiny_finished):
    """Twice the same records under two names, and a method that left no maps."""
    ours = tiny_finished.results
    cells = ours.cells[ours.cells["variant"] == "none"].assign(variant="")
    scored = cells.assign(method="noise", key="0" * 64)
    others = [
        dataclasses.replace(ours, cells=frame, experiment=f"score-{name}", variants={name: ("",)})
        for name, frame in (("twin", cells.assign(method="twin")), ("noise", scored))
    ]
    joined = dataclasses.replace(tiny_finished, results=join(ours, others))
    made = build_report(joined, "again", ())
    shown = {(*view.row, view.seed) for view in made.gallery.views}
    assert shown == {
        (method, variant, seed)
        for method, variant in (("DeSTSeg", "none"), ("DeSTSeg", "den+ed+seg"), ("twin", ""))
        for seed in (0, 1)
    }
    assert "3 methods (DeSTSeg, twin, noise), complete: all 16 cells" in made.summary[0]


def test_the_first_figure_is_of_the_metric_of_the_findings(tiny_finished):
    chosen = tuple(
        dataclasses.replace(figure, draw=Figure)
        for figure in draw(tiny_finished, ["variants", "heatmap"])
    )
    page = build_report(dataclasses.replace(tiny_finished, images={}), "again", chosen)
    assert page.lead_figure.name == "ablation_pixel_ap"
    assert len(page.figures) == len(chosen) - 1
    assert page.lead_figure not in page.figures


def test_a_table_is_left_out_only_where_another_has_its_numbers(tiny_finished):
    alone = dataclasses.replace(
        tiny_finished,
        images={},
        experiment=dataclasses.replace(tiny_finished.experiment, tables=("image", "pixel")),
    )
    page = build_report(alone, "again", ())
    assert (page.lead.name, [table.name for table in page.tables]) == ("image", ["pixel"])
    assert page.repeated == ()


def test_views_that_are_left_out_are_told(built):
    note = gallery_note(dataclasses.replace(built.gallery, left_out=1), images=True)
    assert "1 of 5 pairs of variant and seed are left out" in note
    one = dataclasses.replace(built.gallery, sheets=built.gallery.sheets[:1])
    assert " test images of 1 category: " in gallery_note(one, images=True)
    assert "stored maps are not at hand" in gallery_note(None, images=True)


def test_figures_and_gallery_share_the_page():
    large = SimpleNamespace(
        content=bytes(4_000_000), mime="image/webp", svg=bytes(3_000_000), pdf=bytes(1_000_000)
    )
    assert gallery_budget(()) * 4 / 3 == PAGE
    assert 0 < gallery_budget([large]) < gallery_budget([])
    assert gallery_budget([large, large]) == 0


def test_where_cells_come_from_is_told_once_each(tiny_finished):
    cells = tiny_finished.results.cells.assign(commit=["a"] * 7 + ["b"], dirty="yes")
    said = dict(measured_by(cells))
    assert said["Commit"] == "a, b (with uncommitted changes)"
    assert said["Device"] == "cpu"
    assert dict(measured_by(cells[:0])) == {"Cells": "0"}


def test_the_page_is_written(tiny_finished, tmp_path):
    path = write_report(tiny_finished, tmp_path / "new", "python -m bench reproduce", ())
    text = path.read_text(encoding="utf-8")
    assert text.lstrip().startswith("<!doctype html>")
    assert text.count("image/webp") == 2 * (2 + 4)
