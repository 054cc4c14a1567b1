import numpy as np
import pandas as pd
import pytest

from bench.stats import complete_seeds, score_matrix
from tests.stats.random_cells import CATEGORIES, SEEDS, random_cells


@pytest.fixture
def cells():
    return random_cells()


@pytest.fixture
def shuffled(cells):
    return cells.sample(frac=1, random_state=0)


def test_score_matrix_follows_the_expected_grid_and_not_the_order_of_the_rows(shuffled):
    scores = score_matrix(
        shuffled, "iap", categories=("wood", "bottle"), seeds=(2, 0, 9), variant="ed"
    )
    assert scores.shape == (2, 3)
    for row, category in enumerate(("wood", "bottle")):
        for column, seed in enumerate((2, 0)):
            same = (shuffled["category"] == category) & (shuffled["seed"] == seed)
            cell = shuffled[same & (shuffled["variant"] == "ed")]
            assert scores[row, column] == cell["iap"].item()
    assert np.isnan(scores[:, 2]).all()


def test_score_matrix_keeps_methods_apart(cells):
    rival = cells[cells["variant"] == "none"].assign(method="Rival", iap=0.125)
    both = pd.concat([cells, rival])
    grid = {"categories": CATEGORIES, "seeds": SEEDS}
    ours = score_matrix(both, "iap", variant="none", **grid)
    theirs = score_matrix(both, "iap", variant=None, method="Rival", **grid)
    assert (theirs == 0.125).all()
    assert not (ours == 0.125).any()


def test_a_cell_that_occurs_twice_is_an_error_and_not_an_average(cells):
    with pytest.raises(ValueError, match="occurs 2 times"):
        score_matrix(
            pd.concat([cells, cells[:1]]),
            "iap",
            categories=CATEGORIES,
            seeds=SEEDS,
            variant=cells["variant"].iloc[0],
        )


def test_complete_seeds_keeps_whole_columns():
    scores = np.array([[1.0, np.nan, 3.0], [4.0, 5.0, 6.0]])
    assert complete_seeds(scores).tolist() == [[1.0, 3.0], [4.0, 6.0]]
