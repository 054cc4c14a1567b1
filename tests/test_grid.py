import itertools

import pytest

from bench.grid import FULL_VARIANT, VARIANTS, Cell, Grid, Variant, in_paper_order

PAPER_ORDER = ["none", "den", "ed", "seg", "den+ed", "den+seg", "ed+seg", "den+ed+seg"]


def test_eight_variants_in_the_order_of_the_papers_table_4():
    assert list(VARIANTS) == PAPER_ORDER
    assert set(VARIANTS.values()) == set(itertools.product([False, True], repeat=3))
    assert VARIANTS[FULL_VARIANT] == (True, True, True)


@pytest.mark.parametrize("name", PAPER_ORDER)
def test_a_name_lists_what_is_on(name):
    variant = VARIANTS[name]
    on = [flag for flag in ("den", "ed", "seg") if getattr(variant, flag)]
    assert name == variant.name == ("+".join(on) or "none")


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
    grid = Grid(("a", "b", "c"), tuple(VARIANTS), (0, 1))
    cells = grid.cells()
    assert len(set(cells)) == len(cells) == 3 * 8 * 2
    assert Cell("b", Variant(den=True, ed=False, seg=True), 1) in cells


def test_paper_order_sorts_and_keeps_only_what_is_wanted():
    assert in_paper_order(["den+ed+seg", "none", "ed", "none"]) == ("none", "ed", "den+ed+seg")
    assert in_paper_order(reversed(PAPER_ORDER)) == tuple(PAPER_ORDER)
