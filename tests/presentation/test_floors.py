import re
from dataclasses import replace

import numpy as np
import pytest

from bench.methods import FLOORS
from bench.metrics import ALL_METRICS as METRICS
from bench.presentation.figures import OF_CELLS, drawings, stem
from bench.presentation.figures_categories import heatmap_figure, seeds_figure
from bench.presentation.figures_variants import variants_figure
from bench.presentation.findings import findings
from bench.presentation.floors import (
    FLOORS_HEADING,
    floor_findings,
    floor_gaps,
    interval_beside,
)
from bench.presentation.formatting import format_p
from bench.presentation.report.gallery import CategoryImages, Scored, make_gallery
from bench.presentation.tables import build_table, tables_of
from bench.stats import contrast_p, estimate, holm
from tests.presentation.figure_cases import points, words
from tests.presentation.tabulated import (
    BOTH,
    FEW_UPDATES,
    MINIATURE,
    MVTEC,
    rival,
    with_floors,
)

ABOVE = with_floors(MINIATURE)
BELOW = with_floors(MINIATURE, low=5, high=6)
BETWEEN = with_floors(MINIATURE, low=2.5, high=3.5)
BLOCKS = {"ablation": "Variant", "main": "Method", "image": "Method"}
FULL = "den+ed+seg"


def ahead(results, metric, floor="pixel-nn"):
    return results.scores(metric, variant=FULL) - results.scores(metric, method=floor)


@pytest.mark.parametrize(
    ("results", "word", "count"),
    [(ABOVE, "above", 15), (BELOW, "below", 0)],
    ids=["above", "below"],
)
def test_it_is_said_how_far_the_method_is_from_the_better_floor(results, word, count):
    *each, last = floor_findings(results)
    assert last == (
        "pixel-nn and mean-image are deterministic, so these intervals reflect only "
        f"{FULL}'s variation between seeds."
    )
    picked = " and two floors" if word == "below" else ""
    for metric, said in zip(results.headline, each, strict=True):
        found = estimate(ahead(results, metric.key))
        # As if the floor were a number: its own spread is none.
        level = results.scores(metric.key, method="pixel-nn").mean(axis=1, keepdims=True)
        alone = estimate(results.scores(metric.key, variant=FULL) - level)
        assert found.interval.half_width == pytest.approx(alone.interval.half_width)
        low, high = (f"{100 * end:+.2f}".replace("-", "−") for end in vars(found.interval).values())
        # Where all fifteen lie on one side p is 2 / 2^15, times the metrics and floors.
        p = format_p(len(results.headline) * (2 if picked else 1) * 2 / 2**15)
        assert said == (
            f"{FULL} is {abs(100 * found.mean):.2f} points of {metric.display} {word} "
            f"pixel-nn, the better floor (95 % interval for these categories [{low}, {high}]; for "
            f"other categories shown, p = {p} corrected for three metrics{picked}), and above both "
            f"floors in {count} of 15 categories."
        )


def test_what_is_said_of_floors_elsewhere_is_corrected_over_the_metrics_told():
    """A p that is small on one of three metrics and not once corrected shows nothing."""
    cells = ABOVE.cells.copy()
    levels = {"image_auroc": 12, "pixel_ap": 8, "iap": 8}
    order = {name: number for number, name in enumerate(ABOVE.categories)}
    ours = ~cells["method"].isin(FLOORS)
    for metric, many in levels.items():
        gain = cells["category"].map(order).lt(many).map({True: 0.1, False: -0.1})
        cells[metric] = 0.5 + gain.where(ours, 0.0) + (cells["seed"].where(ours, 1) - 1) / 1000
    results = replace(ABOVE, cells=cells)
    alone = [contrast_p(ahead(results, metric)) for metric in levels]
    assert alone[0] < 0.05 < 3 * alone[0]
    gaps = floor_gaps(results)
    picked = [2 if gap.floors == 2 else 1 for gap in gaps.values()]
    expected = holm([min(1, p * k) for p, k in zip(alone, picked, strict=True)])
    assert tuple(gap.p for gap in gaps.values()) == expected
    said = floor_findings(results)[0]
    assert f"not shown, p = {format_p(expected[0])} corrected for three metrics" in said


def test_categories_above_both_floors_are_counted():
    for metric, said in zip(BETWEEN.headline, floor_findings(BETWEEN)[:-1], strict=True):
        over = [ahead(BETWEEN, metric.key, floor).mean(axis=1) > 0 for floor in FLOORS]
        assert 0 < np.all(over, axis=0).sum() < 15
        assert said.endswith(f"above both floors in {np.all(over, axis=0).sum()} of 15 categories.")


