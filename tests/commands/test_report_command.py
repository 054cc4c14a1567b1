import dataclasses

import pytest

from bench.cli import main
from bench.commands import finished_options
from bench.commands.report import reproducing
from bench.presentation.figures import OF_CELLS
from bench.results.files import write_results


@pytest.fixture
def results(tmp_path, tiny_finished):
    """A folder of results where only the table of cells is left."""
    write_results(tmp_path / "results" / "tiny", tiny_finished.results)
    return tmp_path / "results"


@pytest.fixture
def call(write_tiny, results, weights, tmp_path, monkeypatch):
    """Run a command on the tiny experiment, with nothing but its cells at hand."""
    monkeypatch.setenv("DESTSEG_BENCH_CACHE", str(tmp_path / "no cache"))

    def call(command, *options):
        part = ("--variant", "none", "--variant", "den+ed+seg", "--results", str(results))
        return main([command, str(write_tiny()), *part, *options])

    return call


@pytest.mark.usefixtures("page_alone")
def test_from_the_table_of_cells_there_is_a_report_without_gallery(call, results, capsys):
    assert call("report") == 0
    path = results / "tiny" / "report.html"
    assert capsys.readouterr().out.startswith(f"{path}: ")
    text = path.read_text(encoding="utf-8")
    assert "There is no gallery, since the decoded images are not at hand" in text
    assert "complete: all 8 cells" in text
    assert "image/svg+xml" in text
    assert not (results / "runs").exists(), "nothing is run"


def test_a_folder_of_something_else_is_not_to_be_removed_for_a_report(
    call, results, tiny_finished, monkeypatch, capsys
):
    other = dataclasses.replace(tiny_finished.results, experiment="other")
    write_results(results / "tiny", other)
    # By its records, which know nothing of what the folder holds.
    monkeypatch.setattr(finished_options, "find_finished", lambda *_: tiny_finished)
    assert call("report") == 2
    said = capsys.readouterr().err
    assert (
        "something else (experiment: other there, tiny now); give the experiment, data and" in said
    )
    assert "remove" not in said


def test_figures_are_drawn_by_name(call, results, capsys):
    assert call("figure", "--only", "heatmap", "--only", "missed") == 0
    out = capsys.readouterr().out
    written = {path.name for path in (results / "tiny" / "figures").iterdir()}
    metrics = ("image_auroc", "pixel_ap", "iap")
    forms = ("pdf", "png", "svg")
    assert written == {f"heatmap_{metric}.{form}" for metric in metrics for form in forms}
    assert "heatmap_iap.svg" in out
    assert out.endswith("not drawn, since what they need is not at hand: missed.\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("figure", "--only", "pie"), f"--only pie: unknown; there are {', '.join(OF_CELLS)}, "),
        (("report", "nothing"), "nothing: no such experiment or file; there are ablation, "),
        (("report", "--seed", "77"), "run `python -m bench reproduce`"),
    ],
)
def test_what_is_unknown_is_refused_with_what_is_known(
    arguments, said, capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert main(list(arguments)) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err


def test_the_page_names_the_command_that_makes_its_numbers():
    arguments = ["report", "experiments/loss.toml", "--include", "score-x", "--seed", "0"]
    assert reproducing(arguments) == "python -m bench reproduce experiments/loss.toml --seed 0"
