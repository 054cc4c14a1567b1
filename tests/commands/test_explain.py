import re
import shutil
from pathlib import Path

import pytest

from bench.cli import main
from tests.commands.conftest import TWO

RESULTS = Path(__file__).parents[2] / "results"

CHANGED = {"head_lr = 0.1": "head_lr = 0.2"}


def test_the_reason_is_named(bench):
    code, out = bench("explain", "bottle", "den+ed+seg", "0", edits=CHANGED)
    assert code == 0
    assert out.startswith("small on the embedded miniature")
    assert ":\nbottle DeSTSeg den+ed+seg seed 0\n  student: done\n" in out
    assert "parameters.head_lr: 0.1 -> 0.2" in out
    assert out.count("stale") == 3


def test_the_experiment_may_stand_last(small, results, capsys):
    words = ["bottle", "none", "seed", "0", str(small())]
    assert main(["explain", *words, "--results", str(results)]) == 0
    assert capsys.readouterr().out.count(": done\n") == 3


def test_an_unknown_cell_is_refused(small, results, capsys):
    assert main(["explain", str(small()), "botle", "none", "0", "--results", str(results)]) == 2
    err = capsys.readouterr().err
    assert "error: 'botle none 0': the experiment has no 'botle'" in err
    assert "'bottle DeSTSeg none seed 0'" in err


def test_several_cells_are_refused(bench, capsys):
    assert bench("explain", "bottle", "0")[0] == 2


def test_a_cell_of_a_method_without_variants(bench, with_example):
    code, out = bench("explain", "mean-patch", "bottle", "0", edits=TWO)
    assert code == 0
    assert ":\nbottle mean-patch seed 0\n  mean-patch.means: missing\n" in out
    assert out.count("never computed") == 3


def test_an_experiment_is_known_by_its_name(capsys, tmp_path):
    """Unless a category is called so: bottle is both."""
    options = ["--results", str(tmp_path)]
    assert main(["explain", "loss", "tile", "den+ed+seg+no-l1", "0", *options]) == 0
    out = capsys.readouterr().out
    assert out.startswith("loss on the embedded miniature")
    assert ":\ntile DeSTSeg den+ed+seg+no-l1 seed 0\n" in out
    assert main(["explain", "bottle", "den+ed", "0", *options]) == 0
    out = capsys.readouterr().out
    assert out.startswith("ablation on the embedded miniature")
    assert ":\nbottle DeSTSeg den+ed seed 0\n" in out


@pytest.mark.parametrize(
    ("words", "cell"), [([], "bottle"), (["loss"], "bottle"), (["smoke"], "carpet")]
)
def test_without_a_cell_a_whole_command_is_given_as_an_example(words, cell, capsys, tmp_path):
    assert main(["explain", *words]) == 2
    (said,) = re.findall("`(python -m bench explain.*?)`", capsys.readouterr().err)
    assert said == " ".join(["python -m bench explain", *words, cell, "den+ed+seg 0"])
    assert main([*said.split()[3:], "--results", str(tmp_path)]) == 0


@pytest.mark.parametrize("words", [["few.toml", "few.toml"], ["loss", "bottle", "smoke"]])
def test_more_than_one_experiment_is_refused(words, capsys):
    assert main(["explain", *words]) == 2
    files = " or ".join(word for word in words if word != "bottle")
    said = f"error: explain: of {files}? Give one experiment, and one cell.\n"
    assert capsys.readouterr().err == said


def test_a_folder_of_results_is_answered_with_the_command_that_made_it(tmp_path, capsys):
    folder = tmp_path / "bottle-bf16"
    shutil.copytree(RESULTS / "bottle-bf16", folder, ignore=lambda *_: ["figures", "tables"])
    assert main(["explain", "bottle-bf16", "--results", str(tmp_path)]) == 2
    err = capsys.readouterr().err
    assert f"{folder}: a folder of results, and no experiment; give the experiment and " in err
    assert "by `python -m bench reproduce bottle " in err


def test_only_what_the_cell_reads_is_told_to_be_unprepared(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("DESTSEG_BENCH_CACHE", str(tmp_path / "cache"))
    for row, read in (("den+ed+seg", "tile, teacher, textures"), ("pixel-nn", "tile")):
        assert main(["explain", "tile", row, "0", "--results", str(tmp_path)]) == 0
        assert (
            f"inputs not prepared yet: {read}; finished stages cannot be matched"
            in capsys.readouterr().err
        )


def test_an_empty_cache_is_no_change_of_the_data(bench, tmp_path, monkeypatch):
    monkeypatch.setenv("DESTSEG_BENCH_CACHE", str(tmp_path / "cache"))
    code, out = bench("explain", "bottle", "den+ed+seg", "0")
    assert code == 0
    assert out.count(": unprepared\n") == 4
    assert "not prepared here, so that nobody can compare: images, teacher" in out
    assert "changed" not in out
    code, out = bench("explain", "bottle", "den+ed+seg", "0", edits=CHANGED)
    assert "\n  student: unprepared\n" in out
    assert "\n  segmentation: stale\n" in out
    assert "parameters.head_lr: 0.1 -> 0.2" in out
    assert "->" not in out.replace("0.1 -> 0.2", "")