def test_what_the_seeds_leave_open_is_undecided():
    level = MINIATURE.scores("pixel_ap").mean()
    same = BETWEEN.cells["pixel_ap"].where(~BETWEEN.cells["method"].isin(FLOORS), level)
    said = floor_findings(replace(BETWEEN, cells=BETWEEN.cells.assign(pixel_ap=same)))
    assert ", undecided; for other categories not shown, p = " in said[1]


def test_one_seed_has_no_interval_and_one_floor_is_no_better_one():
    one = replace(ABOVE, seeds=(0,))
    assert "interval" not in "".join(floor_findings(one))
    assert "above pixel-nn, the better floor, and" in floor_findings(one)[0]
    floor = replace(ABOVE, variants={"DeSTSeg": (FULL,), "mean-image": ("",)})
    assert "above mean-image, the floor (" in floor_findings(floor)[0]
    assert "and above it in 15 of 15 categories." in floor_findings(floor)[0]
    assert " of 1 categories" not in floor_findings(replace(ABOVE, categories=("bottle",)))[0]


def test_between_rows_that_are_not_random_there_is_no_interval_of_no_width():
    alone = with_floors(replace(MINIATURE, cells=MINIATURE.cells[:0]), low=10, high=20)
    alone = replace(alone, variants=dict.fromkeys(FLOORS, ("",)))
    assert set(alone.unseeded) == {*FLOORS}
    (standing, _) = findings(alone)
    assert standing.endswith("points, and as neither is random there is no interval.")
    assert "[" not in standing
    pair = (("mean-image", ""), ("pixel-nn", ""))
    level = alone.scores("iap", method="pixel-nn")
    assert interval_beside(alone, pair, level) is None
    # A floor that lacks a cell of one category is none the less not random.
    lacking = alone.cells[(alone.cells["category"] != "grid") | (alone.cells["seed"] != 2)]
    part = replace(alone, cells=lacking)
    assert set(part.unseeded) == {*FLOORS}
    assert part.estimate("iap", method="pixel-nn").n == 2
    assert part.estimate("iap", method="pixel-nn").interval is None


def test_nothing_is_said_of_what_is_not_there():
    cells = ABOVE.cells
    assert floor_findings(MINIATURE) == ()
    assert floor_findings(replace(ABOVE, settings=FEW_UPDATES)) == ()
    assert floor_findings(replace(ABOVE, cells=cells[cells["method"] != "mean-image"])) == ()
    assert floor_findings(replace(ABOVE, cells=cells[cells["variant"] != FULL])) == ()


@pytest.mark.parametrize("name", BLOCKS)
@pytest.mark.parametrize("results", [ABOVE, with_floors(MVTEC), with_floors(BOTH)])
def test_floors_are_a_block_of_their_own_below_the_rest(name, results):
    frame = build_table(name, results).formatted
    assert frame[BLOCKS[name]].tolist()[-3:] == [FLOORS_HEADING, *FLOORS]
    assert set(frame.iloc[-3, 1:]) == {""}
    for line in frame.iloc[-2:].to_dict("records"):
        assert re.fullmatch(r"\d+\.\d ± —", line["Image AUROC"])
        assert {line[column] for column in line if "paper" in column or column == "den"} <= {""}


@pytest.mark.parametrize("name", BLOCKS)
def test_the_rows_above_the_block_are_as_without_it(name):
    above = build_table(name, ABOVE)
    alone = build_table(name, MINIATURE)
    assert above.title == alone.title
    assert above.alignment == alone.alignment
    assert above.formatted[:-3].equals(alone.formatted)
    assert above.numbers.shape[0] == alone.numbers.shape[0] + 2


@pytest.mark.parametrize("results", [ABOVE, with_floors(MVTEC)])
@pytest.mark.parametrize("name", tables_of(MINIATURE))
def test_every_form_of_every_table_is_without_holes(name, results):
    table = build_table(name, results)
    for form in (table.text(), table.markdown(), table.csv(), table.latex()):
        assert "nan" not in form.lower().replace("nanta", "")
    shows = name not in ("effects", "interactions", "verdicts", "claims")
    assert ("pixel-nn" in table.formatted.to_csv()) == shows
    said = "pixel-nn and mean-image are floors: no learning, no seed, and so no spread."
    assert (said in table.notes) == shows
    assert "draws nothing at random" not in table.markdown()


