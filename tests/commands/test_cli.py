import errno
import inspect
import os
import pickle
import runpy
import signal
import sys
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
import torch

from bench.cli import main
from bench.commands.reproduce import _report
from bench.methods.destseg.steps import TrainSegmentation, TrainStudent
from bench.running.runner import Summary
from bench.workflows import reproduction
from tests.folders import other_size

PART = ("--category", "bottle", "--variant", "none", "--seed", "0", "--in-process")


@pytest.fixture
def results(tmp_path):
    return tmp_path / "results"


@pytest.fixture
def reproduce(tiny_file, results):
    def reproduce(*options, experiment=tiny_file):
        return main(["reproduce", str(experiment), "--results", str(results), *options])

    return reproduce


def test_what_was_computed_beside_gpus_is_counted_apart(capsys):
    summary = Summary(8, 1, (), wall=100.0, busy=90.0, workers=1, beside=4, busy_beside=210.0)
    assert _report(summary) == 0
    assert capsys.readouterr().out == (
        "\n1 cell computed; 8 were there; 100 s, 1 worker 90.0% busy (90 s of stages); "
        "210 s of stages that need no GPU, on 4 processes beside.\n"
    )


def refusal(capsys):
    """The one line on stderr that says what is wrong."""
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    assert out == ""
    (line,) = (line for line in err.splitlines() if line.startswith("error: "))
    return err[err.index(line) :]


