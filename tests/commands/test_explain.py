import pytest

from bench.cli import main

CHANGED = {"head_lr = 0.1": "head_lr = 0.2"}


@pytest.mark.parametrize(
    "cell", [["bottle den+ed+seg seed 0"], ["bottle", "den+ed+seg", "0"]], ids=["one", "three"]
)
def test_the_reason_is_named(bench, cell):
    code, out = bench("explain", *cell, edits=CHANGED)
    assert code == 0
    assert out.startswith("bottle den+ed+seg seed 0\n  student: done\n")
    assert "parameters.head_lr: 0.1 -> 0.2" in out
    assert out.count("stale") == 3


def test_the_experiment_may_stand_last(small, results, capsys):
    words = ["bottle", "none", "seed", "0", str(small())]
    assert main(["explain", *words, "--results", str(results)]) == 0
    assert capsys.readouterr().out.count(": done\n") == 3


def test_an_unknown_cell_is_refused(small, results, capsys):
    assert main(["explain", str(small()), "botle", "none", "0", "--results", str(results)]) == 2
    err = capsys.readouterr().err
    assert "error: 'botle none seed 0'" in err
    assert "'bottle none seed 0'" in err


def test_without_a_cell_its_form_is_told(small, results, capsys):
    assert main(["explain", str(small()), "--results", str(results)]) == 2
    assert "CATEGORY VARIANT SEED" in capsys.readouterr().err