@pytest.mark.parametrize("name", ["ablation", "main", "verdicts"])
def test_the_findings_are_at_the_foot(name):
    table = build_table(name, BELOW)
    first, *_ = floor_findings(BELOW)
    assert table.findings == floor_findings(BELOW)
    assert table.markdown().index(first) > table.markdown().rindex("|")
    flat = " ".join(table.text().split())
    assert flat.endswith(table.findings[-1])
    assert " ".join(table.findings[0].split()[:4]) in table.latex()


def test_floors_are_no_part_of_any_claim_or_effect():
    for name in ("effects", "interactions", "claims"):
        found, alone = build_table(name, ABOVE), build_table(name, MINIATURE)
        assert found.formatted.equals(alone.formatted)


def test_categories_have_the_floors_beside_the_method():
    table = build_table("categories", ABOVE).formatted
    assert table["Method"].tolist() == ["DeSTSeg", *FLOORS] * 16
    pixel = build_table("pixel", with_floors(MVTEC)).formatted
    assert pixel.columns[1:4].tolist() == ["DeSTSeg", *FLOORS]


# Figures


def test_floors_are_lines_across_the_variants():
    figure = variants_figure(ABOVE, METRICS["pixel_ap"])
    level = {
        round(line.get_ydata()[0], 6)
        for line in figure.axes[0].lines
        if line.get_linestyle() == "--" and line.get_color() == "0.45"
    }
    assert level == {
        round(100 * ABOVE.estimate("pixel_ap", method=floor).mean, 6) for floor in FLOORS
    }
    assert [text.get_text() for text in figure.axes[1].get_yticklabels()] == ["den", "ed", "seg"]
    assert all(floor in words(figure) for floor in FLOORS)
    low, high = figure.axes[0].get_ylim()
    assert all(low < y < high for y in level)
    beside = variants_figure(with_floors(BOTH), METRICS["pixel_ap"])
    assert [text.get_text() for text in beside.axes[1].texts][-1] == "PatchCore"


def test_floors_have_one_mark_in_each_category():
    figure = seeds_figure(ABOVE, METRICS["iap"])
    for marker, floor in zip("x+", FLOORS, strict=True):
        expected = 100 * ABOVE.scores("iap", method=floor)[:, 0]
        assert points(figure, marker) == [(pytest.approx(x), row) for row, x in enumerate(expected)]
    assert len(points(figure, "o")) == len(points(figure, "s")) == 45


@pytest.mark.parametrize(
    ("results", "marked"), [(ABOVE, 0), (BELOW, 2 * 16)], ids=["above", "below"]
)
def test_the_heat_map_marks_floors_that_are_better(results, marked):
    figure = heatmap_figure(results, METRICS["iap"])
    assert len(points(figure, "^")) == marked
    assert len(points(figure, "o")) == 16
    assert ("a floor better than it" in words(figure)) == bool(marked)
    labels = [text.get_text() for text in figure.axes[0].get_xticklabels()]
    assert labels[-2:] == [*FLOORS]


def test_files_have_their_names_and_captions_name_the_floors():
    assert stem(ABOVE) == "ablation"
    assert stem(with_floors(BOTH)) == "methods"
    for drawing in drawings(ABOVE):
        assert ("pixel-nn and mean-image learn nothing" in drawing.caption) == (
            drawing.kind != "effects"
        )
    empty = replace(ABOVE, cells=ABOVE.cells[:0])
    assert all(drawing.svg for drawing in drawings(empty, kinds=OF_CELLS[:1]))


def test_the_gallery_has_the_floors_last():
    images = np.zeros((1, 8, 8, 3), np.uint8)
    one = CategoryImages("bottle", ("good/0",), images, images[..., 0] > 0)
    given = Scored(images[..., 0].astype(np.float32), np.zeros(1))
    found = make_gallery([one], replace(ABOVE, seeds=(0,)), lambda *_: given, 10**6)
    rows = [view.row for view in found.views]
    assert rows[0] == ("DeSTSeg", FULL)
    assert rows[-2:] == [(floor, "") for floor in FLOORS]
    assert found.kind == "variant"
    alone = make_gallery([one], rival(), lambda *_: given, 10**6)
    assert alone.kind == "variant"


@pytest.mark.parametrize("results", [ABOVE, with_floors(MVTEC), with_floors(BOTH)])
@pytest.mark.parametrize("draw", [variants_figure, seeds_figure])
def test_the_legend_stays_inside_and_above_the_marks(draw, results):
    figure = draw(results, METRICS["iap"])
    figure.canvas.draw()
    (legend,) = figure.legends
    box = legend.get_window_extent()
    assert box.x0 >= 0
    assert box.y0 >= figure.axes[0].get_window_extent().y1
    assert box.y1 <= min(text.get_window_extent().y0 for text in figure.texts)