def test_the_package_is_a_command(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["bench", "reproduce", "none.toml"])
    with pytest.raises(SystemExit) as caught:
        runpy.run_module("bench", run_name="__main__")
    assert caught.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: none.toml: no such experiment or file; there are ablation, ")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--jobs", "-1"], "argument --jobs"),
        (["--jobs", "0"], "'0' is not a positive whole number"),
        (["--jobs", "1.5"], "'1.5' is not a positive whole number"),
        (["--seed", "first"], "argument --seed: invalid int value: 'first'"),
        (["--dataset", "visa"], "invalid choice: 'visa'"),
        (["--no-such-option"], "unrecognized arguments: --no-such-option"),
        (["--results"], "argument --results: expected one argument"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_bad_option_is_named(reproduce, results, capsys, options, said):
    with pytest.raises(SystemExit) as caught:
        reproduce(*options)
    assert caught.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "error: " in err.splitlines()[-1]
    assert said in err.splitlines()[-1]
    assert not results.exists()


BAD = {
    "unknown variant": (["--variant", "seg+den"], ("'seg+den'", "did you mean den+seg?")),
    "unknown category": (["--category", "botle"], ("'botle'", "did you mean bottle?")),
    "unknown device": (["--device", "tpu"], ("device tpu", "auto, cpu or cuda")),
    "data for the miniature": (["--data", "somewhere"], ("--data somewhere", "--dataset mvtec")),
    "mvtec without data": (["--dataset", "mvtec"], ("--data", "add --data DIR")),
    "missing data": (
        ["--dataset", "mvtec", "--data", "nowhere"],
        ("nowhere: no such folder", "give the folder"),
    ),
    "missing textures": (
        ["--textures", "nowhere", *PART],
        ("nowhere: no such folder", "--textures a"),
    ),
    "missing weights": (["--teacher", "nowhere.pth", *PART], ("nowhere.pth", "give")),
}


@pytest.mark.parametrize(("options", "said"), BAD.values(), ids=BAD)
def test_bad_input_is_one_sentence(reproduce, capsys, options, said):
    assert reproduce("--in-process", *options) == 2
    sentence = refusal(capsys)
    for part in said:
        assert part in sentence
    assert sentence.count("\n") == 1


def test_a_damaged_category_is_named_before_anything_runs(reproduce, results, mvtec_folder, capsys):
    mask = mvtec_folder / "bottle" / "ground_truth" / "hole" / "000_mask.png"
    other_size(mask)
    assert reproduce("--dataset", "mvtec", "--data", str(mvtec_folder), *PART) == 2
    assert f"{mask}: 10x12 pixels" in refusal(capsys)
    assert not list(results.rglob("record.json"))


def test_a_category_that_the_folder_has_not_names_those_it_has(reproduce, mvtec_folder, capsys):
    options = ("--dataset", "mvtec", "--data", str(mvtec_folder), "--category", "screw")
    assert reproduce(*options) == 2
    assert refusal(capsys) == f"error: {mvtec_folder}: no category 'screw'; there are bottle.\n"


class Bomb:
    """Calls a function when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_a_weight_file_is_never_unpickled_beyond_tensors(reproduce, tmp_path, capsys):
    fuse = tmp_path / "exploded"
    for number, save in enumerate((torch.save, lambda o, p: p.write_bytes(pickle.dumps(o)))):
        path = tmp_path / f"bomb{number}.pth"
        save({"conv1.weight": Bomb(fuse)}, path)
        assert reproduce("--teacher", str(path), *PART) == 2
        assert str(path) in refusal(capsys)
    assert not fuse.exists()


@pytest.mark.parametrize("place", ["results", "results/runs", "results/tiny"])
def test_results_that_cannot_be_written_are_refused_at_once(reproduce, tmp_path, capsys, place):
    path = tmp_path / place
    path.parent.mkdir(exist_ok=True)
    path.write_text("mine")
    assert reproduce(*PART) == 2
    sentence = refusal(capsys)
    assert str(path) in sentence
    assert "--results DIR" in sentence
    assert path.read_text() == "mine"


@pytest.mark.usefixtures("undrawn")
def test_bad_input_loses_nothing(reproduce, results, write_tiny, mvtec_folder, tmp_path, capsys):
    assert reproduce(*PART) == 0
    before = {path: path.read_bytes() for path in results.rglob("*") if path.is_file()}
    assert any(path.name == "cells.csv" for path in before)
    bad = tmp_path / "bad.pth"
    bad.write_text("x")
    (mvtec_folder / "bottle" / "train" / "good" / "000.png").write_bytes(b"")
    assert reproduce("--teacher", str(bad), *PART) == 2
    assert reproduce("--category", "none") == 2
    assert reproduce("--dataset", "mvtec", "--data", str(mvtec_folder), *PART) == 2
    assert reproduce(experiment=write_tiny({"top_t = 10": "top_t = 0"})) == 2
    after = {path: path.read_bytes() for path in results.rglob("*") if path.is_file()}
    assert {path: after.get(path) for path in before} == before


@pytest.mark.usefixtures("undrawn")
def test_a_folder_of_own_images_runs(reproduce, results, mvtec_folder, capsys):
    assert reproduce("--dataset", "mvtec", "--data", str(mvtec_folder), *PART) == 0
    out = capsys.readouterr().out
    assert "1 cell computed" in out
    folder = results / "tiny-mvtec"
    assert "\nfolder,DeSTSeg," in (folder / "cells.csv").read_text()
    assert "not on MVTec AD" in (folder / "tables" / "ablation.md").read_text()


@pytest.mark.usefixtures("page_alone")
def test_floors_run_with_all_others_and_once_for_all_seeds(results, write_tiny, capsys):
    path = write_tiny({"floors = false": "floors = true"})
    part = ("--category", "bottle", "--variant", "none", "--in-process")
    assert main(["reproduce", str(path), "--results", str(results), *part]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "6 cells computed" in out
    assert "NUMBERS WITHOUT MEANING: networks hardly train" in out
    assert "floors: no learning" in out
    cells = pd.read_csv(results / "tiny" / "cells.csv")
    assert cells.groupby("method")["key"].nunique().to_dict() == {
        "DeSTSeg": 2,
        "mean-image": 1,
        "pixel-nn": 1,
    }
    table = (results / "tiny" / "tables" / "ablation.md").read_text()
    assert "floors: no learning" in table
    assert table.count("- Setting") == 1
    page = (results / "tiny" / "report.html").read_text()
    assert "and two floors (pixel-nn, mean-image), complete: all 6 cells" in page
    assert "a floor of this benchmark" not in page


@pytest.mark.usefixtures("undrawn")
def test_failures_have_an_exit_code_and_are_listed(reproduce, results, capsys, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("out of luck")

    options = ("--category", "bottle", "--variant", "none", "--variant", "seg", "--seed", "0")
    with monkeypatch.context() as patch:
        patch.setattr(TrainSegmentation, "run", fail)
        patch.setattr(sys, "argv", ["bench", "reproduce", *options, "--in-process"])
        assert reproduce(*options, "--in-process") == 3
    out = capsys.readouterr().out
    assert "1 cell computed; 0 were there" in out
    assert "1 cell failed:\n  bottle DeSTSeg seg seed 0: RuntimeError: out of luck\n" in out
    assert "This tries only them again:\n  python -m bench reproduce " in out
    (again,) = (line for line in out.splitlines() if line.endswith("--seed 0"))
    assert again.endswith("--in-process --category bottle --method DeSTSeg --variant seg --seed 0")
    assert (results / "tiny" / "cells.csv").read_text().count("\n") == 2
    assert reproduce(*options, "--in-process") == 0
    assert "1 cell computed; 1 was there" in capsys.readouterr().out
    assert (results / "tiny" / "cells.csv").read_text().count("\n") == 3


@pytest.mark.parametrize(
    "where", ["planning.experiment_plan.prepare_inputs", "workflows.reproduction.run"]
)
def test_an_interrupt_has_an_exit_code(reproduce, capsys, monkeypatch, where):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(f"bench.{where}", interrupt)
    assert reproduce(*PART) == 130
    assert capsys.readouterr().err.endswith("interrupted; the same command continues.\n")


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_among_the_cells_ends_in_what_is_there_and_how_to_go_on(
    reproduce, results, capsys, monkeypatch, number, code
):
    compute = TrainStudent.run

    def interrupt(*arguments):
        os.kill(os.getpid(), number)
        return compute(*arguments)

    monkeypatch.setattr(TrainStudent, "run", interrupt)
    monkeypatch.setattr(sys, "argv", ["bench", "reproduce", "tiny.toml", *PART])
    assert reproduce(*PART) == code
    assert capsys.readouterr().out == (
        "\ninterrupted. Finished cells: 0 of 1, 0 of them now. Finished stages are kept; this "
        f"goes on:\n  python -m bench reproduce tiny.toml {' '.join(PART)}\n"
    )
    assert not (results / "tiny").exists(), "neither tables nor figures of no cell"
    monkeypatch.undo()


def test_tables_that_cannot_be_written_are_one_sentence(reproduce, results, capsys, monkeypatch):
    def full(path, content):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr("bench.results.files.write_atomically", full)
    assert reproduce(*PART) == 3
    sentence = capsys.readouterr().err.splitlines()[-1]
    assert sentence.startswith(f"error: {results / 'tiny'}")
    assert "cells.csv: No space left on device; what is finished is kept" in sentence
    assert len(list(results.rglob("record.json"))) == 3


@pytest.mark.parametrize(
    "words", [["plan", "LONG"], ["table", "main", "LONG"], ["explain", "LONG", "bottle", "0"]]
)
def test_a_name_that_no_file_can_have_is_bad_input(words, tmp_path, capsys):
    long = "x" * 300
    given = [long if word == "LONG" else word for word in words]
    assert main([*given, "--results", str(tmp_path)]) == 2
    said = f"error: {'x' * 40}... (300 characters): File name too long; give another.\n"
    assert capsys.readouterr().err == said


def test_another_fault_of_the_system_is_no_bad_input(reproduce, monkeypatch):
    def broken(path, content):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("bench.results.files.write_atomically", broken)
    with pytest.raises(OSError, match="Input/output error"):
        reproduce(*PART)


@pytest.mark.usefixtures("undrawn")
def test_shards_write_no_tables_and_the_whole_finds_them_done(reproduce, results, capsys):
    options = ("--category", "bottle", "--seed", "0", "--in-process")
    for index in (1, 2, 3):
        assert reproduce(*options, "--shard", f"{index}/3") == 0
        out = capsys.readouterr().out
        assert f"shard {index} of 3: no tables" in out
        assert not (results / "tiny" / "cells.csv").exists()
    assert reproduce(*options) == 0
    assert "0 cells computed; 8 were there" in capsys.readouterr().out


@pytest.fixture
def request_of(monkeypatch, tiny_file):
    """What a command line comes to, without running it."""

    seen = []
    parameters = inspect.signature(reproduction.reproduce)

    def see(*given, **named):
        seen.append(SimpleNamespace(**parameters.bind(*given, **named).arguments))
        raise KeyboardInterrupt

    def request_of(*options):
        monkeypatch.setattr(reproduction, "reproduce", see)
        assert main(["reproduce", *options]) == 130
        return seen.pop()

    return request_of


def test_the_default_is_the_ablation_on_the_miniature(request_of):
    request = request_of("--device", "cpu")
    assert request.experiment.name == "ablation"
    assert request.folder == "ablation"
    assert request.results == Path("results")
    assert request.jobs >= 1
    assert request.sources.data is None


def test_mvtec_has_an_experiment_of_its_own(request_of):
    request = request_of("--dataset", "mvtec", "--data", "somewhere")
    assert (request.experiment.name, request.folder) == ("mvtec", "mvtec")
    assert request.experiment.dataset.size == 256


def test_options_change_the_grid(request_of, tiny_file):
    options = "--category tile --category bottle --category tile --variant seg --variant none"
    grid = request_of(
        str(tiny_file), *options.split(), "--seed", "7", "--seed", "3"
    ).experiment.grid
    assert set(grid.categories) == {"bottle", "tile"}
    assert len(grid.categories) == 2
    assert grid.variants == {"DeSTSeg": ("none", "seg")}
    assert grid.seeds == (7, 3)


def test_without_options_the_experiment_stands(request_of, tiny_file):
    request = request_of(str(tiny_file), "--teacher", "imagenet")
    assert request.experiment.grid.seeds == (0, 1)
    assert request.experiment.grid.categories == ("tile", "bottle")
    assert request.experiment.teacher == "imagenet"
    assert request.command.startswith("python -m bench")
