import pytest

from bench.experiment.grid import Cell, Grid, choose_categories
from destseg.errors import InputError


def test_cells_run_seed_by_seed_then_by_category_and_variant():
    grid = Grid(("tile", "bottle"), {"DeSTSeg": ("seg", "none"), "floor": ("",)}, (3, 1))
    assert [str(cell) for cell in grid.cells()] == [
        f"{category} {name} seed {seed}"
        for seed in (3, 1)
        for category in ("tile", "bottle")
        for name in ("DeSTSeg seg", "DeSTSeg none", "floor")
    ]


def test_a_grid_is_the_whole_product():
    grid = Grid(("a", "b", "c"), {"one": ("x", "y"), "two": ("",)}, (0, 1))
    cells = grid.cells()
    assert len(set(cells)) == len(cells) == 3 * 3 * 2
    assert Cell("one", "y", "b", 1) in cells


@pytest.mark.parametrize("name", ["\x1b[31m", "a\nb", "a\tb", "\udce9", "\u202ea"])
def test_a_category_that_cannot_be_printed_is_refused(name):
    with pytest.raises(InputError, match=r"data: the name of the category .* rename its folder"):
        choose_categories([], ["bottle", name], "data")
