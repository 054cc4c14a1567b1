import numpy as np

from bench.stats import complete_seeds


def test_complete_seeds_keeps_whole_columns():
    scores = np.array([[1.0, np.nan, 3.0], [4.0, 5.0, 6.0]])
    assert complete_seeds(scores).tolist() == [[1.0, 3.0], [4.0, 6.0]]
