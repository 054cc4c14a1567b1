import pytest

from bench.regress.tolerance import spread_between
from destseg.errors import InputError
from tests.regress.small_baseline import CELL, measured, with_score


def test_spread_is_the_largest_difference_over_runs():
    runs = {
        "a": with_score(measured(), CELL, "pro", 0.48),
        "b": with_score(measured(), CELL, "pro", 0.53),
    }
    spread = spread_between(measured(), runs)
    assert spread["pro"] == pytest.approx(0.03)
    assert spread["iap"] == 0


def test_other_cells_are_refused():
    with pytest.raises(InputError, match="--spread a: other cells"):
        spread_between(measured(), {"a": measured(seeds=(0,))})


def test_a_missing_metric_is_refused():
    with pytest.raises(InputError, match="no pro of DeSTSeg den on tile, seed 1"):
        spread_between(measured(), {"a": with_score(measured(), CELL, "pro", None)})
