import itertools

import pytest

from bench.experiment.grid import (
    ABLATION,
    FULL_VARIANT,
    VARIANTS,
    Cell,
    Grid,
    Variant,
    in_paper_order,
    nearest_variants,
)

PAPER_ORDER = ["none", "den", "ed", "seg", "den+ed", "den+seg", "ed+seg", "den+ed+seg"]


def test_eight_variants_in_the_order_of_the_papers_table_4():
    assert list(ABLATION) == PAPER_ORDER
    switches = {(v.den, v.ed, v.seg) for v in ABLATION.values()}
    assert switches == set(itertools.product([False, True], repeat=3))
    assert all(v.l1 and v.fusion_input == "product" for v in ABLATION.values())
    assert ABLATION[FULL_VARIANT] == Variant(den=True, student="encoder-decoder", seg=True)


@pytest.mark.parametrize("name", PAPER_ORDER)
def test_a_name_lists_what_is_on(name):
    variant = ABLATION[name]
    on = [flag for flag in ("den", "ed", "seg") if getattr(variant, flag)]
    assert name == variant.name == ("+".join(on) or "none")


def test_every_switch_has_a_name():
    assert len(VARIANTS) == len(set(VARIANTS.values())) == 2 * 3 * (1 + 2 * 3)
    assert VARIANTS["den+decoder+seg"].student == "decoder"
    assert not VARIANTS["den+decoder+seg"].ed
    both = VARIANTS["ed+seg+no-l1+distances"]
    assert (both.den, both.ed, both.l1, both.fusion_input) == (False, True, False, "distances")
    assert all(v.seg or (v.l1 and v.fusion_input == "product") for v in VARIANTS.values())


@pytest.mark.parametrize(
    "rows",
    [
        ("den+ed+seg+no-l1", "den+ed+seg"),
        ("den+ed+seg+features", "den+ed+seg+distances", "den+ed+seg"),
    ],
)
def test_order_of_the_papers_tables_5_and_6(rows):
    assert in_paper_order(reversed(rows)) == rows


@pytest.mark.parametrize(
    ("meant", "nearest"),
    [
        ("seg+den+ed", "den+ed+seg"),
        ("Den + Ed + Seg", "den+ed+seg"),
        ("den+encoder-decoder+seg", "den+ed+seg"),
        ("den+ed+seg+no_l1", "den+ed+seg+no-l1"),
        ("den+ed+seg+feature", "den+ed+seg+features"),
    ],
)
def test_the_nearest_variant_is_named(meant, nearest):
    assert nearest_variants(meant)[0] == nearest
    assert nearest_variants("xyz") == tuple(ABLATION)


def test_cells_run_seed_by_seed_then_by_category_and_variant():
    grid = Grid(("tile", "bottle"), ("seg", "none"), (3, 1))
    assert [str(cell) for cell in grid.cells()] == [
        "tile none seed 3",
        "tile seg seed 3",
        "bottle none seed 3",
        "bottle seg seed 3",
        "tile none seed 1",
        "tile seg seed 1",
        "bottle none seed 1",
        "bottle seg seed 1",
    ]


def test_a_grid_is_the_whole_product():
    grid = Grid(("a", "b", "c"), tuple(ABLATION), (0, 1))
    cells = grid.cells()
    assert len(set(cells)) == len(cells) == 3 * 8 * 2
    assert Cell("b", Variant(den=True, student="encoder", seg=True), 1) in cells


def test_paper_order_sorts_and_keeps_only_what_is_wanted():
    assert in_paper_order(["den+ed+seg", "none", "ed", "none"]) == ("none", "ed", "den+ed+seg")
    assert in_paper_order(reversed(PAPER_ORDER)) == tuple(PAPER_ORDER)
