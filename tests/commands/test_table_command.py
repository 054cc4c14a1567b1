import csv
import dataclasses
import io
import subprocess
import sys
from pathlib import Path

import pytest

from bench.cli import main
from bench.metrics import PAPER
from bench.presentation.tables import build_table, tables, tables_of
from bench.results.files import read_results, write_results

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "results"


def table(*options):
    return main(["table", *options, "--results", str(RESULTS)])


@pytest.mark.parametrize("name", tables_of(read_results(RESULTS / "ablation")))
def test_every_table_is_printed_from_the_committed_cells(capsys, name):
    assert table(name) == 0
    assert capsys.readouterr().out == build_table(name, read_results(RESULTS / "ablation")).text()


def test_every_form_is_printed(capsys):
    built = build_table("ablation", read_results(RESULTS / "ablation"))
    forms = {
        "text": built.text(),
        "markdown": built.markdown(),
        "csv": built.csv(),
        "latex": built.latex(),
    }
    assert len(set(forms.values())) == 4
    for form, expected in forms.items():
        assert table("ablation", "--format", form) == 0
        assert capsys.readouterr().out == expected
    assert len(list(csv.DictReader(io.StringIO(forms["csv"])))) == 10


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["tabel4"], ("error: table 'tabel4': unknown; there are ablation, loss, ", *tables())),
        (["ablation", "visa"], ("visa: no results; there are ablation",)),
        (
            ["ablation", "--results", "nowhere"],
            ("no results; `python -m bench reproduce ablation` makes them",),
        ),
        (
            ["claims", "mvtec"],
            ("`python -m bench reproduce mvtec --data DIR --textures DIR` makes",),
        ),
    ],
)
def test_what_is_unknown_is_refused_with_what_is_known(capsys, arguments, said):
    assert main(["table", "--results", str(RESULTS), *arguments]) == 2
    err = capsys.readouterr().err
    for part in said:
        assert part in err


@pytest.fixture
def scored(tmp_path):
    """Somebody's maps of MVTec AD, scored, and no results of an experiment."""
    found = read_results(RESULTS / "rivals")
    cells = found.cells[found.cells["method"] == "PatchCore"]
    rival = dataclasses.replace(
        found,
        cells=cells.assign(method="Rival", protocol=PAPER.label, den="", ed="", seg=""),
        experiment="score-Rival",
        dataset="MVTec AD",
        standing="original",
        variants={"Rival": ("",)},
        protocol=PAPER,
        costs={},
        curve=None,
    )
    write_results(tmp_path / "score-Rival", rival)
    return tmp_path


@pytest.mark.parametrize("name", ["main", "image", "pixel", "instance", "categories"])
def test_included_results_are_shown_without_the_experiments(scored, name, capsys, caplog):
    words = ["table", name, "mvtec", "--include", "score-Rival", "--results", str(scored)]
    assert main(words) == 0
    assert "mvtec: no results; the included ones are shown without them" in caplog.text
    out = capsys.readouterr().out
    assert "Rival" in out
    assert ("DeSTSeg" in out) == (name != "categories"), "the published one"


def test_a_mistyped_experiment_is_not_passed_over(scored, capsys):
    words = ["table", "main", "mvtek", "--include", "score-Rival", "--results", str(scored)]
    assert main(words) == 2
    assert "mvtek: no results; " in capsys.readouterr().err


def test_an_unknown_form_is_refused(capsys):
    with pytest.raises(SystemExit) as caught:
        table("ablation", "--format", "word")
    assert caught.value.code == 2
    assert "invalid choice: 'word'" in capsys.readouterr().err


def test_it_needs_no_torch():
    code = (
        "import sys; from bench.cli import main; code = main(['table', 'ablation']);"
        "sys.exit(code or 9 * any(name.partition('.')[0] == 'torch' for name in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Image AUROC" in done.stdout
