from bench.experiment.grid import Cell, Grid


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
